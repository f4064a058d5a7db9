#!/usr/bin/env bash
# First light: a persona file becomes a running agent, and the tree is clean afterwards.
#
#   examples/first-light.sh [--real] [--all | PERSONA.json]
#
# Without --real, or when the harness is not installed, the stand-in plays it. Builds
# what is missing, works in a temporary directory, and fails if anything is off.
# --all takes every example in turn; one whose skills come from the network is skipped.
# CALLSHEET and STAND_IN name programs to use instead of building them.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
real=no
all=no
persona=
for argument in "$@"; do
    case $argument in
    --real) real=yes ;;
    --all) all=yes ;;
    -h | --help)
        sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    -*)
        printf 'first-light: unknown option %s\n' "$argument" >&2
        exit 64
        ;;
    *) persona=$(cd "$(dirname "$argument")" && pwd)/$(basename "$argument") ;;
    esac
done
persona=${persona:-$root/examples/personas/release-notes.json}

say() { printf '\n== %s\n' "$*"; }
fail() {
    printf '\nfirst-light: %s\n' "$*" >&2
    exit 1
}
# Shows a command as a reader would type it, then runs it.
show() {
    local shown='$' word
    for word in "$@"; do
        case $word in
        "$callsheet") word=callsheet ;;
        "$persona") word=${persona#"$root"/} ;;
        *' '*) word="'$word'" ;;
        esac
        shown="$shown $word"
    done
    printf '%s\n' "$shown"
    "$@"
}
# Tells whether the persona file has a line like this.
has() { grep -Eq "$1" "$persona"; }

# 1. Programs.
callsheet=${CALLSHEET:-}
stand_in=${STAND_IN:-}
if [ -z "$callsheet" ] || [ -z "$stand_in" ]; then
    command -v cargo >/dev/null || fail "needs cargo; install Rust from https://rustup.rs"
    say "Building callsheet and the stand-in (nothing to do if they are fresh)"
    cd "$root"
    cargo build --quiet --package exec-native --package examples --bins
    target=$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    callsheet=${callsheet:-$target/debug/callsheet}
    stand_in=${stand_in:-$target/debug/stand-in}
fi
[ -x "$callsheet" ] || fail "no callsheet binary at $callsheet"
[ -x "$stand_in" ] || fail "no stand-in binary at $stand_in"

if [ "$all" = yes ]; then
    export CALLSHEET=$callsheet STAND_IN=$stand_in
    options=()
    [ "$real" = no ] || options=(--real)
    for persona in "$root"/examples/personas/*.json; do
        printf '\n######## %s\n' "${persona#"$root"/}"
        bash "${BASH_SOURCE[0]}" ${options[@]+"${options[@]}"} "$persona"
    done
    exit 0
fi

# A skill that is no file of ours would be fetched.
if fetched=$(grep -E '"source": *"' "$persona" | grep -Ev '"source": *"[^":]*\.md"'); then
    source=$(sed -n '1s/.*"source": *"\([^"]*\)".*/\1/p' <<<"$fetched")
    printf 'skipped: %s has a skill that comes from the network (%s)\n' \
        "${persona#"$root"/}" "$source"
    exit 0
fi

# 2. A project of its own, removed whatever happens.
work=$(mktemp -d "${TMPDIR:-/tmp}/first-light.XXXXXX")
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/project" "$work/state"
export CALLSHEET_STATE_HOME=$work/state
cd "$work/project"
git init --quiet --initial-branch=main
printf '# A small project\n' >README.md
printf 'Notes of our own.\n' >AGENTS.md
# An overlay needs the personas that the team shares.
if has '"extends":'; then cp -R "$root/examples/team/." .; fi
git add .
git -c user.name=first-light -c user.email=first-light@example.com -c commit.gpgsign=false \
    commit --quiet -m 'Start'

# 3. A value for everything that the persona takes from the environment by reference.
secrets=$work/secrets
: >"$secrets"
referred=$(grep -E '"(env|headers|args|url)"' "$persona" | grep -Eo '\$\{?[A-Z_][A-Z0-9_]*' | tr -d '${' | sort -u) || true
for name in $referred; do
    if [ "$real" = no ] || [ -z "${!name:-}" ]; then
        value=first-light-$name-$RANDOM$RANDOM
        export "$name=$value"
        printf '%s\n' "$value" >>"$secrets"
    fi
done

# 4. The harness: a real one if asked for and there, else the stand-in under its name.
task='Write NOTES.md: first light'
harness=$("$callsheet" plan "$persona" --task "$task" --json | sed -n 's/.*"cli":"\([^"]*\)","args":.*/\1/p')
[ -n "$harness" ] || fail "$persona names no harness"
played=no
if [ "$real" = yes ] && command -v "$harness" >/dev/null; then
    say "Using the $harness on PATH ($("$harness" --version 2>/dev/null | head -n 1))"
else
    [ "$real" = no ] || printf '\n%s is not on PATH; the stand-in plays it.\n' "$harness"
    played=yes
    ln -s "$stand_in" "$work/bin/$harness"
    export PATH=$work/bin:$PATH IS_SANDBOX=1
    say "The stand-in plays $harness"
fi

# 5. The plan, which touches nothing.
printed=$work/printed
say "The plan"
show "$callsheet" plan "$persona" --task "$task" 2>&1 | tee "$printed"
[ -z "$(git status --short)" ] || fail "planning changed the project: $(git status --short)"

# 6. The run.
say "The run"
code=0
show "$callsheet" run "$persona" --task "$task" --cwd "$work/project" 2>&1 |
    tee -a "$printed" || code=$?
left=$(git status --short)

# 7. The work, and nothing but the work.
say "The work"
if has '"mode": *"plan"|"sandboxMode": *"read-only"'; then
    # This persona changes nothing. Some agents call such a turn a failure.
    [ "$code" -le 1 ] || fail "the run ended with code $code"
    [ "$played" = no ] || grep -Eq '^denied:|could not write' "$printed" ||
        fail "the agent was not refused"
    expected=
    printf 'None: this persona may not write, and nothing was written.\n'
else
    [ "$code" -eq 0 ] || fail "the run ended with code $code"
    notes=NOTES.md
    expected='?? NOTES.md'
    if has '"mount":'; then
        # The agent worked in a layer or a copy, which is kept because it has work in it.
        mirror=$(sed -n 's|^kept: mirror .* to \(.*/mount\) (.*|\1|p
            s|^kept: layer over .* in \(.*/layer\) (.*|\1/upper|p' "$printed")
        [ -n "$mirror" ] || fail "the run does not say where the work is"
        printf 'It is in the layer or copy that was kept, not in the project:\n'
        notes=$mirror/NOTES.md
        expected=
    fi
    [ -f "$notes" ] || fail "the agent did not write $notes"
    show cat "$notes"
    grep -q 'first light' "$notes" || fail "$notes does not say what was asked for"
fi
say "The tree afterwards"
show git status --short
[ "$left" = "$expected" ] || fail "the tree is not as it should be: ${left:-the work is missing}"
[ -z "$(find "$work/state" -name stage)" ] || fail "the private files of the run are left"
if [ -s "$secrets" ]; then
    for place in "$printed" "$work/state" "$work/project"; do
        ! grep -rqFf "$secrets" "$place" || fail "the value of a reference is in $place"
    done
    printf 'Values given for %s: found nowhere.\n' "$(tr '\n' ' ' <<<"$referred" | sed 's/ *$//')"
fi
printf '\nfirst light: plan, run and clean tree, as promised.\n'

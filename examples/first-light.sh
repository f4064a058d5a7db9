#!/usr/bin/env bash
# First light: a persona file becomes a running agent, and the tree is clean afterwards.
#
#   examples/first-light.sh [--real] [PERSONA.json]
#
# Without --real, or when the harness is not installed, the stand-in plays it. Builds
# what is missing, works in a temporary directory, and fails if anything is off.
# CALLSHEET and STAND_IN name programs to use instead of building them.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
real=no
persona=
for argument in "$@"; do
    case $argument in
    --real) real=yes ;;
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

# 2. A project of its own, removed whatever happens.
work=$(mktemp -d "${TMPDIR:-/tmp}/first-light.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/project" "$work/state"
export CALLSHEET_STATE_HOME=$work/state
cd "$work/project"
git init --quiet --initial-branch=main
printf '# A small project\n' >README.md
printf 'Notes of our own.\n' >AGENTS.md
git add .
git -c user.name=first-light -c user.email=first-light@example.com -c commit.gpgsign=false \
    commit --quiet -m 'Start'

# 3. The harness: a real one if asked for and there, else the stand-in under its name.
harness=$(sed -n 's/^ *"harness": *"\([^"]*\)".*/\1/p' "$persona" | head -n 1)
[ -n "$harness" ] || fail "$persona names no harness"
task='Write NOTES.md: first light'
if [ "$real" = yes ] && command -v "$harness" >/dev/null; then
    say "Using the $harness on PATH ($("$harness" --version 2>/dev/null | head -n 1))"
else
    [ "$real" = no ] || printf '\n%s is not on PATH; the stand-in plays it.\n' "$harness"
    ln -s "$stand_in" "$work/bin/$harness"
    export PATH=$work/bin:$PATH IS_SANDBOX=1
    say "The stand-in plays $harness"
fi

# 4. The plan, which touches nothing.
say "The plan"
show "$callsheet" plan "$persona" --task "$task"
[ -z "$(git status --short)" ] || fail "planning changed the project: $(git status --short)"

# 5. The run.
say "The run"
show "$callsheet" run "$persona" --task "$task" --cwd "$work/project" ||
    fail "the run ended with code $?"

# 6. The work, and nothing but the work.
say "The work"
[ -f NOTES.md ] || fail "the agent did not write NOTES.md"
show cat NOTES.md
grep -q 'first light' NOTES.md || fail "NOTES.md does not say what was asked for"
say "The tree afterwards"
show git status --short
left=$(git status --short)
[ "$left" = '?? NOTES.md' ] || fail "more than the agent's work is left: $left"
printf '\nfirst light: plan, run and clean tree, as promised.\n'

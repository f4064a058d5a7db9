#!/usr/bin/env bash
# A fleet of four stand-ins: planned, brought up, spoken to, scaled and taken down.
#
#   examples/fleet/fleet.sh [--transport tmux|process]
#
# Builds what is missing, works in a temporary directory, and fails if anything is off.
# Without tmux the seats are processes with terminals of their own.
# CALLSHEET and STAND_IN name programs to use instead of building them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
transport=auto
while [ $# -gt 0 ]; do
    case $1 in
    --transport)
        transport=${2:?"--transport needs a value"}
        shift 2
        ;;
    -h | --help)
        sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *)
        printf 'fleet: unknown argument %s\n' "$1" >&2
        exit 64
        ;;
    esac
done

say() { printf '\n== %s\n' "$*"; }
fail() {
    printf '\nfleet: %s\n' "$*" >&2
    exit 1
}
show() {
    local shown='$ callsheet' word
    for word in "${@:2}"; do
        case $word in
        *' '*) word="'$word'" ;;
        esac
        shown="$shown $word"
    done
    printf '%s\n' "$shown"
    "$@"
}

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

# A home, a project and a tmux server of its own, removed whatever happens.
work=$(mktemp -d "${TMPDIR:-/tmp}/fleet.XXXXXX")
export HOME=$work/user CALLSHEET_HOME=$work/home CALLSHEET_STATE_HOME=$work/state
export CALLSHEET_BIN=$callsheet TMUX_TMPDIR=$work IS_SANDBOX=1
unset TMUX MOSAIC_HOME
clean() {
    "$callsheet" --quiet fleet down --transport "$transport" >/dev/null 2>&1 || true
    chmod -R u+w "$work" && rm -rf "$work"
}
trap clean EXIT
mkdir -p "$work/bin" "$HOME"
cp -R "$here/home" "$CALLSHEET_HOME"
for harness in claude codex opencode grok; do ln -s "$stand_in" "$work/bin/$harness"; done
export PATH=$work/bin:$PATH
printf 'Notes of our own.\n' >"$HOME/CLAUDE.md"
cd "$work"

say "The plan, which touches nothing"
show "$callsheet" fleet plan --profile small-team --full
[ ! -e "$CALLSHEET_HOME/fleet/roster.yaml" ] || fail "planning wrote the roster"

say "Up"
show "$callsheet" fleet up --profile small-team --full --wait --transport "$transport"
show "$callsheet" fleet status --check
show "$callsheet" fleet graph
show "$callsheet" fleet explain code0
[ "$(cat "$HOME/CLAUDE.md")" = 'Notes of our own.' ] || fail "a seat's notes are in the project"

say "Up again: nothing to do"
again=$(show "$callsheet" fleet up --transport "$transport")
printf '%s\n' "$again"
grep -q 'Nothing to do' <<<"$again" || fail "a second up did something"

say "A message"
show "$callsheet" fleet send planner --message 'What is next?'
for _ in $(seq 100); do
    tail=$("$callsheet" fleet tail planner -n 20)
    ! grep -q 'What is next?' <<<"$tail" || break
    sleep 0.05
done
grep 'What is next?' <<<"$tail" || fail "the message did not arrive"

say "One more who writes, and an edit by hand"
sed -i.bak 's/^  - name: code1$/  # Ada looks after this one.\n&/' "$CALLSHEET_HOME/fleet/roster.yaml"
rm "$CALLSHEET_HOME/fleet/roster.yaml.bak"
show "$callsheet" fleet scale code=3 --transport "$transport"
grep -q 'Ada looks after' "$CALLSHEET_HOME/fleet/roster.yaml" || fail "the comment is lost"

say "Down"
show "$callsheet" fleet down --transport "$transport"
left=$(find "$CALLSHEET_HOME/fleet/run" ! -type d ! -name fleet.lock ! -name tmux.lock)
[ -z "$left" ] || fail "the fleet left: $left"
[ "$(cat "$HOME/CLAUDE.md")" = 'Notes of our own.' ] || fail "the project is not as it was"
[ ! -e "$work/user/STANDIN_REPORT.md" ] || fail "a seat wrote into the project"
printf '\nfleet: up, spoken to, scaled and down, as promised.\n'

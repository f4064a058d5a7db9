#!/usr/bin/env bash
# A workflow of nine calls to a stand-in agent: killed on the way, resumed, edited, resumed.
# Nothing that was paid for is paid for twice. Then the workflows that come with callsheet, one of
# them in the background, and one that is saved by a name.
#
#   examples/workflow/workflow.sh
#
# Builds what is missing, works in a temporary directory, and fails if anything is off.
# CALLSHEET names a program to use instead of building it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

say() { printf '\n== %s\n' "$*"; }
fail() {
    printf '\nworkflow: %s\n' "$*" >&2
    exit 1
}

callsheet=${CALLSHEET:-}
if [ -z "$callsheet" ]; then
    command -v cargo >/dev/null || fail "needs cargo; install Rust from https://rustup.rs"
    say "Building callsheet (nothing to do if it is fresh)"
    cd "$root"
    cargo build --quiet --package exec-native --bins
    target=$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    callsheet=$target/debug/callsheet
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/workflow.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
export CALLSHEET_STATE_HOME=$work/state CALLS=$work/calls
touch "$CALLS"
calls() { wc -l <"$CALLS"; }
agent=$here/agent.sh

say "A run, killed on its way"
DELAY=0.4 "$callsheet" workflow run "$here/audit.js" --run-id audit --concurrency 2 \
    --agent-command "$agent" &
sleep 1.5
kill -9 $! 2>/dev/null || true
wait $! 2>/dev/null || true
before=$(calls)
[ "$before" -gt 0 ] || fail "no call was made"

say "Resumed: it goes on where it was"
first=$("$callsheet" workflow resume audit --agent-command "$agent")
printf '%s\n' "$first"
# At most two were at work when it was killed, and are called again.
[ "$(calls)" -le 11 ] || fail "$(calls) calls for 9 results"

say "Resumed again: everything is known"
before=$(calls)
second=$("$callsheet" workflow resume audit --agent-command "$agent")
[ "$first" = "$second" ] || fail "another result"
[ "$(calls)" = "$before" ] || fail "something was called again"

say "Edited: what the edit changed runs, and nothing else"
sed 's/Sum up:/Sum up in one line:/' "$here/audit.js" >edited.js
planned=$("$callsheet" workflow resume audit --script edited.js --plan --agent-command "$agent")
printf '%s\n' "$planned"
printf '%s\n' "$planned" | grep -q '^  to run     1$' || fail "the plan is another one"
[ "$(calls)" = "$before" ] || fail "a plan called somebody"
"$callsheet" workflow resume audit --script edited.js --agent-command "$agent"
[ "$(calls)" = $((before + 1)) ] || fail "$(($(calls) - before)) calls for one edit"

say "The workflows that come with callsheet"
answers=$here/answers.sh
"$callsheet" workflow saved
"$callsheet" workflow run deep-research --arg question='Why is it slow?' --agent-command "$answers"
"$callsheet" workflow run adversarial-review --arg reviewers=1 --agent-command "$answers"
"$callsheet" workflow run fix-until-green --arg command='make test' --agent-command "$answers"

say "One of them in the background, looked at until it ends"
id=$("$callsheet" workflow run codebase-audit --background --agent-command "$answers")
"$callsheet" workflow watch "$id"

say "A workflow with a name"
"$callsheet" workflow save look "$here/audit.js"
"$callsheet" workflow run look --arg files=one.txt --arg files=two.txt --agent-command "$agent"
"$callsheet" workflow forget look

say "What there is to see"
"$callsheet" workflow list
"$callsheet" workflow show audit
printf '\nworkflow: all as it should be\n'

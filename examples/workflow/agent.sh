#!/bin/sh
# Stands in for an agent: reads one JSON object, notes that it was called, takes a moment, and
# answers with what it took. CALLS names the file of notes, DELAY the seconds of a moment.
request=$(cat)
label=$(printf '%s' "$request" | sed -n 's/.*"label":"\([^"]*\)".*/\1/p')
printf '%s\n' "$label" >>"${CALLS:-/dev/null}"
sleep "${DELAY:-0.2}"
printf '{"result":"%s: nothing to complain of (%s)","usage":{"input":900,"output":100,"cost":0.004}}\n' \
    "$label" "$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')"

#!/bin/sh
# Stands in for an agent in the workflows that come with callsheet: reads one JSON object, notes
# that it was called, and answers as the schema of that call wants, by the call's label. CALLS
# names the file of notes.
request=$(cat)
label=$(printf '%s' "$request" | sed -n 's/.*"label":"\([^"]*\)".*/\1/p')
printf '%s\n' "$label" >>"${CALLS:-/dev/null}"
case $label in
plan)
    result='{"sides":[{"name":"use","ask":"Who uses it?"},{"name":"cost","ask":"What does it cost?"}]}' ;;
"search gap 1.1")
    result='{"claims":[{"claim":"It is cheap in the long run","source":"report.pdf"}]}' ;;
search*)
    name=${label#search }
    result='{"claims":[{"claim":"About '$name'","source":"'$name'.md","quote":"as written"}]}' ;;
"completeness critic")
    result='{"complete":false,"missing":["What about later?"]}' ;;
"find 1")
    result='{"findings":[{"title":"Off by one","file":"a.c","line":7,"why":"i <= n","severity":"low"},
        {"title":"Overflow","file":"b.c","line":1,"why":"n * 8","severity":"high"}]}' ;;
find*)
    result='{"findings":[]}' ;;
map)
    result='{"parts":[{"name":"core","files":["core/"],"does":"It computes."},
        {"name":"shell","files":["shell/"],"does":"It talks."}]}' ;;
"audit core 1")
    result='{"findings":[{"file":"core/x","line":3,"title":"Lost error","why":"ignored","severity":"high"}]}' ;;
audit*)
    result='{"findings":[]}' ;;
verify*)
    result='{"real":true,"reason":"seen"}' ;;
"check 0" | "check 1")
    result='{"green":false,"failures":["test a fails in a.c:7"]}' ;;
check*)
    result='{"green":true,"failures":[]}' ;;
review*)
    result='{"honest":true}' ;;
*)
    result="\"$label: done\"" ;;
esac
printf '{"result":%s,"usage":{"input":900,"output":100,"cost":0.004}}\n' "$result"

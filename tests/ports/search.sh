#!/bin/sh
# A random search of 50 draws, of which some fail and some end with NaN, as users of sweeps have it.
. tests/integration/lib.inc
cp -r tests/ports/search "$work/project" && cd "$work/project" || exit 1
run() { "$retort" run --progress json "$@" >run.json 2>run.err || { cat run.err run.json; return 1; }; }
ended() { grep -c "\"stage\":\"fit.*\"state\":\"$1\"" run.json; }
check "the file is sound" "$retort" check
check "the search ends well, though some draws fail" run
check "every draw was tried" same "$(($(ended finished) + $(ended failed)))" 50
failed=$(ended failed)
check "some draws failed" test "$failed" -gt 0
"$retort" metrics fit --csv >table.csv
check "draws that ended with NaN are in the table" grep -q NaN table.csv
check "the table shows what was drawn" same "$(head -n 1 table.csv)" "stage,trial,trial.rate,trial.decay,trial.strict,loss,rate"
check "each draw stands beside the rate that its metrics tell" same "$(awk -F, 'NR > 1 && $3 != $7' table.csv)" ""
least=$(awk -F, 'NR > 1 && $6 != "NaN" && (least == "" || $6 + 0 < least) { least = $6 + 0; rate = $7 } END { print rate }' table.csv)
check "the best draw is the one of the least finite loss" same "$(sed 's/.*"rate": \([^}]*\)}/\1/' results/search/best.json)" "$least"
"$retort" plan >plan.txt 2>&1
check "plan says which draws were left out" has plan.txt "best: left out: fit[trial=draw-"
check "a second run ends well" run
check "it executes nothing" same "$(counts run.json | sed 's/,"failed.*//')" "{\"event\":\"end\",\"known\":$((51 - failed)),\"finished\":0"
check "failed draws are tried again when asked" run --retry-failed
check "only these are executed" same "$(ended started) $(ended failed)" "$failed $failed"
sed -i 's/"count": 50/"count": 55/' pipeline.json
check "five draws more run" run
check "the first 50 are the same" same "$(ended started)" 5
finish

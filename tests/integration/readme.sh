#!/bin/sh
# The README's own pipeline, as it is printed there: it runs, is known, and behaves as the text below it says.
. tests/integration/lib.inc
awk '/^```json$/ { on = 1; next } /^```$/ { on = 0 } on' README.md >"$work/pi.json" && cd "$work" || exit 1

run() { "$retort" run pi.json --progress json >run.json; }
ended() { tail -n 1 run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
check "the pipeline runs" run
check "nine throws and a report" same "$(ended finished)" 10
check "the report holds three scores" same "$(grep -c error results/pi/report.txt)" 3
check "of enough darts" same "$(grep -c 10000 results/pi/report.txt)" 3
check "again" run
check "all is known" same "$(ended known) $(ended finished)" "10 0"
sed -i 's/\[100, 10000, 1000000\]/[100, 10000, 100000, 1000000]/' pi.json
check "with a fourth number of darts" run
check "only its three instances run" same "$(ended known) $(ended finished)" "10 3"
finish

#!/bin/sh
# The pipeline that the README prints runs, is known afterwards, and does what the text below it says.
. tests/integration/lib.inc
awk '/^```json$/ { on = 1; next } /^```$/ && on { exit } on' README.md >"$work/pi.json" && cd "$work" || exit 1

run() { "$retort" run pi.json --progress json >run.json; }
ended() { tail -n 1 run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
check "the README's pipeline runs" run
check "the first run finishes nine throws and a report" same "$(ended finished)" 10
check "the report holds three scores" same "$(grep -c error results/pi/report.txt)" 3
check "the report holds scores of 10000 darts" same "$(grep -c 10000 results/pi/report.txt)" 3
check "the second run succeeds" run
check "the second run executes nothing" same "$(ended known) $(ended finished)" "10 0"
sed -i 's/\[100, 10000, 1000000\]/[100, 10000, 100000, 1000000]/' pi.json
check "a run with a fourth number of darts succeeds" run
check "only the three new instances run" same "$(ended known) $(ended finished)" "10 3"
finish

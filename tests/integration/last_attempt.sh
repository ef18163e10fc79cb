#!/bin/sh
# log and show of stages whose last attempt has no record in the store: uncached ones, and ones whose key has changed.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<'EOT'
{ "retort": 1, "name": "p", "params": { "v": 1 }, "stages": {
  "s": { "cmd": ["sh", "-c", "echo said $1; while [ -e hold ]; do sleep 0.05; done; [ $1 != 2 ] || sleep 30; echo >o", "sh", "${params.v}"], "outs": { "o": "o" } },
  "free": { "matrix": { "n": [1, 2] }, "cache": false, "cmd": ["sh", "-c", "echo free $1 $2; echo '{\"loss\": 0.5}' >m.json", "sh", "${params.v}", "${matrix.n}"], "outs": { "m": { "path": "m.json", "type": "metrics" } } },
  "fails": { "cache": false, "cmd": ["false"] } } }
EOT
check "a run of the first version succeeds" "$retort" run p.json s free --progress none
"$retort" log p.json s >log.txt
check "the log of the present key has no mark" exits 1 grep -q "earlier key" log.txt

# A run of the second version is at work, then killed.
"$retort" run p.json s --set params.v=2 --progress none >second 2>&1 & pid=$!
for _ in $(seq 400); do grep -rqs "said 2" .retort && break; sleep 0.05; done
"$retort" log p.json s --set params.v=2 >log.txt
kill -KILL $pid; wait $pid 2>/dev/null
check "the log of an earlier key is shown" has log.txt "said 1"
check "the log of an earlier key is marked" has log.txt ", of an earlier key: the present one has no output yet)"

check "show finds the record of an uncached stage" "$retort" show p.json free --json
"$retort" show p.json free --json >show.json
check "show prints both instances with their metrics" python3 -c '
import json
records = json.load(open("show.json"))
assert [r["stage"] for r in records] == ["free[n=1]", "free[n=2]"], records
assert all(r["metrics"] == {"loss": 0.5} and r["state"] == "finished" for r in records), records'
"$retort" show p.json 'free[n=2]' >show.txt
check "the text shows a metric" has show.txt "metric loss"
check "a record of the present key has no mark" exits 1 grep -q "an earlier one" show.txt
"$retort" show p.json 'free[n=2]' --set params.v=3 >show.txt
check "the record of an earlier key is marked" has show.txt "(an earlier one)"
"$retort" log p.json free >log.txt
check "log prints the output of an uncached stage" has log.txt "free 1 2"
check "an uncached stage that fails fails the run" exits 1 "$retort" run p.json fails --progress none
check "show prints no record of a failed attempt" exits 3 "$retort" show p.json fails
finish

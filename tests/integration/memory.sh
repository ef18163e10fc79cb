#!/bin/sh
# A stage is held to the memory that it declares.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<EOT
{ "retort": 1, "name": "p", "defaults": { "retries": 0 }, "stages": {
  "t": { "matrix": { "mib": [4, 300, 5] }, "resources": { "memory": "64MiB" }, "outs": { "m": { "path": "m.json", "type": "metrics" } },
         "cmd": ["python3", "-c", "import sys, time; open('$work/tries', 'a').write(sys.argv[1] + chr(10)); kept = bytearray(int(sys.argv[1]) << 20); time.sleep(1000 if len(kept) > 64 << 20 else 0); open('m.json', 'w').write('{\"loss\": %s}' % sys.argv[1])", "\${matrix.mib}"] },
  "free": { "cmd": ["sh", "-c", "ulimit -v >o"], "outs": { "o": "o" } },
  "capped": { "cmd": ["sh", "-c", "ulimit -v >o; exit"], "outs": { "o": "o" }, "resources": { "memory": "64MiB" } },
  "brief": { "cmd": ["sh", "-c", "kill -STOP \$PPID; python3 -c 'bytearray(200 << 20)'; kill -CONT \$PPID; echo >o"], "outs": { "o": "o" }, "resources": { "memory": "64MiB" } },
  "best": { "select": { "from": "t", "group_by": ["mib"], "maximize": "metrics.loss", "quorum": 2 } } },
  "results": { "free": "\${stages.free.outs.o}", "capped": "\${stages.capped.outs.o}" } }
EOT
field() { "$retort" show p.json "$1" --json | python3 -c "import json, sys; print(json.load(sys.stdin)$2)"; }

"$retort" run p.json 't[mib=300]' --progress json >run.json 2>&1
check "a stage that takes too much memory fails" same "$?" 1
check "the failure says how much was declared" grep -q "killed for its memory: peak [0-9]* MiB of 64 MiB declared" run.json
check "the failure of a watched stage says how much it was over" grep -qE "[1-9][0-9]* MiB over \(watched\)|held by a cgroup" run.json
check "its record says which guard held" python3 -c '
import glob, json
records = [json.load(open(f)) for f in glob.glob(".retort/attempts/*.json")]
m = [r["resources"]["memory"] for r in records][0]
assert m["limit_bytes"] == 64 << 20 and m["guard"] in ("watched", "cgroup") and m["exceeded"], m
assert m["guard"] == "cgroup" or m["peak_bytes"] > 64 << 20, m'

: >tries
check "a quorum goes on without it" exits 0 "$retort" run p.json best --progress json
check "it is tried once more first, as after a signal" same "$(grep -c 300 tries)" 2
check "the next run tries it again" exits 0 "$retort" run p.json best --progress json
check "the failure is not remembered" same "$(grep -c 300 tries)" 4

check "a stage within its memory" "$retort" run p.json free capped --progress none
check "has no limit of its address space" same "$(cat results/p/capped)" unlimited
"$retort" show p.json capped >shown
check "show prints its peak and what it declares" grep -q "peak memory [0-9.]* MiB of 64.0 MiB declared (\(watched\|cgroup\))" shown
check "its record does not say that it took too much" same "$(field capped '["resources"]["memory"]["exceeded"]')" False
check "a stage that declares no memory has none in its record" same "$(field free '["resources"].get("memory")')" None
# The keeper is stopped while the stage holds too much.
"$retort" run p.json brief --progress plain >brief 2>&1
check "a stage that ends before the guard sees its memory finishes" same $? 0
check "the run says that it took more than it declares" grep -qE "peak 2[0-9][0-9] MiB of 64 MiB declared" brief
"$retort" show p.json brief >shown
check "show says so too" grep -qE "peak memory 2[0-9][0-9].[0-9] MiB of 64.0 MiB declared" shown
finish

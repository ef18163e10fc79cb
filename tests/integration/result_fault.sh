#!/bin/sh
# A fault that one result shows stops no command from showing the others.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<'EOT'
{ "retort": 1, "name": "p", "stages": {
  "t": { "matrix": { "n": [1, 2, 3] }, "outs": { "m": { "path": "m.json", "type": "metrics" } },
         "cmd": ["sh", "-c", "[ $1 = 2 ] && echo {\\\"x\\\": 0} >m.json || echo {\\\"y\\\": $1} >m.json", "sh", "${matrix.n}"] },
  "use": { "matrix": { "n": [1, 2, 3] }, "outs": { "m": { "path": "m.json", "type": "metrics" } },
           "cmd": ["sh", "-c", "echo {\\\"z\\\": $1} >m.json", "sh", "${stages.t.metrics.y}"] } } }
EOT
ask() { "$retort" "$@" >told 2>faults; }
fault='${stages.t.metrics.y}: t[n=2] gave no metric "y"; it gave x'

"$retort" run p.json --keep-going --progress none
check "metrics succeeds" exits 0 ask metrics p.json
check "metrics shows the instances without the fault" same "$(grep -c '^use ' told)" 2
check "metrics shows the instance that gave another metric" same "$(grep -c '^t ' told)" 3
check "metrics names the fault" has faults "$fault"
check "metrics names the instance" has faults "use[n=2]"
check "metrics --csv is whole" exits 0 ask metrics p.json --csv
check "its rows are those of the table" same "$(wc -l <told)" 6
check "show shows a record" exits 0 ask show p.json "use[n=1]" "use[n=2]" "use[n=3]"
check "show names the fault" has faults "$fault"
check "why explains all" exits 0 ask why p.json use
check "why gives the fault as the reason" has told "use[n=2]: waiting: $fault"
check "log shows the others" exits 0 ask log p.json t use
check "verify executes the others" exits 0 ask verify p.json use
check "verify counts them" has told "2 of 2 recorded stages"
check "plan refuses the file" exits 2 ask plan p.json
finish

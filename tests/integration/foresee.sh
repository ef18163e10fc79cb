#!/bin/sh
# check finds the faults of instances that still wait for results, and names the instances.
. tests/integration/lib.inc
cd "$work" || exit 1
echo d >data-there.txt
cat >late.json <<'EOT'
{ "retort": 1, "name": "late", "stages": {
  "first": { "cmd": ["sh", "-c", "echo a > o"], "outs": { "o": "o" } },
  "train": { "uses": "deeprx/train@1", "with": { "size": 7, "steps": 10 } },
  "score": { "uses": "deeprx/evaluate@1", "matrix": { "pilots": [1, "seven"] }, "in": { "model": "${stages.train.outs.model}" },
             "with": { "pilots": "${matrix.pilots}" } },
  "file":  { "matrix": { "a": ["there", "absent"] }, "in": { "o": "${stages.first.outs.o}", "x": "data-${matrix.a}.txt" },
             "cmd": ["cat", "${in.o}", "${in.x}"] },
  "words": { "matrix": { "l": [[1, 2], 3] }, "in": { "o": "${stages.first.outs.o}" }, "cmd": ["echo", "x${matrix.l}", "${in.o}"],
             "env": { "V": "${matrix.l}" } },
  "alone": { "in": { "o": "${stages.first.outs.o}", "x": "missing.txt" }, "cmd": ["cat", "${in.o}", "${in.x}"] },
  "every": { "matrix": { "n": [1, 2, 3] }, "in": { "o": "${stages.first.outs.o}", "x": "none.txt" }, "cmd": ["echo", "${matrix.n}", "${in.o}"] } } }
EOT
found() { "$retort" check late.json 2>said.err; same "exit status $?" "exit status 2"; }
check "faults of waiting instances are found" found
check "a value of with that does not fit is named with its instance" has said.err '"pilots" is the text "seven"; allowed is an integer from 0 to 2 (at /stages/score/with/pilots, in score[pilots=seven])'
check "an input that is missing is named with its instance" has said.err 'data-absent.txt: does not exist (at /stages/file/in/x, in file[a=absent])'
check "a list within a word is named with its instance" has said.err 'a list cannot stand inside a text (at /stages/words/cmd/1, in words[l=[1,2]])'
check "a list as a variable is named with its instance" has said.err '(at /stages/words/env/V, in words[l=[1,2]])'
check "a fault of all instances is told once" has said.err 'none.txt: does not exist (at /stages/every/in/x, in every[n=1] and 2 more)'
check "an input of a stage without a matrix is found" has said.err 'missing.txt: does not exist (at /stages/alone/in/x)'
check "there are six faults" has said.err "6 errors; nothing was run"
refused() { "$retort" run late.json --progress json >run.json 2>run.err; same "exit status $?" "exit status 2"; }
check "run refuses a file whose waiting instances have faults" refused
check "nothing was started" sh -c '! grep -q started run.json'
cat >apart.json <<'EOT'
{ "retort": 1, "name": "apart", "stages": {
  "f": { "matrix": { "a": ["there", "absent"] }, "in": { "x": "data-${matrix.a}.txt" }, "cmd": ["cat", "${in.x}"] },
  "g": { "cmd": ["true"] } } }
EOT
check "run refuses a file with a fault" exits 2 "$retort" run apart.json
"$retort" run apart.json -k --progress json >run.json 2>run.err
check "--keep-going still ends with status 2" same $? 2
check "--keep-going runs all other instances" same "$(counts run.json)" '{"event":"end","known":0,"finished":2,"failed":1,"interrupted":0,"skipped":0}'
finish

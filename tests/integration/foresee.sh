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

# Each fault of waiting instances is found before anything runs. $1: the stages beside w, on which they wait.
write_waiting() {
    printf '{ "retort": 1, "name": "waiting", "stages": { "w": { "cmd": ["sh", "-c", "echo a > o"], "outs": ["o"] },\n%s } }\n' "$1" >waiting.json
}
foreseen() { # STAGES FAULT
    write_waiting "$1"
    rm -rf .retort
    "$retort" run waiting.json --progress json >run.json 2>run.err
    same "exit status $?" "exit status 2" && has run.err "$2" && same "$(grep -c started run.json)" 0
}
check "a program that pin names is looked for" foreseen \
    '"a": { "in": ["${stages.w.outs.o}"], "cmd": ["true"], "pin": ["no-such-program"] }' \
    'no-such-program: no such program on the PATH of the stage'
check "an input that stands in an out is found" foreseen \
    '"a": { "matrix": { "n": [1, 2] }, "in": [{ "from": "${stages.w.outs.o}", "as": "x/${matrix.n}" }], "cmd": ["true"], "outs": { "f": { "path": "x", "type": "directory" } } }' \
    'the places of the out x and the input x/1 in the directory of a[n=1]'
check "an out that has the place of another stage's out is found" foreseen \
    '"a": { "matrix": { "n": ["p", "o"] }, "in": ["${stages.w.outs.o}"], "cmd": ["true"], "outs": ["${matrix.n}"] }' \
    'the places of the input o and the out o in the directory of a[n=o] are equal: choose another'
check "inputs that lie in one another are found" foreseen \
    '"a": { "matrix": { "n": ["d"] }, "in": [{ "from": "${stages.w.outs.o}", "as": "d" }, { "path": "data-there.txt", "as": "${matrix.n}/x" }], "cmd": ["true"] }' \
    'the places of the input d and the input d/x in the directory of a[n=d]'
check "a part of a folder that lies in an out is found" foreseen \
    '"d": { "cmd": ["mkdir", "-p", "f/p"], "outs": { "f": { "path": "f", "type": "directory" } } }, "a": { "matrix": { "n": ["p"] }, "in": [{ "from": "${stages.d.outs.f}", "part": "${matrix.n}" }], "cmd": ["true"], "outs": { "g": "f/p/g" } }' \
    'the places of the input f/p and the out f/p/g in the directory of a[n=p]'
long=$(head -c 140000 /dev/zero | tr '\0' x)
check "a word beyond the system's limit is found" foreseen \
    '"a": { "matrix": { "n": ["'"$long"'"] }, "in": ["${stages.w.outs.o}"], "cmd": ["echo", "${matrix.n}"] }' \
    'a word of "cmd" has 140000 bytes; the system takes at most 131071: pass it in a file'
check "a variable beyond the system's limit is found" foreseen \
    '"a": { "env": { "V": "'"$long"'" }, "in": ["${stages.w.outs.o}"], "cmd": ["env"] }' \
    'the variable "V" has 140002 bytes; the system takes at most 131071: pass it in a file'
ulimit -s 1024 # so a command line may have 256 KiB
many=$(awk 'BEGIN { for (i = 0; i < 1000; i++) printf "%s\"%0300d\"", i ? "," : "", i }')
check "a command line beyond the system's limit is found" foreseen \
    '"a": { "matrix": { "n": [['"$many"']] }, "in": ["${stages.w.outs.o}"], "cmd": ["echo", "${matrix.n}"] }' \
    'the command line with its variables has '
mkdir listed && (cd listed && seq -f "f%04g-$(printf '%0240d' 0)" 1100 | xargs touch)
list=$(ls listed | sed 's,.*,"listed/&",' | paste -s -d ,)
printf '{ "retort": 1, "name": "files", "stages": { "a": { "in": { "l": [%s] }, "cmd": ["echo", "${in.l}"], "retries": 2 } } }\n' "$list" >files.json
"$retort" run files.json --progress json >run.json 2>run.err
check "files whose paths are too long together fail before anything runs" same "$?" 2
check "the fault says so" has run.err 'the command line with its variables has '

check "a member of a number is found" foreseen \
    '"b": { "matrix": { "v": [1, 3] }, "cmd": ["echo", "${matrix.v}"] }, "a": { "matrix": { "like": "b" }, "in": { "o": "${stages.w.outs.o}" }, "cmd": ["cat", "${in.o}", "${matrix.v.x}"] }' \
    '${matrix.v.x}: the value is 3, which has no "x" (at /stages/a/cmd/2, in a[v=3])'
check "a missing file beside an out in a list is found" foreseen \
    '"a": { "in": { "l": ["${stages.w.outs.o}", "gone.txt"] }, "cmd": ["cat", "${in.l}"] }' \
    'gone.txt: does not exist (at /stages/a/in/l/1)'
trials='"t": { "matrix": { "trial": { "sample": { "lr": { "log_uniform": [0.001, 1] } }, "count": 3, "seed": 1 } }, "cmd": ["echo", "${matrix.trial.lr}"], "outs": { "m": { "path": "m", "type": "metrics" } } },
    "best": { "select": { "from": "t", "group_by": ["trial"], "minimize": "metrics.l" } },'
check "a member that no draw of a select has is found" foreseen \
    "$trials"' "a": { "cmd": ["echo", "${stages.best.matrix.trial.rate}"] }' \
    '${stages.best.matrix.trial.rate}: there is no "rate" (at /stages/a/cmd/1)'
check "so is one of the nearest name, in an axis" foreseen \
    "$trials"' "a": { "matrix": { "r": ["${stages.best.matrix.trial.lrr}"] }, "cmd": ["echo", "${matrix.r}"] }' \
    '${stages.best.matrix.trial.lrr}: there is no "lrr"; did you mean "lr"?'
cat >some.json <<'EOT'
{ "retort": 1, "name": "some", "stages": {
  "t": { "matrix": { "v": [{ "label": "a", "x": 1 }, { "label": "b" }] }, "cmd": ["echo", "${matrix.v.label}"], "outs": { "m": { "path": "m", "type": "metrics" } } },
  "best": { "select": { "from": "t", "group_by": ["v"], "minimize": "metrics.l" } },
  "a": { "cmd": ["echo", "${stages.best.matrix.v.x}"] } } }
EOT
check "a member that one of the values has is no fault" "$retort" check some.json
# This machine has too little: check warns, run refuses.
cat >machine.json <<'EOT'
{ "retort": 1, "name": "machine", "stages": {
  "w": { "cmd": ["sh", "-c", "echo a > o"], "outs": ["o"] },
  "cpus": { "in": ["${stages.w.outs.o}"], "cmd": ["echo", "1"], "resources": { "cpus": 5000 } },
  "memory": { "cmd": ["echo", "2"], "resources": { "memory": "9TiB" } },
  "gpus": { "cmd": ["echo", "3"], "resources": { "gpus": 300 } } } }
EOT
check "check takes a file that another machine can run" "$retort" check machine.json
"$retort" check machine.json 2>said.err
check "it warns of cpus" has said.err 'machine.json:3:3: warning: cpus needs 5000 cpus, there are '
check "it warns of memory" has said.err 'machine.json:4:3: warning: memory needs 9895604649984 bytes of memory, there are '
check "it warns of GPUs" has said.err 'machine.json:5:3: warning: gpus needs 300 gpus, there are '
check "run refuses it" exits 2 "$retort" run machine.json --progress json >run.json 2>run.err
"$retort" run machine.json --progress json >run.json 2>run.err
check "it names all three" same "$(grep -c 'error: .* needs .* there are' run.err)" 3
check "and starts nothing" same "$(grep -c started run.json)" 0
check "the mend for cpus is named" has run.err '; -j N runs it with N'
check "-j runs the stage with the cpus that it names" "$retort" run machine.json cpus -j 1
"$retort" run machine.json -k --progress json >run.json 2>run.err
check "--keep-going runs what fits" same "$(counts run.json)" '{"event":"end","known":2,"finished":0,"failed":2,"interrupted":0,"skipped":0}'
cat >pins.json <<'EOT'
{ "retort": 1, "name": "pins", "stages": { "a": { "cmd": ["true"], "pin": ["no-such-program", "/no/such"] } } }
EOT
"$retort" check pins.json 2>said.err
check "check warns of a program that pin names and this machine lacks" has said.err 'warning: there is no program "no-such-program" on the PATH of the stage, which "pin" names'
check "also of one with its whole path" has said.err 'warning: there is no program "/no/such"'
finish

#!/bin/sh
# Instances for which "when" is false are left out of the plan.
. tests/integration/lib.inc
cd "$work" || exit 1
run() { "$retort" run "$@" --progress json >run.json 2>run.err; }
cat >t.json <<'EOT'
{ "retort": 1, "name": "t", "params": { "mode": "quick", "largest": 11 }, "stages": {
    "train": { "matrix": { "size": [7, 11, 19], "seed": [1, 2] }, "when": [{ "value": "${matrix.size}", "at_most": "${params.largest}" }],
      "cmd": ["sh", "-c", "echo \"{\\\"loss\\\": $0}\" >m; echo $0 $1 >o", "${matrix.size}", "${matrix.seed}"],
      "outs": { "o": "o", "m": { "path": "m", "type": "metrics" } } },
    "full": { "when": [{ "value": "${params.mode}", "equals": "full" }], "cmd": ["sh", "-c", "echo full >o"], "outs": ["o"] },
    "best": { "select": { "from": "train", "group_by": ["size"], "maximize": "metrics.loss" } },
    "all": { "in": { "l": "${stages.train[*].outs.o}" }, "cmd": ["sh", "-c", "cat \"$@\" >o", "sh", "${in.l}"], "outs": ["o"] },
    "won": { "in": { "o": "${stages.best[*].outs.o}" }, "cmd": ["sh", "-c", "cat \"$@\" >o", "sh", "${in.o}"], "outs": ["o"] },
    "like": { "matrix": { "like": "train" }, "in": { "o": "${stages.train.outs.o}" }, "cmd": ["sh", "-c", "cat $0 >o", "${in.o}"], "outs": ["o"] } },
  "results": { "all": "${stages.all.outs.o}", "won": "${stages.won.outs.o}", "full": "${stages.full.outs.o}" } }
EOT
check "the file is sound" "$retort" check t.json
"$retort" check t.json >out.txt
check "check says how many instances are left out" has out.txt '11 instances, 3 left out by "when"'
"$retort" plan t.json >out.txt
check "plan says so in its last line" has out.txt 'waiting, 3 left out by "when"'
check "plan lists none of them" sh -c '! grep -q "size=19\|full" out.txt'
"$retort" graph t.json --unfold >out.txt 2>said.err
check "graph says so" has said.err '3 instances left out by "when"'
check "graph draws none of them" sh -c '! grep -q "size=19" out.txt'
check "a run goes on without them" run t.json
check "it runs the others" same "$(counts run.json)" '{"event":"end","known":0,"finished":10,"failed":0,"interrupted":0,"skipped":0}'
check "a list does not have them" same "$(cat results/t/all | tr '\n' ,)" '7 1,7 2,11 1,11 2,'
check "a select chooses among the others" same "$(cat results/t/won | tr '\n' ,)" '11 1,11 2,'
check "a result of one is not published" test ! -e results/t/full
check "parameters decide" run t.json --set params.mode=full --set params.largest=19
check "only what is new runs" same "$(counts run.json)" '{"event":"end","known":8,"finished":7,"failed":0,"interrupted":0,"skipped":0}'
check "then the result is published" same "$(cat results/t/full)" full
check "a target that is left out is an error of use" exits 2 "$retort" run t.json 'train[size=19]'
"$retort" run t.json 'train[size=19]' full 2>said.err
check "the error names it" has said.err 'train[size=19] is left out by its "when"'
"$retort" run t.json full 2>said.err
check "also a stage without a matrix" has said.err 'full is left out by its "when"'

fault() { # STAGE TEXT: a stage beside a matrix stage and a stage of which "when" leaves parts out
    cat >f.json <<EOT
{ "retort": 1, "name": "f", "stages": {
    "m": { "matrix": { "n": [1, 2] }, "when": [{ "value": "\${matrix.n}", "equals": 1 }], "cmd": ["sh", "-c", "echo \$0 >o", "\${matrix.n}"], "outs": ["o"] },
    "s": { "when": [{ "value": "a", "equals": "b" }], "cmd": ["sh", "-c", "echo >o"], "outs": ["o"] },
    "x": { $1 } } }
EOT
    "$retort" check f.json 2>said.err
    same "exit status $?" "exit status 2" && has said.err "$2"
}
check "a stage that needs exactly an instance that is left out is an error" fault '"in": ["${stages.m[n=2].outs.o}"], "cmd": ["true"]' \
    '${stages.m[n=2].outs.o}: m[n=2] is left out by its "when", and x needs it'
check "also where coordinates match" fault '"matrix": { "n": [1, 2] }, "in": { "o": "${stages.m.outs.o}" }, "cmd": ["cat", "${in.o}"]' \
    'm[n=2] is left out by its "when", and x[n=2] needs it'
check "also a stage without a matrix" fault '"in": ["${stages.s.outs.o}"], "cmd": ["true"]' \
    '${stages.s.outs.o}: s is left out by its "when", and x needs it'
check "a coordinate that no instance ever had is another error" fault '"in": ["${stages.m[n=3].outs.o}"], "cmd": ["true"]' \
    'm has no instance with n=3'
check "a select needs an instance" fault '"when": [{ "value": 1, "equals": 2 }], "matrix": { "k": [1] }, "cmd": ["echo", "${matrix.k}"], "outs": { "m": { "path": "m", "type": "metrics" } } },
    "y": { "select": { "from": "x", "group_by": ["k"], "minimize": "metrics.a" }' \
    '"when" leaves out all instances that the select chooses from'
check "results are not known" fault '"when": [{ "value": "${stages.m[n=1].metrics.a}", "at_most": 1 }], "cmd": ["true"]' \
    'is not allowed in "when"; it is decided before anything runs, so it knows params and the matrix, and no results'
check "nor within an axis" fault '"matrix": { "v": [{ "label": "a", "o": "${stages.m[n=1].outs.o}" }] }, "in": { "o": "${matrix.v.o}" }, "when": [{ "value": "${matrix.v.o}", "equals": "x" }], "cmd": ["cat", "${in.o}"]' \
    'the value depends on a result'
check "text has no order" fault '"matrix": { "v": ["a"] }, "when": [{ "value": "${matrix.v}", "at_most": 1 }], "cmd": ["echo", "${matrix.v}"]' \
    '"at_most" compares numbers; the value is "a"'
check "a condition has one operator" fault '"when": [{ "value": 1, "equals": 1, "at_most": 1 }], "cmd": ["true"]' \
    'a condition needs exactly one of "at_most", "at_least" and "equals"; found 2'
check "a condition has a value" fault '"when": [{ "equals": 1 }], "cmd": ["true"]' 'a condition of "when" needs "value"'
check "a bound of order is a number" fault '"when": [{ "value": 1, "at_most": "a" }], "cmd": ["true"]' '"at_most" is a number; found the text "a"'
check "a select has no when of its own" fault '"when": [], "select": { "from": "m", "group_by": ["n"], "minimize": "metrics.a" }' \
    '"when" does not fit a stage with "select": put it on the stage that "from" names'
finish

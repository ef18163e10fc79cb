#!/bin/sh
# Inputs and outs where the user wants them: unchanged scripts, places of their own, cpus.
. tests/integration/lib.inc
cd "$work" || exit 1
ended() { counts run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
run() { "$retort" run "$@" --progress json >run.json 2>run.err; }

# A script that knows nothing of Retort.
mkdir -p src data/raw && echo 1 >data/raw/a && echo 2 >data/raw/b
cat >src/prepare.sh <<'EOF'
mkdir -p data/prepared && sort -r data/raw/a data/raw/b >data/prepared/all
EOF
cat >src/train.sh <<'EOF'
read -r first <data/prepared/all && echo "model of $first" >model.pkl
EOF
cat >t.json <<'EOF'
{ "retort": 1, "name": "t", "defaults": { "in": ["src"] }, "stages": {
    "prepare": { "cmd": ["sh", "src/prepare.sh"], "in": ["data/raw"], "outs": ["data/prepared"] },
    "train": { "cmd": ["sh", "src/train.sh"], "in": ["${stages.prepare.outs[\"data/prepared\"]}"], "outs": ["model.pkl"] },
    "see": { "cmd": ["sh", "-c", "find deep in src -type f | sort >o; mkdir -p m; echo ${matrix.n} >m/${matrix.n}.txt"], "matrix": { "n": [1, 2] }, "outs": { "o": "o", "m": "m/${matrix.n}.txt" },
             "in": { "raw": { "path": "data/raw", "as": "deep/raw-${matrix.n}" }, "plain": "src/train.sh" } },
    "gather": { "cmd": ["sh", "-c", "cat parts/*/* >all"], "outs": ["all"],
                "in": [{ "from": "${stages.see[*].outs.o}", "as": "parts" }] },
    "beside": { "cmd": ["sh", "-c", "cat m/1.txt m/2.txt >both"], "outs": ["both"], "in": ["${stages.see[*].outs.m}"] } },
  "results": { "model": "${stages.train.outs[\"model.pkl\"]}", "see/": "${stages.see[*].outs.o}",
               "all": "${stages.gather.outs.all}", "both": "${stages.beside.outs.both}", "prepared": "${stages.prepare.outs[\"data/prepared\"]}" } }
EOF
check "the pipeline is sound" "$retort" check t.json
check "scripts run unchanged" run t.json
check "on data of the project and of another stage" same "$(cat results/t/model)" "model of 2"
check "an out of a list may be a folder" test -s results/t/prepared/all
check "an input stands where \"as\" says" same "$(tr '\n' ' ' <results/t/see/n=2)" \
    "deep/raw-2/a deep/raw-2/b in/plain/train.sh src/prepare.sh src/train.sh "
check "a list stands in a folder of its own" same "$(wc -l <results/t/all)" 10
check "outs of instances stand where each wrote its own" same "$(tr '\n' ' ' <results/t/both)" "1 2 "
check "again: known" run t.json
check "executing nothing" same "$(ended known)$(ended finished)" 60
"$retort" show t.json 'see[n=2]' --json >show.json
check "an out's path may hold the instance's value" has show.json '"path": "m/2.txt"'
"$retort" show t.json prepare --json >show.json
check "the record says that the out is a directory" has show.json '"type": "directory"'
check "verify finds the same outs, files and folders" "$retort" verify t.json
echo 3 >data/raw/a
check "data that changed" run t.json
check "runs what reads other bytes" same "$(ended known)$(ended finished)" 24

# The cpus of a stage in its words and environment.
cat >c.json <<'EOF'
{ "retort": 1, "name": "c", "stages": { "a": { "cmd": ["sh", "-c", "echo $0 $N >o", "-j${cpus}"], "env": { "N": "${cpus}" },
  "outs": ["o"], "resources": { "cpus": 2 } } }, "results": { "o": "${stages.a.outs.o}" } }
EOF
check "a stage that says how many cpus it uses" run c.json -j 2
check "gets the number" same "$(cat results/c/o)" "-j2 2"
sed -i 's/"cpus": 2/"cpus": 1/' c.json
check "another number" run c.json
check "changes no key" same "$(ended known)" 1

# The same directory serves stages whose places differ: a folder of one is a file of the next.
cat >d.json <<'EOF'
{ "retort": 1, "name": "d", "stages": {
    "one": { "cmd": ["sh", "-c", "cat x/y >o"], "in": [{ "path": "src/train.sh", "as": "x/y" }], "outs": ["o"] },
    "two": { "cmd": ["sh", "-c", "cat x y/o >o"], "in": [{ "path": "src/train.sh", "as": "x" }, { "from": "${stages.one.outs.o}", "as": "y/o" }], "outs": ["o"] } } }
EOF
check "places that change their kind from stage to stage" run d.json -j 1

# A stage's own list may name an input of "defaults" again.
repeat() { # DEFAULTS OWN
    printf '{ "retort": 1, "name": "r", "defaults": { "in": %s },\n "stages": { "a": { "in": %s, "cmd": ["sh", "-c", "cat src/train.sh >o"], "outs": ["o"] } } }\n' "$1" "$2" >r.json
    "$retort" run r.json --progress json >run.json 2>run.err
}
check "an input of defaults alone is given" repeat '["src/train.sh"]' '[]'
check "the same input again counts once" repeat '["src/train.sh"]' '["src/train.sh"]'
check "and changes no key" same "$(ended known)" 1
check "also in another form" repeat '["src/train.sh"]' '[{ "path": "./src/train.sh", "as": "src/train.sh" }]'
check "its key is the same" same "$(ended known)" 1
check "another input at its place is an error" exits 2 repeat '["src/train.sh"]' '[{ "path": "src/train.sh", "label": { "n": 1 } }]'
check "the error names both" has run.err '"defaults" has "src/train.sh" and this stage has {"label":{"n":1},"path":"src/train.sh"}, and both stand at src/train.sh: keep one of them'
finish

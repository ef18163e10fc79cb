#!/bin/sh
# A failed command that did not find a file of the project: the failure names it.
. tests/integration/lib.inc
cd "$work" || exit 1
# run STAGE: its failure is in run.err
run() { "$retort" run t.json "$1" --progress plain >run.err 2>&1; [ $? -eq 1 ]; }
says() { run "$1"; has run.err "$2"; }
silent() { run "$1"; ! grep -q 'add it to "in"\|its place with' run.err || { cat run.err; return 1; }; }

mkdir -p src/utils data notes && echo 'import utils.io' >src/train.py && echo x >src/utils/io.py && echo 1 >data/x.csv && echo 2 >notes/two
echo old >model.pkl
cat >t.json <<'EOF'
{ "retort": 1, "name": "t", "stages": {
    "script": { "cmd": ["python3", "src/get.py"], "outs": ["o"] },
    "module": { "cmd": ["python3", "src/train.py"], "in": ["src/train.py"], "outs": ["o"] },
    "shell": { "cmd": ["sh", "-c", "cat data/x.csv notes/two >o"], "outs": ["o"] },
    "folder": { "cmd": ["sh", "-c", "ls notes >o"], "outs": ["o"] },
    "stdout": { "cmd": ["sh", "-c", "echo 'cannot open ./data/x.csv: is it there?'; exit 1"], "outs": ["o"] },
    "elsewhere": { "cmd": ["cat", "data/x.csv"], "in": { "x": "data/x.csv" }, "outs": ["o"] },
    "given": { "cmd": ["sh", "-c", "cat data/x.csv; echo data/x.csv is odd >&2; exit 1"], "in": ["data"], "outs": ["o"] },
    "own": { "cmd": ["sh", "-c", "cat model.pkl"], "outs": ["model.pkl"] },
    "words": { "cmd": ["sh", "-c", "echo 'no data and no notes' >&2; exit 1"], "outs": ["o"] },
    "spaces": { "cmd": ["cat", "data/my file.csv"], "outs": ["o"] },
    "apostrophe": { "cmd": ["sh", "-c", "echo \"can't open 'data/my file.csv'\" >&2; exit 1"], "outs": ["o"] },
    "below": { "cmd": ["sh", "-c", "cd src && cat ../data/x.csv"], "in": ["src/train.py"], "outs": ["o"] },
    "outside": { "cmd": ["sh", "-c", "cat /etc/nowhere ../x / >&2; exit 1"], "outs": ["o"] } } }
EOF
echo 'print()' >src/get.py
check "a script" says script 'src/get.py exists and is no input of this stage; add it to "in"'
check "a module that is imported" says module 'src/utils exists and is no input of this stage'
check "files that a shell did not find" says shell 'data/x.csv exists and is no input of this stage'
check "all of them" has run.err 'notes/two exists and is no input of this stage'
check "a folder" says folder 'notes exists and is no input of this stage'
check "a message on stdout" says stdout 'data/x.csv exists and is no input of this stage'
check "an input that stands elsewhere" says elsewhere 'data/x.csv is an input of this stage, but stands at in/x/x.csv; give it its place with "as"'
check "an input at its place is not named" silent given
check "an out is not named" silent own
check "words that are no paths are not named" silent words
check "paths outside the project are not named" silent outside
echo 3 >'data/my file.csv'
check "a path with a blank in quotes" says spaces 'data/my file.csv exists and is no input of this stage'
check "a path in quotes after an apostrophe" says apostrophe 'data/my file.csv exists and is no input of this stage'
check "a path that leads up from a folder of the stage" says below 'data/x.csv exists and is no input of this stage'
mkdir -p inner/.git inner/sub && mv t.json inner/sub && cd inner/sub && echo 1 >../y.csv && echo 2 >../../y.csv
sed -i 's|../x /|../y.csv /|; s|"cat data/x.csv notes/two >o"|"cat ../../y.csv >o"|' t.json
check "a path that leads up into the project" says outside '../y.csv exists and is no input of this stage'
rm ../y.csv
check "a path that leads out of the project is not named" silent shell
finish

#!/bin/sh
# retort shell: the directory, the inputs and the environment of a stage, for its user's hands.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<'EOT'
{"retort": 1, "name": "p", "stages": {
  "made": {"cmd": ["sh", "-c", "echo made > deep/o"], "outs": {"o": "deep/o"}},
  "used": {"matrix": {"x": [1, 2]}, "in": {"made": "${stages.made.outs.o}", "data": "data.txt"}, "outs": {"r": "r"},
           "cmd": ["sh", "-c", "cat \"$@\" > r; env | grep -v -e /work/ -e '^_=' -e '^PWD=' | sort > \"$SEEN\"", "it's", "${in.made}", "${in.data}", "${matrix.x}"],
           "env": {"NAME": "a value", "SEEN": "SEENPATH"}}}}
EOT
sed -i "s|SEENPATH|$work/seen|" p.json
echo data >data.txt
unset SHELL
enter() { "$retort" shell "$@" >said.txt 2>said.err; }
check "a stage whose inputs are unknown is refused" exits 3 enter p.json "used[x=1]" </dev/null
check "the message says what to run" has said.err "waits for results still to come: retort run p.json first"
"$retort" run p.json -k >run.txt 2>&1
cp seen seen-by-stage
check "two instances are refused" exits 2 enter p.json used </dev/null
enter p.json "used[x=1]" <<'EOT'
cat in/made/o in/data/data.txt
env | grep -v -e /work/ -e '^_=' -e '^PWD=' | sort >"$SEEN"
echo x >new
echo event >&3
EOT
check "the shell finds the inputs" same "$(cat said.txt)" "made
data"
check "the stage has an environment" grep -qx "NAME=a value" seen-by-stage
check "the shell has the stage's environment" same "$(cat seen)" "$(cat seen-by-stage)"
check "the stage's command is printed" has said.err "in/made/o in/data/data.txt 1"
check "its directory goes when the shell ends" same "$(ls .retort/work)" ""
check "the shell's exit status is passed on" sh -c 'echo "exit 7" | "$1" shell p.json made 2>&1 | grep -q "exit status 7"' sh "$retort"
before=$(find .retort/actions .retort/objects -type f | sort)
echo true | enter made
check "the stage may be named without the only pipeline" has said.err "made in "
echo 'chmod u+w in/made/o; echo edited >in/made/o; cat in/made/o' | "$retort" shell p.json "used[x=1]" >edited.txt 2>&1
check "an input may be edited in the shell" grep -qx edited edited.txt
check "the store keeps its object" "$retort" fsck
check "the result is still known" sh -c '"$1" plan p.json made | grep -q "^known"' sh "$retort"
RETORT_ISOLATION=on "$retort" shell p.json "used[x=1]" >said.txt 2>edited.txt <<EOT
cat in/made/o
[ -e $work/p.json ] || echo covered
echo edited >>in/data/data.txt || cat in/data/data.txt
echo x >r && id -u
EOT
if unshare -m true 2>/dev/null || unshare -Um true 2>/dev/null; then
    check "an isolated stage's shell sees its inputs and nothing else of the project" same "$(cat said.txt)" "made
covered
data
$(id -u)"
fi
check "nothing is recorded" same "$(find .retort/actions .retort/objects -type f | sort)" "$before"
finish

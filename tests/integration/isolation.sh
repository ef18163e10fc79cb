#!/bin/sh
# An isolated command sees its inputs, and nothing else of the project.
. tests/integration/lib.inc
unset RETORT_ISOLATION
mkdir -p "$work/home" "$work/project" && cd "$work/project" || exit 1
chmod 755 "$work"
export HOME="$work/home"
run() { "$retort" run "$@" --progress plain >run.out 2>run.err; }
guard() { "$retort" show "$1" "$2" --json | sed -n 's/^ *"isolation": "\(.*\)",*$/\1/p'; }

mkdir -p .git src configs data .venv/bin && echo 'lr: 1' >configs/train.yaml && echo x >data/small && head -c 3000000 /dev/zero >data/large
cat >src/up.py <<'EOF'
import os, sys
here = os.path.dirname(os.path.abspath(__file__))
while here != "/" and not os.path.exists(os.path.join(here, ".git")):
    here = os.path.dirname(here)
open("o", "w").write(open(os.path.join(here, "configs/train.yaml")).read())
EOF
printf '#!/bin/sh\necho tool of $0\n' >.venv/bin/tool && chmod +x .venv/bin/tool
cat >t.json <<EOF
{ "retort": 1, "name": "t", "stages": {
    "see": { "cmd": ["sh", "-c", "ls -A $PWD >o; ls -A . | sort >>o; stat -c %s data/large >>o; id -u >>o"], "in": ["data"], "outs": ["o"] },
    "store": { "cmd": ["sh", "-c", "ls $PWD/.retort >o"], "outs": ["o"] },
    "spec": { "cmd": ["sh", "-c", "cat \$RETORT_SPEC >o; echo x >\$TMPDIR/t; echo x >\$HOME/h; pwd >>o; mkdir d; echo >d/y"], "outs": ["o", "d"] },
    "keep": { "cmd": ["sh", "-c", "echo >\$RETORT_CHECKPOINT/c && cat \$RETORT_CHECKPOINT/c >o"], "checkpoint": true, "outs": ["o"] },
    "tool": { "cmd": ["sh", "-c", "tool >o"], "env": { "PATH": "$PWD/.venv/bin:/usr/bin:/bin" }, "outs": ["o"] },
    "own": { "cmd": ["$PWD/.venv/bin/tool"] } },
  "results": { "see": "\${stages.see.outs.o}", "store": "\${stages.store.outs.o}", "spec": "\${stages.spec.outs.o}", "tool": "\${stages.tool.outs.o}" } }
EOF
run t.json || { cat run.err; }
case $(guard t.json see) in
namespace) ;;
*) skip "this machine allows no namespaces" ;;
esac
check "stages run" run t.json
check "nothing of the project is there but the way to the stage's directory" same "$(tr '\n' ' ' <results/t/see)" ".retort .home .tmp data o 3000000 $(id -u) "
check "nothing of the store but the stage's own" same "$(cat results/t/store)" work
check "the spec is there" has results/t/spec '"retort_spec":1'
check "a folder of programs on PATH stays with its prefix" has results/t/tool "tool of"
check "the record says so" same "$(guard t.json see)" namespace

up() { # FILE STAGE-MEMBERS
    cat >"$1" <<EOF
{ "retort": 1, "name": "up", "stages": { "a": { "cmd": ["python3", "src/up.py"], "in": ["src/up.py"], "outs": ["o"]$2 } },
  "results": { "o": "\${stages.a.outs.o}" } }
EOF
}
up up.json ''
check "a script that searches upward does not find the live project" exits 1 "$retort" run up.json --progress none
run up.json
check "the failure names the file that it did not find" has run.err 'configs/train.yaml exists and is no input of this stage; add it to "in"'
up off.json ', "isolation": false'
check "\"isolation\": false lets it see the project" run off.json
check "and the record says so" same "$(guard off.json a)" none
check "--no-isolation does so for all" run up.json --no-isolation
check "the key is the same" same "$("$retort" plan off.json --json | grep -o '"key":"[^"]*"')" "$("$retort" plan up.json --json | grep -o '"key":"[^"]*"')"

# A large input stands by bind: it takes no space, and cannot be written to.
cat >w.json <<'EOF'
{ "retort": 1, "name": "w", "stages": {
    "bound": { "cmd": ["sh", "-c", "du -k --apparent-size data | tail -1 | cut -f1 >o; stat -c %d:%i data/large >i; cat data/large | wc -c >>o"], "in": ["data"], "outs": ["o", "i"] },
    "writes": { "cmd": ["sh", "-c", "echo x >>data/large"], "in": ["data"] },
    "removes": { "cmd": ["rm", "-f", "data/large"], "in": ["data"] },
    "mode": { "cmd": ["sh", "-c", "chmod 777 big"], "in": [{ "path": "data/large", "as": "big" }] },
    "mount": { "cmd": ["umount", "big"], "in": [{ "path": "data/large", "as": "big" }] } },
  "results": { "o": "${stages.bound.outs.o}", "i": "${stages.bound.outs.i}" } }
EOF
sleep 2.1 # a file that changed just now is copied
before=$(stat -c '%i %a %s %Z' data/large)
run w.json -k
check "a large input takes no space: it is the project's own file" same "$(cat results/w/i)" "$(stat -c %d:%i data/large)"
for stage in writes removes mode mount; do
    check "a command that ${stage%s}s it fails" grep -q "failed  *$stage" run.err
done
check "and it is as it was" same "$(stat -c '%i %a %s %Z' data/large)" "$before"
check "the directory of a failed command names it" has .retort/failed/w/writes/inputs.txt "data <- $PWD/data"
check "the directory of a failed command has no way to it" test ! -e .retort/failed/w/writes/dir/data
mkdir data/__pycache__ && echo x >data/__pycache__/m
cat >c.json <<'EOF'
{ "retort": 1, "name": "c", "stages": { "a": { "cmd": ["sh", "-c", "ls -A data >o"], "in": ["data"], "outs": ["o"] } }, "results": { "o": "${stages.a.outs.o}" } }
EOF
check "a large folder with a cache" run c.json
check "is given without it" same "$(tr '\n' ' ' <results/c/o)" "large small "
rm -r data/__pycache__
sleep 2.1
cat >m.json <<'EOF'
{ "retort": 1, "name": "m", "stages": { "a": { "cmd": ["sh", "-c", "echo up >gate; while [ ! -e stop ]; do sleep 0.05; done; echo >o"], "in": ["data"], "outs": ["o"], "timeout": "20s" } } }
EOF
"$retort" run m.json --progress none >m.out 2>&1 &
pid=$!
until gate=$(ls .retort/work/*/dir/gate 2>/dev/null); do sleep 0.05; done
echo more >>data/large
touch "${gate%gate}stop"
check "a bound input that changes meanwhile fails the stage" exits 1 wait $pid
check "and is named" has m.out "$PWD/data"
check "verify isolates too" "$retort" verify t.json store

# Projects of included files are covered like the includer's.
mkdir -p ../parts/.git ../parts/sub && echo secret >../parts/secret && head -c 2000000 /dev/zero >../parts/large
cat >../parts/sub/part.json <<EOF
{ "retort": 1, "stages": {
    "reads": { "cmd": ["cat", "$work/parts/secret"] },
    "given": { "cmd": ["sh", "-c", "stat -c %i large >o"], "in": [{ "path": "../large", "as": "large" }], "outs": ["o"] } } }
EOF
cat >i.json <<EOF
{ "retort": 1, "name": "i", "include": { "part": { "path": "../parts/sub/part.json" } },
  "stages": { "reads": { "cmd": ["cat", "$work/parts/secret"] }, "own": { "cmd": ["ls", "$PWD/src"] } },
  "results": { "o": "\${part.stages.given.outs.o}" } }
EOF
sleep 2.1
run i.json -k
check "a stage does not see the project of an included file" grep -q "failed  *reads" run.err
check "a stage of an included file does not see its project" grep -q "failed  *part/reads" run.err
check "the includer's project is covered too" grep -q "failed  *own" run.err
check "a large input of an included file is its own file" same "$(cat results/i/o)" "$(stat -c %i ../parts/large)"

# Stages that follow one another in one directory use the same mounts.
row() { # COMMAND: eight stages, four with a list as input, then four with a single file
    python3 - "$1" >row.json <<'EOF'
import json, sys
stages = {"s%d" % i: {"cmd": ["sh", "-c", sys.argv[1]], "in": {"x": ["data/small", "src/up.py"] if i < 4 else "data/small"},
                      "env": {"I": str(i)}} for i in range(8)}
print(json.dumps({"retort": 1, "name": "row", "stages": stages}))
EOF
}
row 'case $I in [0-3]) ! touch in/x/new 2>/dev/null && test ! -e in/x/new ;; *) touch in/x/new ;; esac'
check "a folder is read-only to a stage that gets a list there, and to no other one" run row.json -j1
row 'for f in $(find in -type f); do ! echo x 2>/dev/null >>$f || exit 1; done'
check "no stage of a row can write to its inputs" run row.json -j1
row 'case $I in [0-3]) exit 1 ;; *) cat in/x/small ;; esac'
run row.json -j1 -k
check "a stage after a failed one, whose directory was moved away, has its inputs" has run.err "4 finished, 4 failed"

# A mount that the system makes during a run is there for the next stage. Needs root.
cat >late.sh <<'EOF'
mount --make-rshared / || exit 0
"$1" run late.json -j1 --progress none >late.out 2>&1 &
until gate=$(ls .retort/work/*/dir/gate 2>/dev/null); do sleep 0.05; done
mount -t tmpfs late "$2" && echo late >"$2/f" && touch "${gate%gate}stop"
wait $!
EOF
mkdir "$work/late"
cat >late.json <<EOF
{ "retort": 1, "name": "late", "stages": {
    "a": { "cmd": ["sh", "-c", "echo up >gate; while [ ! -e stop ]; do sleep 0.05; done"], "timeout": "20s" },
    "b": { "cmd": ["cat", "$work/late/f"], "after": ["a"] } } }
EOF
[ "$(id -u)" -ne 0 ] || check "a stage sees what was mounted after the first stage began" unshare -m sh late.sh "$retort" "$work/late"
finish

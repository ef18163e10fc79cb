#!/bin/sh
# Commands that look at a pipeline start no program, whatever the file says: the kernel kills one that tries.
. tests/integration/lib.inc
case $BUILD in *san) skip "a sanitizer must be loaded before the filter" ;; esac
cd "$work" || exit 1
noexec=$BUILD/tests/fault/noexec.so
[ -e "$noexec" ] || make -C "$repository" BUILD="$BUILD" "$noexec" >made.txt 2>&1
kept() { RETORT_NOEXEC=1 LD_PRELOAD=$noexec "$@"; }
export HOME="$work/home" XDG_STATE_HOME="$work/state" && mkdir home
cat >tool <<'END'
#!/bin/sh
echo ran >>"${0%/*}/ran.txt"
END
chmod +x tool && echo 1 >data.csv
cat >evil.json <<'END'
{ "retort": 1, "name": "evil", "include": { "part": { "path": "part.json" } }, "params": { "n": [1, 2] }, "stages": {
    "s": { "matrix": { "n": "${params.n}" }, "toolchain": { "prefix": "env" }, "pin": ["sh"], "env": { "PATH": "HERE:/usr/bin:/bin" },
      "cmd": ["sh", "-c", "echo '{\"m\": 1}' >m.json", "${matrix.n}"], "in": { "data": "data.csv" }, "outs": { "m": { "path": "m.json", "type": "metrics" } } },
    "best": { "select": { "from": "s", "group_by": ["n"], "minimize": "metrics.m" } },
    "after": { "in": { "m": "${stages.best.outs.m}" }, "cmd": ["HERE/tool"], "outs": { "o": { "path": "o", "optional": true } } },
    "drawn": { "uses": "plot/lines@2", "in": { "curves": "data.csv" }, "with": { "x": "a", "y": "b" } } } }
END
sed -i "s|HERE|$work|" evil.json
mkdir -p env/bin && cp tool env/bin/python3 && cp tool env/bin/git && cp tool env/bin/dot
echo '{ "retort": 1, "name": "part", "stages": { "p": { "cmd": ["true"] } } }' >part.json
git init -q "$work/other"
echo "{ \"retort\": 1, \"name\": \"nest\", \"include\": { \"p\": { \"git\": \"ssh://127.0.0.1:1/x\", \"rev\": \"$(printf %040d 1)\", \"path\": \"p.json\" } }, \"stages\": {} }" >"$work/other/nest.json"
cp evil.json part.json data.csv "$work/other" && git -C "$work/other" add . && git -C "$work/other" -c user.name=a -c user.email=a@example.org commit -q -m x
echo "{ \"retort\": 1, \"name\": \"t\", \"include\": { \"p\": { \"git\": \"file://$work/other\", \"rev\": \"$(git -C "$work/other" rev-parse HEAD)\", \"path\": \"part.json\" } }, \"stages\": {} }" >foreign.json
PATH=$work/env/bin:$PATH && export PATH

for c in "check evil.json" "plan evil.json" "plan evil.json --json" "graph evil.json" "graph evil.json --format mermaid" "graph evil.json --unfold" "why evil.json s[n=1]"; do
    check "$c starts no program before a run" kept "$retort" $c
done
"$retort" run evil.json s best --progress none 2>run.err
check "the stages run outside of the filter" same $? 0
for c in "check evil.json" "plan evil.json" "graph evil.json --unfold" "why evil.json s[n=1]" "show evil.json s[n=1]" "show evil.json s[n=1] --json" "metrics evil.json" "metrics evil.json --json" "log evil.json s[n=1]" "runs" "energy" "gc --dry-run" "fsck"; do
    check "$c starts no program after a run" kept "$retort" $c
done
# Another team's part, also while it is fetched.
for c in "check foreign.json" "plan foreign.json" "graph foreign.json --unfold" "why foreign.json p/p" "trust foreign.json" "trust --list" "lock foreign.json" "plan file://$work/other#HEAD:part.json"; do
    check "${c%%file*} starts no program, with another team's part" kept "$retort" $c </dev/null
done
# A part that another team's file names by ssh: its host is of their choice, and ssh is a program.
nest=file://$work/other#HEAD:nest.json
for c in check plan graph "show x" metrics; do
    check "${c%% *} starts no ssh for another team's file" same "$(kept "$retort" ${c%% *} "$nest" ${c#${c%% *}} </dev/null 2>said.txt; echo $?)" 2
    check "${c%% *} says which commands do" has said.txt "retort trust --dry-run shows it"
done
check "the filter kills trust, which starts git for ssh" same "$(kept "$retort" trust --dry-run "$nest" 2>said.txt; echo $?)" 159
check "the filter kills a run, which starts programs" same "$(kept "$retort" run evil.json s --set-json 'params.n=[3]' --progress none 2>said.txt; echo $?)" 159
check "no program of the pipeline ran" same "$(find . -name ran.txt)" ""
if [ -x /usr/bin/dot ]; then
    check "a drawing succeeds" sh -c 'RETORT_SPAWNED=spawned.txt LD_PRELOAD="$1" "$2" graph evil.json --format svg >drawn.svg' sh "$noexec" "$retort"
    check "a drawing starts dot of the system alone" same "$(cat spawned.txt)" /usr/bin/dot
fi
finish

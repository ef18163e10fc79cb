#!/bin/sh
# Two teams: A publishes a part and a study in git; B includes the one, runs the other by URL, and is asked once.
. tests/integration/lib.inc
cd "$work" || exit 1
HOME=$work/home && export HOME && mkdir home
git config --global user.name a && git config --global user.email a@example.org && git config --global init.defaultBranch main
export XDG_STATE_HOME=$work/state

# Team A. The part's stages take a program, a folder, members of a file, an optional file, and a place of their own.
git init -q a && mkdir -p a/part/data/deep && cd a || exit 1
cat >part/part.json <<'END'
{ "retort": 1, "name": "part", "params": { "word": "one" }, "stages": {
    "tool": { "cmd": ["./tool.sh", "${params.word}"], "in": ["tool.sh", "data"], "outs": ["o"] },
    "places": { "cmd": ["sh", "-c", "find . -type f ! -path './.*' ! -name o | sort >o; cat elsewhere/x in/lr/* >>o; ls $1 >>o; : $2", "sh", "${in.deep}", "${in.none}"], "outs": { "o": "o" },
                "in": { "x": { "path": "data/deep/x", "as": "elsewhere/x" }, "lr": { "path": "params.yaml", "only": ["lr"] }, "deep": "data/deep",
                        "none": { "path": "none", "optional": true } } },
    "rows": { "matrix": { "f": { "glob": "data/{stem2}.csv" } }, "cmd": ["sh", "-c", "cat $1 $2 >o", "sh", "${in.f}", "${in.tool}"], "outs": { "o": "o" },
              "in": { "f": "${matrix.f.path}", "tool": "${stages.tool.outs.o}" } } } }
END
echo '#!/bin/sh
cat data/a.csv data/deep/x >o; echo "$1" >>o' >part/tool.sh && chmod +x part/tool.sh
echo a >part/data/a.csv && echo b >part/data/b.csv && echo x >part/data/deep/x && echo y >part/data/deep/y && printf 'lr: 0.5\nn: 1\n' >part/params.yaml
cat >study.json <<'END'
{ "retort": 1, "name": "study", "include": { "part": { "path": "part/part.json", "params": { "word": "study" } } }, "stages": {
    "last": { "cmd": ["sh", "-c", "cat $1 >o", "sh", "${in.o}"], "in": { "o": "${part.stages.tool.outs.o}" }, "outs": { "o": "o" } } },
  "results": { "o": "${stages.last.outs.o}" } }
END
git add . && git commit -q -m one && git tag v1 && cd .. && sed -i "s/part.stages.tool.outs.o/part.stages.tool.outs[\\\\\"o\\\\\"]/" a/study.json
git -C a commit -q -a -m two && git -C a tag v2

# Team B, elsewhere.
mkdir b && git init -q b && cd b || exit 1
cat >t.json <<END
{ "retort": 1, "name": "mine", "include": { "part": { "git": "file://$work/a", "rev": "main", "path": "part/part.json" } }, "stages": {
    "own": { "cmd": ["sh", "-c", "cat \$1 \$2 >o", "sh", "\${in.a}", "\${in.b}"], "outs": { "o": "o" },
             "in": { "a": "\${part.stages.places.outs.o}", "b": "\${part.stages.rows[f=b].outs.o}" } } },
  "results": { "own": "\${stages.own.outs.o}", "rows/": "\${part.stages.rows[*].outs.o}" } }
END
check "B locks the branch" "$retort" lock t.json
ended() { counts run.json | grep -o '"\(known\|finished\|failed\)":[0-9]*' | cut -d: -f2 | tr '\n' ' '; }
run() { "$retort" run "$@" --progress json </dev/null >run.json 2>run.err; }
run t.json
check "B is asked before anything runs" same "$? $(test -e results || echo none)" "2 none"
check "B allows the part" "$retort" trust t.json
check "B's study runs with A's part" run t.json
check "every stage ran" same "$(ended)" "0 5 0 "
check "with the files of the commit at their places" same "$(tr '\n' ' ' <results/mine/own)" "./elsewhere/x ./in/deep/deep/x ./in/deep/deep/y ./in/lr/params.yaml x {lr: 0.5} x y b a x one "
find . -path ./.retort -prune -o -type f -print | grep -v '^./.git/' | sort >files.txt
check "nothing of the commit lies beside B's files" same "$(grep -v 'results\|files.txt\|run\.' files.txt)" ./t.json

git clone -q "$work/a" "$work/clone"
sed "s|\"git\": .*\"path\": \"part/part.json\"|\"path\": \"../clone/part/part.json\"|" t.json >local.json && sed -i 's/"mine"/"local"/' local.json
run local.json
check "a local copy of the part is known already" same "$(ended)" "5 0 0 "
rm -rf "$work/clone"

check "B allows A's study" "$retort" trust "file://$work/a#v2"
check "B runs A's study by URL" run "file://$work/a#v2"
check "its results are published" same "$(tr '\n' ' ' <results/study/o)" "a x study "
mv "$work/a" "$work/away"
id=$(git -C "$work/away" rev-parse v2)
run t.json
check "offline B's study runs nothing" same "$(ended)" "5 0 0 "
run "file://$work/a#$id"
check "offline A's study runs nothing" same "$(ended)" "5 0 0 "
sed 's/"own": { "cmd"/"own": { "description": "x", "cmd"/; s/"b": "\${part.stages.rows\[f=b\]/"b": "${part.stages.rows[f=a]/' t.json >other.json && sed -i 's/"mine"/"other"/' other.json
check "offline another study of B runs with the same part, unasked" run other.json
mv "$work/away" "$work/a"

cp -r results before
echo changed >"$work/a/part/data/deep/x" && git -C "$work/a" commit -q -a -m three
run t.json
check "A moves the branch, and B's study runs nothing" same "$(ended)" "5 0 0 "
check "and B's results are what they were" diff -r before/mine results/mine
cp t.json t.before
check "B updates the lock" "$retort" lock --update t.json
check "one id changes" same "$(diff t.before t.json | grep -c '^[<>]')" 2
run t.json
check "B is asked for the new content" same "$?" 2
check "and allows it" "$retort" trust t.json
check "B's study runs again" run t.json
check "every stage that takes the file" same "$(ended)" "0 5 0 "
check "with the new file" grep -q changed results/mine/own

# Objects of a commit are made again from the repository.
object=$(echo changed | sha256sum | cut -c 1-64) && object=.retort/objects/$(echo "$object" | sed 's,^..,&/,')
chmod u+w "$object" && echo other >"$object"
sed -i 's/ls \$1 >>o/ls $1 $1 >>o/' "$work/a/part/part.json" && git -C "$work/a" commit -q -a -m four
"$retort" lock --update t.json >lock.out && "$retort" trust t.json >trust.out 2>&1
check "a damaged object of a commit is made again" run t.json
check "and its stage gets the file as committed" grep -q changed results/mine/own
rm -rf .retort/work && "$retort" gc --grace 0s --keep-runs 1 >gc.out 2>&1
run t.json
check "gc keeps what is needed" same "$(ended)" "5 0 0 "
check "the store is whole" "$retort" fsck
run t.json --force part/places
check "a stage runs again after gc removed its inputs" same "$(ended)" "0 1 0 "
finish

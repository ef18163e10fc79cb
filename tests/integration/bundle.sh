#!/bin/sh
# retort export and import: results travel in a file, and a bad file changes nothing.
. tests/integration/lib.inc
attacks=$repository/tests/integration/bundle_attacks.py
mkdir "$work/a" && cd "$work/a" || exit 1
git init -q .
mkdir -p study/sub parts
cat >study/p.json <<'EOF'
{ "retort": 1, "name": "p", "description": "a small study",
  "include": { "part": { "path": "../parts/part.json" } },
  "params": { "seeds": [1, 2] }, "stages": {
  "prep":  { "cmd": ["sh", "-c", "cat data.txt sub/* >o; ./tool.sh >>o; echo said"],
             "in": ["data.txt", "sub", { "path": "../tool.sh", "as": "tool.sh" }], "outs": { "o": "o" } },
  "train": { "matrix": { "seed": "${params.seeds}" }, "in": { "o": "${stages.prep.outs.o}" },
             "cmd": ["sh", "-c", "echo \"{\\\"loss\\\": $1}\" >m.json; mkdir -p model/d/empty; cat $2 >model/d/x; echo $1 >>model/d/x", "sh", "${matrix.seed}", "${in.o}"],
             "outs": { "model": { "path": "model", "type": "directory" }, "m": { "path": "m.json", "type": "metrics" } } } },
  "results": { "losses/": "${stages.train[*].outs.m}", "model": "${stages.train[seed=2].outs.model}", "part": "${part.stages.s.outs.o}" } }
EOF
cat >parts/part.json <<'EOF'
{ "retort": 1, "name": "part", "stages": { "s": { "cmd": ["sh", "-c", "date +%N >o"], "outs": { "o": "o" } } } }
EOF
echo hi >study/data.txt; echo b >study/sub/b; echo c >study/sub/c.pyc; printf '#!/bin/sh\necho tool\n' >tool.sh; chmod +x tool.sh
echo '*.pyc' >.retortignore
git add -A && git -c user.name=t -c user.email=t@example.org commit -qm study
names() { python3 -m zipfile -l "$1" | awk 'NR > 1 { print $1 }'; }
published() { (cd "$1" && find . -type f ! -name '.*' -exec sha256sum {} + | sort); }

check "without results there is nothing to export" exits 3 "$retort" export study/p.json -o ../x.zip
"$retort" run study/p.json --progress none
check "export wants a name" exits 2 "$retort" export study/p.json
check "another ending is refused" exits 2 "$retort" export study/p.json -o ../x.rar
"$retort" export study/p.json --dry-run >listed.txt 2>told.txt
check "--dry-run lists the pipeline's part" has listed.txt "pipeline/parts/part.json"
check "--dry-run writes nothing" same "$(ls "$work" | tr '\n' ' ')" "a said "
rm listed.txt told.txt
check "a zip is written" "$retort" export study/p.json -o ../x.zip
check "a tar.zst is written" "$retort" export study/p.json -o ../x.tar.zst
"$retort" export study/p.json -o ../again.zip 2>/dev/null
check "two exports of the same results are the same file" cmp ../x.zip ../again.zip
names ../x.zip >../names
check "the manifest comes first" same "$(head -n 1 ../names)" retort-bundle.json
check "no temporary file is left" same "$(ls -A .. | grep -c tmp)" 0
check "ignored files stay here" sh -c '! grep -q pyc ../names'
check "logs stay here" sh -c '! grep -q ^logs/ ../names'
"$retort" export study/p.json -o ../logs.zip --logs 2>/dev/null; names ../logs.zip >../names
check "--logs takes them along" grep -q ^logs/ ../names

# B has nothing but the file.
for form in zip tar.zst; do
    mkdir "$work/b-$form" && cd "$work/b-$form" || exit 1
    check "$form: import takes it" "$retort" import ../x.$form --to project
    (cd project && find . -type f ! -path '*/.retort/*' | sort >../files)
    check "$form: the pipeline has its files" same "$(tr '\n' ' ' <files)" "./.retortignore ./parts/part.json ./study/data.txt ./study/p.json ./study/sub/b ./tool.sh "
    "$retort" run project/study/p.json --progress json >run.json 2>/dev/null
    check "$form: a run executes nothing" has run.json '{"event":"end","known":4,"finished":0,"failed":0,"interrupted":0,"skipped":0}'
    check "$form: the published bytes are the same" same "$(published project/study/results/p)" "$(published "$work/a/results/p")"
    check "$form: the store is sound" "$retort" fsck --store project/study/.retort
done

# In a clone, into the store that is there.
git clone -q "$work/a" "$work/c" && cd "$work/c" || exit 1
"$retort" import ../x.tar.zst >told 2>&1
check "import tells what it added" has told "imported 4 records; 0 were known already"
"$retort" import ../x.zip >told 2>&1
check "a second import adds nothing" has told "imported 0 records; 4 were known already"
"$retort" run study/p.json --progress json >run.json 2>/dev/null
check "a run in the clone executes nothing" has run.json '"known":4,"finished":0'
rm -rf .retort results
"$retort" run study/p.json --progress none
cp results/p/part own
"$retort" import ../x.zip 2>/dev/null
rm -rf results; "$retort" run study/p.json --progress none
check "a result of this store counts before an imported one" cmp own results/p/part
check "--to an existing folder is refused" exits 2 "$retort" import ../x.zip --to study
check "a missing file is status 3" exits 3 "$retort" import ../none.zip

# Less than all
cd "$work/a" || exit 1
"$retort" export study/p.json -o ../less.zip --outs results 2>/dev/null
"$retort" export study/p.json -o ../none.zip --outs none 2>/dev/null
check "--outs results leaves the rest" sh -c 'python3 -m zipfile -l ../less.zip | grep -c objects/ >n; [ "$(cat n)" -gt 0 ] && [ "$(cat n)" -lt "$(python3 -m zipfile -l ../x.zip | grep -c objects/)" ]'
check "--outs none takes none" same "$(python3 -m zipfile -l ../none.zip | grep -c objects/)" 0
mkdir "$work/d" && cd "$work/d" || exit 1
"$retort" import ../less.zip --to p >told 2>&1
check "import says which records lack their outs" has told "2 records came without their outs"
cd "$work/a" || exit 1
echo more >study/sub/untracked
"$retort" run study/p.json --progress none
"$retort" export study/p.json -o ../tracked.zip >told 2>&1; names ../tracked.zip >../names
check "an untracked input stays here" sh -c '! grep -q untracked ../names'
check "and is named" has told "left out: $work/a/study/sub/untracked: git does not track it"
"$retort" export study/p.json -o ../tracked.zip --untracked 2>/dev/null; names ../tracked.zip >../names
check "--untracked takes it along" grep -q study/sub/untracked ../names

echo other >>study/data.txt
"$retort" run study/p.json --progress none
"$retort" export study/p.json -o ../dirty.zip --diff 2>/dev/null
unpack() { python3 -c "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); [sys.stdout.buffer.write(z.read(n)) for n in z.namelist() if n.startswith(sys.argv[2])]" "$@"; }
unpack ../dirty.zip diff/ >../patch
check "--diff takes along the changes since the commit" has ../patch "+other"

# Names of persons and machines
mkdir -p "$work/home/jdoe/secret-place" && cd "$work/home/jdoe/secret-place" || exit 1
echo '{ "retort": 1, "name": "h", "stages": { "s": { "cmd": ["sh", "-c", "cat a >o"], "in": ["a"], "outs": { "o": "o" } } } }' >h.json
echo a >a
HOME=$work/home/jdoe "$retort" run h.json --progress none
HOME=$work/home/jdoe "$retort" export h.json -o h.zip 2>/dev/null
HOME=$work/home/jdoe "$retort" export h.json -o full.zip --full 2>/dev/null
unpack h.zip records.jsonl >records; unpack full.zip records.jsonl >full
check "records hold no path of the project" sh -c '! grep -q secret-place records'
check "nor the home's" sh -c '! grep -q jdoe records'
check "nor the host's name" sh -c "! grep -q '\"hostname\":\"$(hostname)\"' records && grep -q '\"hostname\":\"host-1\"' records"
check "--full keeps them" grep -q secret-place full

# Attackers
cd "$work/c" || exit 1
mkdir "$work/bad"
python3 "$attacks" "$work/x.zip" "$work/bad"
listing() { (cd "$work" && find . -mindepth 1 ! -name said ! -name told ! -path ./before ! -path ./after -printf '%p %y %m %s %T@ %l\n' | sort); }
: >told
listing >"$work/before"
for bad in "$work"/bad/*.zip "$work"/bad/*.tar.zst; do
    case=${bad##*/}; case=${case%.zip}; case=${case%.tar.zst}
    "$retort" import "$bad" --to fresh >told 2>&1
    status=$?
    check "$case: is refused" same "$status $(grep -c . told)" "2 1"
    check "$case: the message says why" has told "$(cat "$work/bad/$case.says")"
    listing >"$work/after"
    check "$case: nothing changed" cmp "$work/before" "$work/after"
done
finish

#!/bin/sh
# results/<name>/ holds one whole generation of Retort's own files, and nothing of the user's is replaced.
. tests/integration/lib.inc
cd "$work" || exit 1
run() { timeout 60 "$retort" run "$@" >said.out 2>told; } # one that reads a pipe would wait for ever
files() { (cd "results/$1" 2>/dev/null && find . -type f ! -name .retort-results.json | sort | sed 's,^./,,' | tr '\n' ' '); }
digest() { sha256sum "$1" | cut -d' ' -f1; }
member() { python3 -c 'import json, sys; print(json.dumps(eval("m" + sys.argv[2], {"m": json.load(open(sys.argv[1]))})))' "$1" "$2"; }

# ---- whole, or a part ----

cat >mixed.json <<'EOT'
{ "retort": 1, "name": "mixed", "params": { "v": 1 },
  "stages": {
    "model": { "cmd": ["sh", "-c", "echo model $1 >o", "sh", "${params.v}"], "outs": { "o": "o" } },
    "score": { "cmd": ["sh", "-c", "grep -q 'model [13]' $1 && echo score of $(cat $1) >o", "sh", "${in.m}"],
               "in": { "m": "${stages.model.outs.o}" }, "outs": { "o": "o" } } },
  "results": { "model.txt": "${stages.model.outs.o}", "score.txt": "${stages.score.outs.o}" } }
EOT
mixed() { cat results/mixed/model.txt results/mixed/score.txt | tr '\n' ' '; }
check "a run that knows all results publishes them" run mixed.json
check "it names their folder" has told "results: $PWD/results/mixed/"
check "the folder holds all of them" same "$(mixed)" "model 1 score of model 1 "
check "nothing else is left in results/" same "$(ls -A results | tr '\n' ' ')" ".mixed.lock mixed mixed.energy.csv mixed.energy.md "
page=$(digest results/mixed.energy.md)
check "a run in which a stage fails ends with status 1" exits 1 run mixed.json --set params.v=2
check "the generation before stays whole" same "$(mixed)" "model 1 score of model 1 "
check "its page of joules stays with it" same "$(digest results/mixed.energy.md)" "$page"
check "the new model stands in the partial folder" same "$(files mixed@partial)$(cat results/mixed@partial/model.txt)" "model.txt model 2"
check "the message says so, and why" has told "results: 1 of 2 is not known yet; the others are in $PWD/results/mixed@partial/"
check "another partial generation replaces the first" exits 1 run mixed.json --set params.v=4
check "it is the only one there" same "$(files mixed@partial)$(cat results/mixed@partial/model.txt)" "model.txt model 4"
check "a run of one stage ends well" run mixed.json model --set params.v=3
check "it publishes no generation, since a result is not known" same "$(mixed)" "model 1 score of model 1 "
check "a run of the other stage ends well" run mixed.json score --set params.v=3
check "it publishes all, whatever it was asked for" same "$(mixed)" "model 3 score of model 3 "
check "the partial folder is gone" test ! -e results/mixed@partial
check "a run of one stage, whose overrides make known results, publishes all of them" run mixed.json model --set params.v=1
check "they are of one generation" same "$(mixed)" "model 1 score of model 1 "
run mixed.json --set params.v=2
echo mine >results/mixed@partial/notes
check "a whole generation after a partial one ends well" run mixed.json --set params.v=3
check "the user's file in the partial folder stays" same "$(files mixed@partial)" "notes "
rm -r results/mixed@partial
sed 's/grep -q.*&& //' mixed.json >none.json && sed -i 's/"mixed"/"none"/; s/echo model $1 >o/false/' none.json
check "a run that knows no result ends with status 1" exits 1 run none.json
check "it makes no folder" test ! -e results/none -a ! -e results/none@partial
cat >never.json <<'EOT'
{ "retort": 1, "name": "never",
  "stages": { "a": { "cmd": ["sh", "-c", "echo a >o"], "outs": { "o": "o" }, "cache": false },
              "b": { "cmd": ["sh", "-c", "echo b >o"], "outs": { "o": "o" } } },
  "results": { "a": "${stages.a.outs.o}", "b": "${stages.b.outs.o}" } }
EOT
run never.json b
check "a result that is never cached is known to the run that made it" run never.json a
check "with it all are known" same "$(files never)" "a b "

# ---- the manifest ----

manifest=results/mixed/.retort-results.json
git init -q . && git -c user.name=t -c user.email=t@example.org commit -q --allow-empty -m empty
check "a run with an override publishes" run mixed.json --set params.v=3 model
run mixed.json --set params.v=1
check "the manifest names the run" same "$(member $manifest '["run"]')" "\"$("$retort" runs --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["run"])')\""
check "the manifest names the overrides" same "$(member $manifest '["overrides"]')" '{"v": 1}'
check "the manifest names the commit" same "$(member $manifest '["commit"]')" "\"$(git rev-parse HEAD)\""
check "the manifest has the digest of each file" same "$(member $manifest '["files"]')" \
    "{\"model.txt\": \"$(digest results/mixed/model.txt)\", \"score.txt\": \"$(digest results/mixed/score.txt)\"}"
check "the manifest is closed" exits 1 grep -q coming $manifest
stands() { stat -c '%i %Y' $manifest results/mixed/* results/mixed.energy.md; }
before=$(stands)
check "a run that changes no result ends well" run mixed.json --set params.v=1
check "it writes nothing" same "$(stands)" "$before"
inode=$(stat -c %i results/never/b)
sed -i 's/echo a/echo new/' never.json
check "a run that changes one of two results ends well" run never.json
check "the other is not written again" same "$(stat -c %i results/never/b)" "$inode"

# Manifests of format 1.
printf '{ "retort_results": 1, "files": { "model.txt": "%s", "score.txt": "%s" } }' "$(digest results/mixed/model.txt)" "$(digest results/mixed/score.txt)" >$manifest
check "files of a manifest of format 1 are Retort's own" run mixed.json --set params.v=3
check "they are replaced" same "$(mixed)" "model 3 score of model 3 "
printf '{ "retort_results": 1, "files": { "model.txt": "%s" }, "coming": { "model.txt": "%s", "score.txt": "%s" } }' \
    "$(digest results/mixed/model.txt)" "$(printf %064d 0)" "$(digest results/mixed/score.txt)" >$manifest
check "so are those that such a manifest announces, written or not" run mixed.json --set params.v=1
check "they are replaced, too" same "$(mixed)" "model 1 score of model 1 "
check "the manifest is closed, and of format 2" same "$(member $manifest '["retort_results"]') $(grep -c coming $manifest)" "2 0"

# ---- names ----

cat >list.json <<'EOT'
{ "retort": 1, "name": "list", "params": { "keys": ["a", "b"] },
  "stages": { "a": { "matrix": { "key": "${params.keys}" }, "cmd": ["sh", "-c", "printf %s \"$1\" >o.txt", "sh", "${matrix.key}"], "outs": { "o": "o.txt" } } },
  "results": { "deep/l/": "${stages.a[*].outs.o}" } }
EOT
run list.json
echo edited >results/list/deep/l/key=a.txt
check "a list with other items ends well" run list.json --set 'params.keys=["b", "c"]'
check "a file that is no longer named is removed, unless its user has changed it" same "$(files list)" "deep/l/key=a.txt deep/l/key=b.txt deep/l/key=c.txt "
rm results/list/deep/l/key=a.txt
sed -i 's,deep/l/,flat/,' list.json
check "a list with another name ends well" run list.json
check "the old one and its folders are removed" same "$(cd results/list && ls -A | tr '\n' ' ')" ".retort-results.json flat "
cat >coll.json <<'EOT'
{ "retort": 1, "name": "coll", "stages": { "A": { "matrix": { "a": ["a/b", "a_b", "a b", "c"] },
  "cmd": ["sh", "-c", "printf %s \"$1\" >o.txt", "sh", "${matrix.a}"], "outs": { "o": "o.txt" } } }, "results": { "l/": "${stages.A[*].outs.o}" } }
EOT
check "items whose labels make one name end well" run coll.json
for value in 'a/b' 'a_b' 'a b'; do
    short=$(printf '{"a":"%s"}' "$value" | sha256sum | cut -c1-8)
    check "'$value' is told apart by a digest of its labels" same "$(cat "results/coll/l/a=a_b-$short.txt")" "$value"
done
check "an item with a name of its own keeps it" same "$(cat results/coll/l/a=c.txt)" c
long=$(printf %0400d 1)
sed "s/\"a\\/b\", \"a_b\", \"a b\", \"c\"/\"$long\"/; s/coll/long/" coll.json >long.json
check "an item whose name is too long ends well" run long.json
check "its name is cut and has the digest" same "$(cat results/long/l/*-"$(printf '{"a":"%s"}' "$long" | sha256sum | cut -c1-8)".txt)" "$long"

# ---- files of the user's ----

run mixed.json --set params.v=1
echo mine >results/mixed/notes.txt
refused() { # NAME: the next generation is refused, and the one before stays
    check "$1 is refused with status 3" exits 3 run mixed.json --set params.v=3
    check "$1 is named, with the mend" grep -qE "results/mixed[^ ]*: .*move (it|that folder) away and run again" told
}
echo edited >results/mixed/model.txt
refused "a result that its user has changed"
check "it stays as it was, and so does the other" same "$(mixed)" "edited score of model 1 "
rm results/mixed/model.txt && echo victim >victim && ln -s ../../victim results/mixed/model.txt
refused "a link in the place of a result"
check "it is not followed" same "$(cat victim) $(readlink results/mixed/model.txt)" "victim ../../victim"
rm results/mixed/model.txt && mkfifo results/mixed/model.txt
refused "a pipe in the place of a result"
rm results/mixed/model.txt && mkdir results/mixed/model.txt && echo mine >results/mixed/model.txt/file
refused "a folder of the user's in the place of a result"
rm -r results/mixed/model.txt
check "when it is gone all are published" run mixed.json --set params.v=3
check "all of them" same "$(mixed)" "model 3 score of model 3 "
check "a file of the user's beside them stays" same "$(cat results/mixed/notes.txt)" mine
check "the file of a result that its user removed comes back" sh -c 'rm results/mixed/score.txt && "$0" run mixed.json --set params.v=3 2>told' "$retort"
check "it is there" same "$(mixed)" "model 3 score of model 3 "

mkdir elsewhere && echo mine >elsewhere/file
rm -r results/list/flat && ln -s ../../elsewhere results/list/flat
check "a link in the place of a folder of results is refused" exits 3 run list.json --set 'params.keys=["b", "c"]'
check "it is named" has told "results/list/flat: is a link and no folder"
rm -r results/list && ln -s ../elsewhere results/list
check "a link in the place of the results folder is refused" exits 3 run list.json
check "it is named" has told "results/list: is a link and no folder"
rm results/list && mv results kept && ln -s elsewhere results
check "a link in the place of results/ is refused" exits 3 run list.json
check "it is named" has told "results: is a link and no folder"
check "nothing is written through any of them" same "$(ls -A elsewhere)" file
rm results && mv kept results

# A manifest that a repository brings along names files elsewhere.
run mixed.json --set params.v=3
for name in ../../victim "$PWD/victim" deep/../../../victim . ..; do
    printf '{ "retort_results": 2, "files": { "%s": "%s" } }' "$name" "$(digest victim)" >$manifest
    refused "a manifest with the name $name"
    check "$name stays" same "$(cat victim)" victim
done
rm $manifest && mkfifo $manifest
refused "a pipe in the place of the manifest"
rm $manifest && ln -s /dev/zero $manifest
refused "a link to an endless device in the place of the manifest"
rm $manifest && mkdir $manifest
refused "a folder in the place of the manifest"
for text in garbage '' '[]' '{}' '{ "retort_results": 3, "files": {} }' '{ "retort_results": 2, "files": [] }' '{ "retort_results": 2 }' \
    '{ "retort_results": 2, "files": { "o": 3 } }' '{ "retort_results": 2, "files": { "o": "3" } }' '{ "retort_results": 2, "files": {}, "coming": {} }' \
    '{ "retort_results": 2, "files": {}, "coming": { "files": { "o": null } } }' '{ "retort_results": 1, "files": {}, "coming": { "o": null } }'; do
    rm -rf $manifest && echo "$text" >$manifest
    refused "the manifest '$text'"
done
check "nothing was touched" same "$(mixed)" "model 3 score of model 3 "
mv results/mixed aside
check "when the folder is moved away all is published anew" run mixed.json --set params.v=3
check "all of it" same "$(mixed)" "model 3 score of model 3 "

# ---- the page of joules ----

echo mine >results/mixed.energy.md
check "a run with another generation ends well" run mixed.json --set params.v=1
check "a page of the user's own is told" has told "results/mixed.energy.md: Retort did not write this file"
check "it stays" same "$(cat results/mixed.energy.md)" mine
ln -sf elsewhere/joules.md results/mixed.energy.md
check "a run beside a page that is a link ends well" run mixed.json --set params.v=3
check "the link stays" same "$(readlink results/mixed.energy.md)" elsewhere/joules.md
check "nothing is written through it" same "$(ls -A elsewhere)" file
rm results/mixed.energy.md
check "a page that is gone is written again, though no result changes" run mixed.json --set params.v=3
check "it is there" test -s results/mixed.energy.md
finish

#!/bin/sh
# The directory of a failed attempt stays to be looked at, until the stage succeeds or gc removes it.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<'EOT'
{"retort": 1, "name": "p", "params": {"good": "no", "wait": 0}, "defaults": {"retries": 1},
 "stages": {"a": {"matrix": {"x": [1, 2, 3]}, "in": {"data": "data.txt"}, "outs": {"o": "o"},
   "cmd": ["sh", "-c", "echo half > half; sleep ${params.wait}; test ${params.good} = yes && cp \"$0\" o", "${in.data}", "${matrix.x}"]}}}
EOT
echo data >data.txt
kept='.retort/failed/p/a[x=1]'
"$retort" run p.json "a[x=1]" >run.txt 2>&1
check "a failed stage leaves what it wrote" same "$(cat "$kept/dir/half")" half
check "its input stays beside it" same "$(cat "$kept/dir/in/data/data.txt")" data
check "its specification stays" test -s "$kept/spec.json"
check "the failure names the directory" has run.txt "its directory is kept: $PWD/$kept/dir"
check "nothing is left in work/" same "$(ls .retort/work)" ""
"$retort" run p.json -k --keep-failed 2 >run.txt 2>&1
check "--keep-failed 2 leaves two directories" same "$(ls .retort/failed/p | wc -l)" 2
"$retort" run p.json "a[x=3]" --keep-failed 0 >run.txt 2>&1
check "--keep-failed 0 leaves none of this stage" test ! -e '.retort/failed/p/a[x=3]'
echo '{"retort": 1, "name": "many", "stages": {"a": {"matrix": {"x": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}, "cmd": ["sh", "-c", "exit 1", "${matrix.x}"]}}}' >many.json
"$retort" run many.json -k >run.txt 2>&1
left=$(ls .retort/failed/many | wc -l)
check "without --keep-failed at most ten directories of a pipeline stay" test "$left" -le 10 -a "$left" -gt 5
"$retort" run p.json "a[x=1]" >run.txt 2>&1
"$retort" run p.json "a[x=1]" --set params.good=yes >run.txt 2>&1
check "success removes the directory" test ! -e "$kept"
sed 's/"defaults": {"retries": 1}/"defaults": {"timeout": "500ms"}/' p.json >late.json
"$retort" run late.json "a[x=1]" --set params.wait=60 >run.txt 2>&1
check "a stage that took too long leaves its directory" test -s "$kept/spec.json" # it may have written nothing by then
rm -rf .retort/failed/p
"$retort" run p.json "a[x=2]" --set params.wait=61 >run.txt 2>&1 &
engine=$!
while ! grep -q started run.txt; do sleep 0.05; done
kill -INT $engine
wait $engine
check "an interrupted stage leaves no directory" test ! -e .retort/failed/p
long=$(printf 'x%.0s' $(seq 240))
sed "s/\"x\": \[1, 2, 3\]/\"x\": [\"$long\"]/" p.json >long.json
"$retort" run long.json >run.txt 2>&1
check "a stage with a long name leaves its directory" has run.txt "its directory is kept: "
check "gc removes the directories" sh -c '"$1" gc >/dev/null && test -z "$(ls .retort/failed/p)"' sh "$retort"

# Links in the places of the folders lead to things that are not the store's.
mkdir -p mine/p "mine/a[x=1]" && for n in $(seq 15); do mkdir "mine/dir$n" "mine/p/dir$n"; echo precious | tee "mine/dir$n/f" >"mine/p/dir$n/f"; done
find mine | sort >before.txt
untouched() { find mine | sort | cmp - before.txt; }
rm -rf .retort/failed/p && ln -s "$PWD/mine" .retort/failed/p
"$retort" run p.json "a[x=1]" --set params.wait=0 >run.txt 2>&1
check "a link in the place of a pipeline's folder is not followed" untouched
check "the failure says that its directory is not kept" has run.txt "its directory is not kept: its place $PWD/$kept cannot be opened, or is a link"
"$retort" run p.json "a[x=1]" --set params.good=yes --set params.wait=1 >run.txt 2>&1
check "success removes nothing through a link" untouched
"$retort" gc --grace 0s >run.txt 2>&1
check "gc removes nothing through a link of a pipeline" untouched
rm -rf .retort/failed && ln -s "$PWD/mine" .retort/failed
"$retort" run p.json "a[x=2]" >run.txt 2>&1
"$retort" gc --grace 0s >run.txt 2>&1
check "a link in the place of all these folders is not followed" untouched
rm .retort/failed

# Inputs that the store or the project shares are no part of the directory: an edit there would change both.
cat >shared.json <<'EOT'
{"retort": 1, "name": "shared", "stages": {"made": {"cmd": ["sh", "-c", "echo made > o"], "outs": {"o": "o"}},
 "used": {"in": {"made": "${stages.made.outs.o}"}, "cmd": ["sh", "-c", "echo half > half; exit 1"]}}}
EOT
"$retort" run shared.json >run.txt 2>&1
check "an out of another stage is not in the kept directory" test ! -e .retort/failed/shared/used/dir/in/made/o
check "it is named beside it" grep -q "in/made/o <- $PWD/.retort/objects/" .retort/failed/shared/used/inputs.txt
cat >moved.json <<'EOT'
{"retort": 1, "name": "moved", "stages": {"a": {"cmd": ["sh", "-c", "d=$PWD; cd /; mv \"$d\" \"$d.old\"; ln -s \"$0\" \"$d\"; exit 1", "/tmp"], "outs": {"o": "o"}}}}
EOT
"$retort" run moved.json >run.txt 2>&1
check "a directory that a stage replaced is not kept" has run.txt "its directory is not kept: it replaced its working directory"
finish

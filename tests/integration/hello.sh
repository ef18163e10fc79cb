#!/bin/sh
# Runs a pipeline of three commands, from an empty store until all is known, and tries every command on it.
. tests/integration/lib.inc
cp pipelines/hello.json "$work/" && cd "$work" || exit 1

mkdir ahead && cp hello.json ahead/
look() { ( cd ahead && TMPDIR=$PWD "$retort" "$@" ); }
check "plan says what is known, what runs and what waits" same "$(look plan | tail -n 2 | head -n 1)" "0 known, 2 to run, 2 waiting"
check "why explains a stage that never ran" look why hello.json count
check "plan and why leave nothing behind" same "$(ls -A ahead)" hello.json

run() { "$retort" run hello.json --progress json -j 2 >run.json; }
check "the first run succeeds" run
check "the first run finishes four instances" same "$(counts run.json)" \
    '{"event":"end","known":0,"finished":4,"failed":0,"interrupted":0,"skipped":0}'
check "the result is published" same "$(cat results/hello/all.txt)" "good morning, world
hello, world"
check "the second run succeeds" run
check "the second run executes nothing" same "$(counts run.json)" \
    '{"event":"end","known":4,"finished":0,"failed":0,"interrupted":0,"skipped":0}'

"$retort" plan --json >plan.json
check "plan --json is one array of known stages" python3 -c '
import json
rows = json.load(open("plan.json"))
assert [r["state"] for r in rows] == ["known"] * 4, rows
assert all(set(r) == {"stage", "key", "state", "reason"} and len(r["key"]) == 64 for r in rows), rows'
"$retort" show hello.json count --json >show.json
check "show --json prints the action record" python3 -c '
import json, hashlib
r = json.load(open("show.json"))
data = b"{\"lines\": 2}\n"
assert r["outs"]["lines"]["sha256"] == hashlib.sha256(data).hexdigest(), r["outs"]
assert r["outs"]["lines"]["size"] == len(data)
assert r["metrics"] == {"lines": 2}, r["metrics"]
assert r["energy"]["label"] in ("modelled", "measured", "unavailable"), r["energy"]
assert r["provenance"] and r["resources"]["wall_s"] >= 0'
"$retort" metrics --csv >metrics.csv
check "metrics --csv prints a metric" has metrics.csv "count,2"
mkdir twice && ( cd twice && printf '%s\n' '{ "retort": 1, "name": "t", "stages": { "s": { "matrix": { "n": [7] },
    "cmd": ["sh", "-c", "echo {\\\"n\\\": 2, \\\"m\\\": ${matrix.n}} >o"], "outs": { "o": { "path": "o", "type": "metrics" } } } } }' >t.json
    "$retort" run --progress none && "$retort" metrics --csv >metrics.csv )
check "a metric that is called like an axis has a column of its own" same "$(cat twice/metrics.csv)" "stage,n,m,metrics.n
s,7,7,2"
"$retort" plan --set 'params.greetings=["hello","ahoy"]' >plan.txt
check "an override changes the plan" has plan.txt "1 known, 1 to run, 2 waiting"
"$retort" why hello.json 'greet[greeting=ahoy]' --set 'params.greetings=["hello","ahoy"]' >why.txt
check "why names the value that changed" has why.txt "ahoy"
"$retort" graph --format mermaid >graph.txt
check "the graph holds the edges" has graph.txt "n0 --> n1"
"$retort" graph --format svg >graph.svg
check "the picture is drawn" has graph.svg "</svg>"
check "log prints the log of a stage" sh -c "\"$retort\" log hello.json collect"
"$retort" runs >runs.txt
check "runs lists the runs" has runs.txt "hello"
check "energy prints a table with labels" sh -c "\"$retort\" energy | grep -E 'modelled|measured|unavailable'"
check "fsck finds nothing wrong" "$retort" fsck

# The next run notices a damaged object, sets it aside and makes it again.
object=$(find .retort/objects -type f -size 33c | head -n 1)
chmod u+w "$object" && printf 'x' | dd of="$object" conv=notrunc status=none && chmod a-w "$object"
check "fsck reports a flipped byte with exit status 1" exits 1 "$retort" fsck
check "the next run makes the damaged object again" run
check "fsck finds the mended store whole" "$retort" fsck

# Publishing replaces no file of the user's.
rm -rf .retort && printf 'mine\n' >results/hello/all.txt
check "a run refuses to replace a file of the user's" exits 3 run
check "the file of the user's is unchanged" same "$(cat results/hello/all.txt)" mine
finish

#!/bin/sh
# plan and why say that the last attempt at a stage's key failed, when, how, and where its traces are.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<'EOT'
{"retort": 1, "name": "p", "params": {"status": 7}, "stages": {
  "s": {"matrix": {"x": [1, 2]}, "cmd": ["sh", "-c", "echo said $1; [ -e \"$HOME/mended\" ] || [ $1 = 2 ] || exit $2; echo > o", "sh", "${matrix.x}", "${params.status}"],
        "pass_env": ["HOME"], "outs": {"o": "o"}},
  "free": {"cache": false, "cmd": ["sh", "-c", "[ -e \"$HOME/mended\" ]"], "pass_env": ["HOME"]},
  "after": {"in": {"o": "${stages.s[x=1].outs.o}"}, "cmd": ["true"]}}}
EOT
export HOME="$work"
why() { "$retort" why p.json "$@" >why.txt 2>&1; }
plan() { "$retort" plan p.json "$@" >plan.txt 2>&1; }
fail() { "$retort" run p.json "$@" -k --progress none >run.txt 2>&1; }
lacks() { ! grep -F -- "$2" "$1"; }
log=' (log: .*/.retort/logs/[^ ]*\.stdout)'
time='at 20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]*Z'

plan
check "plan says of a stage that was never tried that it never ran" grep -q '^run *s\[x=1\] *never run$' plan.txt
fail s
plan
check "plan says when and how the last attempt failed" grep -q "^run *s\[x=1\] *failed $time: exit status 7$log\$" plan.txt
check "plan says nothing of the kind about a stage that waits for it" grep -q '^waiting *after *waits for s\[x=1\]$' plan.txt
check "plan counts the stage among those to run" has plan.txt "1 known, 2 to run, 1 waiting"
"$retort" plan p.json --json >plan.json
check "plan --json has the failure as the reason" python3 -c '
import json
row = next(r for r in json.load(open("plan.json")) if r["stage"] == "s[x=1]")
assert row["state"] == "run" and row["reason"].startswith("failed at 20") and ": exit status 7 (log: " in row["reason"], row'
why "s[x=1]"
check "why says when and how the last attempt failed" grep -q "^s\[x=1\]: runs: failed $time: exit status 7$log\$" why.txt
check "why names the file of its output" same "$(cat "$(sed -n 's/.*(log: \(.*\))$/\1/p' why.txt)")" "said 1"
check "why names its directory" test -d "$(sed -n 's/^  the directory of its last failure: //p' why.txt)/dir"
show() { "$retort" show p.json "$@" >show.txt 2>&1; }
check "show of a failed stage has no record to print" exits 3 show "s[x=1]"
check "it says when and how the stage failed" grep -q "^s\[x=1\] has no record: it failed $time: exit status 7$log\$" show.txt
check "it names its directory" test -d "$(sed -n 's/^  the directory of its last failure: //p' show.txt)/dir"
check "show of a sweep prints the others" exits 0 show s
check "it says which failed" has show.txt "s[x=1] has no record: it failed"
"$retort" log p.json "s[x=1]" >log.txt
check "log says when and how the stage failed" grep -q "^   failed $time: exit status 7$log\$" log.txt
why "s[x=2]"
check "why says of a known stage that it is known" has why.txt "s[x=2]: known"
why "s[x=1]" --set params.status=8
check "a failure of another key is no reason" lacks why.txt "failed at"

# The newest of several attempts counts, also past the ninth retry.
first=$(grep -l '"exit status 7' .retort/attempts/*.json | tail -n 1)
for n in 9 11; do
    sed "s/\(-[0-9]*\)-1\([\".]\)/\1-$n\2/" "$first" >"${first%-1.json}-$n.json"
done
why "s[x=1]"
check "the newest attempt counts" grep -q 'log: .*-11\.stdout)$' why.txt

# An attempt that was not cached has no record either, but its success ends the search.
fail free
plan
check "plan says how a stage without a cache failed" grep -q "^run *free *failed $time: exit status 1\$" plan.txt
touch mended
fail free
plan
check "after its success it has not failed" grep -q '^run *free *never run$' plan.txt
fail s
plan
check "after its success a stage is known" grep -q '^known *s\[x=1\] *$' plan.txt
rm mended

# A quorum remembers.
cat >q.json <<'EOT'
{"retort": 1, "name": "q", "stages": {
  "t": {"matrix": {"n": [1, 2]}, "outs": {"m": {"path": "m.json", "type": "metrics"}}, "pass_env": ["HOME"],
        "cmd": ["sh", "-c", "[ $1 != 1 ] || exit 7; echo {\\\"loss\\\": $1} >m.json", "sh", "${matrix.n}"]},
  "best": {"select": {"from": "t", "group_by": ["n"], "minimize": "metrics.loss", "quorum": 1}}}}
EOT
check "a run goes on without an instance that failed" "$retort" run q.json --progress none
"$retort" plan q.json >plan.txt
remembered='exit status 7; run --retry-failed runs it again'
check "plan says that a run leaves it out" grep -q "^known *t\[n=1\] *left out: failed before, $time: $remembered\$" plan.txt
find .retort/attempts -name '20*' -delete
"$retort" plan q.json >plan.txt
check "plan finds a remembered failure whose attempt is gone" has plan.txt "$remembered"
"$retort" plan q.json "t[n=1]" >plan.txt
check "without the select no quorum leaves it out" lacks plan.txt "left out"
echo damaged >.retort/attempts/20990101T000000000Z-00000000-0-1.json
check "a damaged record of an attempt does not stop plan" "$retort" plan q.json
finish

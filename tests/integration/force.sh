#!/bin/sh
# `run --force STAGE` runs again what is known. Another result takes the place of the earlier one; the same changes nothing.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<EOT
{ "retort": 1, "name": "p", "stages": {
  "a": { "matrix": { "n": [1, 2] }, "cmd": ["sh", "-c", "echo a\$1 >>$work/ran; cat $work/value >o", "sh", "\${matrix.n}"], "outs": { "o": "o" } },
  "b": { "matrix": { "n": [1, 2] }, "in": { "o": "\${stages.a.outs.o}" }, "cmd": ["sh", "-c", "echo b >>$work/ran; cp \$1 o", "sh", "\${in.o}"], "outs": { "o": "o" } },
  "pick": { "select": { "from": "c", "group_by": ["n"], "minimize": "metrics.m" } },
  "c": { "matrix": { "n": [1] }, "cmd": ["sh", "-c", "echo {\\\\\"m\\\\\": 1} >m"], "outs": { "m": { "path": "m", "type": "metrics" } } },
  "u": { "matrix": { "n": [1] }, "cmd": ["sh", "-c", ": \$1 \$2", "sh", "\${matrix.n}", "\${stages.pick.matrix.n}"] } },
  "results": { "one": "\${stages.b[n=1].outs.o}", "two": "\${stages.b[n=2].outs.o}" } }
EOT
sed -i 's/"cmd": \["sh", "-c", "echo {/"cmd": ["sh", "-c", ": $1; echo {/; s/ >m"\], "outs": { "m"/ >m", "sh", "${matrix.n}"], "outs": { "m"/' p.json
run() { : >ran; "$retort" run "$@" --progress plain >told 2>&1; }
ran() { same "$(sort ran | tr '\n' ' ')" "$1"; }
lacks() { ! grep -F -- "$2" "$1"; }
lines() { cat .retort/actions/*.jsonl | wc -l; }

echo first >value
check "a run makes all" exits 0 run p.json
check "the store has the first format" same "$(cat .retort/format)" "retort store 1"
records=$(lines)
check "--force without a stage is refused" exits 2 run p.json --force
check "it says how to name one" has told "run --force PIPELINE STAGE"
check "--force of a select is refused" exits 2 run p.json --force pick
check "it says why" has told "pick is a select, which runs nothing"

# The same result.
check "a known stage runs again" exits 0 run p.json --force "a[n=1]"
check "it alone runs" ran "a1 "
check "the run says that the earlier record stays" has told "the same result: its earlier record stays"
check "no record is added" same "$(lines)" "$records"
check "the format is that of before" same "$(cat .retort/format)" "retort store 1"
check "the attempt leaves its record among the attempts" sh -c 'grep -l "\"state\": \"finished\"" .retort/attempts/*.json | grep -q .'
check "nothing depends on it anew" exits 0 run p.json
check "so nothing runs" ran ""

# Another result.
echo second >value
check "a forced stage may give another result" exits 0 run p.json --force "a[n=1]"
check "the run says that the earlier record is withdrawn" has told "another result: its earlier record is withdrawn"
check "a record and a withdrawal are added" same "$(lines)" $((records + 2))
check "the record comes before the withdrawal, so that half a group loses no result" grep -q retort_withdrawal "$(ls .retort/actions/*.jsonl | tail -n 1 | xargs -I{} sh -c 'tail -n 1 {} >last; echo last')"
check "the store has the second format" same "$(cat .retort/format)" "retort store 2"
check "the next run ends with 0" exits 0 run p.json
check "it runs what depends on the changed out, and nothing else" ran "b "
check "the results are the new ones" same "$(cat results/p/one results/p/two)" "second
first"
"$retort" show p.json "a[n=1]" >told
check "show says which run withdrew an earlier record" grep -q '^  an earlier record was withdrawn by run 20[0-9TZ]*-[0-9a-f]*$' told
"$retort" why p.json "a[n=1]" >told
check "why says it too" has told "an earlier record was withdrawn by run 20"
"$retort" show p.json "a[n=2]" >told
check "show says nothing of the kind of another instance" lacks told "withdrawn"
check "fsck finds nothing" "$retort" fsck
rm .retort/state.db
check "an index filled anew keeps the new result" exits 0 run p.json
check "so nothing runs then either" ran ""
check "verify compares with the new record" sh -c "'$retort' verify p.json 'a[n=1]'"
check "gc keeps what counts" "$retort" gc --grace 0s
check "after gc nothing runs" exits 0 run p.json
check "nothing at all" ran ""

# A failure leaves what there was.
rm value
check "a forced stage may fail" exits 1 run p.json --force "a[n=2]"
echo third >value
check "its earlier record still counts" exits 0 run p.json
check "it does not run again" ran ""

# All instances of a stage, and a stage that was not known.
check "all instances of a stage run again" exits 0 run p.json --force a
check "each once" ran "a1 a2 "
echo '{ "retort": 1, "name": "new", "stages": { "n": { "cmd": ["sh", "-c", "echo >>'"$work"'/ran; echo 1 >o"], "outs": { "o": "o" } } } }' >new.json
check "a stage that is not known runs as ever" exits 0 run new.json --force n
check "it has nothing to withdraw" lacks told "withdrawn"
check "--force and --retry-failed do not go together" exits 2 run p.json --force --retry-failed a

# An older engine refuses the store; so does this one a newer format.
echo "retort store 4" >.retort/format
check "a store of a newer format is refused" exits 2 run p.json
finish

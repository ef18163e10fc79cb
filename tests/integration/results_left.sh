#!/bin/sh
# What a kill leaves of files that were being published goes with the next publishing; the user's files stay.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<'EOT'
{ "retort": 1, "name": "p", "params": { "text": "one" },
  "stages": { "a": { "cmd": ["sh", "-c", "echo \"$1\" >o", "sh", "${params.text}"], "outs": { "o": "o" } } },
  "results": { "o": "${stages.a.outs.o}", "deep/o": "${stages.a.outs.o}" } }
EOT
there() { (cd results/p && find . -name '.*.tmp-*' | sort | tr '\n' ' '); }
check "published" "$retort" run p.json
for left in .o.tmp-123 deep/.o.tmp-45 ..retort-results.json.tmp-aB3dE9; do echo half >results/p/$left; done
mkdir results/p/deep/.o.tmp-7 && echo half >results/p/deep/.o.tmp-7/file
for mine in .o.tmp-mine .mine.tmp-12 deep/.p.tmp-3 ..retort-results.json.tmp-mine; do echo mine >results/p/$mine; done
check "nothing to publish: nothing is touched" "$retort" run p.json
check "and what is left stays" same "$(there | wc -w)" 8
check "published again" "$retort" run p.json --set params.text=two
check "what the kill left is gone, what is the user's is not" \
    same "$(there)" "./..retort-results.json.tmp-mine ./.mine.tmp-12 ./.o.tmp-mine ./deep/.p.tmp-3 "
check "the results are there" same "$(cat results/p/o results/p/deep/o)" "two
two"
exec 9<results/p && flock -s 9 # as somebody who is publishing
echo half >results/p/.o.tmp-123
check "published beside another" "$retort" run p.json --set params.text=three
check "whose temporary file stays" test -e results/p/.o.tmp-123
exec 9<&-

# Killed while a directory is replaced: a half of the old one is never taken for the user's.
cat >q.json <<'EOT'
{ "retort": 1, "name": "q", "params": { "text": "0" },
  "stages": { "a": { "cmd": ["sh", "-c", "mkdir -p d/e; for n in 1 2 3 4 5 6; do echo \"$1\" >d/e/$n; done", "sh", "${params.text}"],
                     "outs": { "d": { "path": "d", "type": "directory" } } } },
  "results": { "d": "${stages.a.outs.d}" } }
EOT
fault() { RETORT_FAULT=$1 RETORT_FAULT_LOG=$2 LD_PRELOAD=$BUILD/tests/fault/faultlib.so "$retort" run q.json --set "params.text=$3"; }
"$retort" run q.json >said 2>&1
fault kill:0 calls counted >said 2>&1
calls=$(sed -n 's/^calls //p' calls) bad=
for n in $(seq 36 3 90); do # back from the end, where the manifest and the run are written
    fault "kill:$((calls - n))" instants "$n" >said 2>&1
    "$retort" run q.json --set "params.text=$n" >said 2>&1 || bad="$bad $n: $(cat said)"
    [ "$(cat results/q/d/e/* | sort -u)" = "$n" ] || bad="$bad $n: not replaced"
done
check "it was killed in the middle of that" test "$(grep -c 'unlinkat .*/results/q/' instants)" -ge 3
check "and the next run replaces it" same "$bad" ""
check "leaving nothing beside it" same "$(ls -A results/q | tr '\n' ' ')" ".retort-results.json d "
finish

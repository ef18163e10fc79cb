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
finish

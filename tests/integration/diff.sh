#!/bin/sh
# retort diff: the differences between two runs, and their origin.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<'EOF'
{ "retort": 1, "name": "p", "params": { "lr": 0.1, "seeds": [1, 2, 3] }, "stages": {
  "prep":  { "cmd": ["sh", "-c", "cat data.txt >o"], "in": ["data.txt"], "outs": { "o": "o" } },
  "train": { "matrix": { "seed": "${params.seeds}" }, "in": { "o": "${stages.prep.outs.o}" },
             "cmd": ["sh", "-c", "echo \"{\\\"loss\\\": $(($1 * $(wc -c <$2)))}\" >m.json; cat $2 >model; echo $1 >>model", "sh", "${matrix.seed}", "${in.o}"],
             "outs": { "model": "model", "m": { "path": "m.json", "type": "metrics" } } },
  "eval":  { "matrix": { "seed": "${params.seeds}" }, "in": { "model": "${stages.train.outs.model}" },
             "cmd": ["sh", "-c", "echo \"{\\\"rate\\\": $2}\" >m.json", "sh", "${in.model}", "${params.lr}"],
             "outs": { "m": { "path": "m.json", "type": "metrics" } } },
  "other": { "cmd": ["sh", "-c", "echo same >o"], "outs": { "o": "o" } } } }
EOF
run() { "$retort" run p.json --progress none "$@" >>run.txt 2>&1; }
newest() { basename "$(ls .retort/runs/*.json | tail -n 1)" .json; }
query() { python3 -c "import json; d = json.load(open('diff.json')); $1"; }
by_name='s = {x["stage"]: x for x in d["stages"]}'

echo ab >data.txt
check "without a run diff says so" exits 3 "$retort" diff --store none
run; first=$(newest)
check "with one run diff says so" exits 3 "$retort" diff
"$retort" diff 2>told
check "the message names the run and the pipeline" has told "there is no earlier run of p to compare run $first with"
run; second=$(newest)
"$retort" diff >same.txt
check "two runs of the same work have no difference" has same.txt "0 stages differ, 8 are the same."
echo abcd >data.txt
run --set params.lr=0.5; third=$(newest)
"$retort" diff "$first" "$third" >diff.txt
"$retort" diff "$first" "$third" --json >diff.json
check "the stage of the changed file changed itself" query "$by_name; assert s['prep']['changed'] == 'itself' and s['prep']['follows'] == [], s['prep']"
check "its component is the file" query "$by_name; assert [c['name'] for c in s['prep']['components']] == ['in.data.txt'], s['prep']"
check "a stage that reads its out follows it" query "$by_name; assert s['train[seed=2]']['changed'] == 'inputs' and s['train[seed=2]']['follows'] == ['prep'], s['train[seed=2]']"
check "a stage with a changed parameter changed itself and follows" query "$by_name; assert s['eval[seed=3]']['changed'] == 'itself' and s['eval[seed=3]']['follows'] == ['train[seed=3]'], s['eval[seed=3]']"
check "the stage beside them is the same" query "$by_name; assert 'other' not in s and d['same'] == 1, d['same']"
check "the override stands on its side" query "assert d['overrides'] == [{'name': 'lr', 'before': None, 'after': 0.5}], d['overrides']"
# data.txt has 3 bytes, then 5: the losses are 3, 6, 9 and 5, 10, 15.
check "metrics differ with mean and standard deviation" query "m = {x['metric']: x for x in d['metrics']}['loss']; assert (m['stage'], m['count'], m['before'], m['after'], m['difference']) == ('train', 3, {'mean': 6, 'sd': 3}, {'mean': 10, 'sd': 5}, {'mean': 4, 'sd': 2}), m"
check "a metric of a stage differs by its value" query "$by_name; assert s['train[seed=3]']['metrics'] == [{'name': 'loss', 'before': 9, 'after': 15, 'difference': 6}], s['train[seed=3]']"
check "joules are compared by label" query "assert d['energy'] and all(e['label'] in ('measured', 'modelled') for e in d['energy']), d['energy']"
check "the text names the origin first" sh -c "sed -n '/^What changed/,/^What follows/p' diff.txt | grep -q '^  prep$'"
check "instances in which the same parts changed are counted" has diff.txt "and 2 more of train, in which the same parts changed"
"$retort" diff "$first" "$third" --markdown >diff.md
check "Markdown holds the table of metrics" has diff.md "| train | loss | 3 | 6 ± 3 | 10 ± 5 | 4 ± 2 |"
run --set 'params.seeds=[1,2,4]' --set params.lr=0.5
"$retort" diff --json >diff.json
check "an instance of one run alone is added or removed" query "$by_name; assert (s['train[seed=4]']['changed'], s['train[seed=3]']['changed']) == ('added', 'removed'), s"
check "one run is compared with the latest" sh -c "\"$retort\" diff $first | head -n 1 | grep -q \"^$first of p -> $(newest) of p\$\""

# A result that another computation of the same key gave, and a stage that failed.
cat >q.json <<'EOF'
{ "retort": 1, "name": "q", "stages": { "clock": { "cmd": ["sh", "-c", "date +%N >o"], "outs": { "o": "o" }, "cache": false },
                                        "ends": { "cmd": ["sh", "-c", "exit $(cat code)"], "in": ["code"], "cache": false } } }
EOF
echo 0 >code
"$retort" run q.json --progress none
"$retort" run q.json --progress none
"$retort" diff --json >diff.json
check "other bytes under the same key are told" query "$by_name; assert list(s) == ['clock'] and s['clock']['changed'] == 'bytes', s"
echo 1 >code
"$retort" run q.json --progress none 2>failed.txt
"$retort" diff >diff.txt
check "another end is told" has diff.txt "ends: it ended otherwise, finished -> failed"
check "an unknown run is status 3" exits 3 "$retort" diff 20000101T000000000Z-00000000
check "three runs are too many" exits 2 "$retort" diff a b c
finish

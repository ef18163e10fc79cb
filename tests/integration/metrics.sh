#!/bin/sh
# Metrics as programs write them: nested, in YAML, in a folder, with NaN, texts and any names.
. tests/integration/lib.inc
cd "$work" || exit 1
quiet() { "$retort" "$@" >told 2>&1; }
metric() { "$retort" show "$1" "$2" --json | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["metrics"], sort_keys=True))'; }

# Python writes NaN for a training that diverged.
cat >diverged.json <<'EOT'
{ "retort": 1, "name": "diverged", "stages": {
  "t": { "matrix": { "lr": [0.1, 10] }, "outs": { "m": { "path": "m.json", "type": "metrics" } },
         "cmd": ["python3", "-c", "import json, sys; json.dump({'loss': 0.25 if sys.argv[1] == '0.1' else float('nan'), 'top': float('inf'), 'none': None}, open(sys.argv[2], 'w'))", "${matrix.lr}", "${outs.m}"] },
  "best": { "select": { "from": "t", "group_by": ["lr"], "maximize": "metrics.loss" } } } }
EOT
check "a run with a metric that is NaN succeeds" quiet run diverged.json
check "the instance with a number wins over NaN" has told "lr=0.1 of 2"
check "a record holds NaN, Infinity and null" same "$(metric diverged.json 't[lr=10]')" \
    '{"loss": {"nonfinite": "NaN"}, "none": null, "top": {"nonfinite": "Infinity"}}'
"$retort" show diverged.json best >best.txt
check "show of a select prints what it chose" grep -q "^best: lr=" best.txt
check "and the reduced metrics that decided" grep -qE "^  lr +loss" best.txt
"$retort" show diverged.json best --json >best.json
check "show --json of a select prints its candidates" python3 -c 'import json; assert len(json.load(open("best.json"))["candidates"]) == 2'
check "metrics shows NaN" sh -c '"$1" metrics diverged.json | grep -qE "^t +10 +NaN +null +Infinity$"' sh "$retort"
check "show shows NaN" sh -c '"$1" show diverged.json "t[lr=10]" | grep -qE "metric loss +NaN$"' sh "$retort"
check "the second run succeeds" quiet run diverged.json
check "the second run executes nothing" has told "2 known, 0 finished"
check "verify finds equal NaNs the same" exits 0 "$retort" verify diverged.json
sed 's/"maximize": "metrics.loss"/"maximize": "metrics.top"/' diverged.json >infinite.json
check "Infinity never wins" exits 1 quiet run infinite.json
check "the table says why no group qualifies" has told "metrics.top is Infinity"

# A reference to what is no value.
use() { sed "s/\"best\": .*/\"use\": { \"cmd\": [\"sh\", \"-c\", \"echo \$1 >o\", \"sh\", \"$1\"], \"outs\": { \"o\": \"o\" } } } }/" diverged.json >use.json; }
use '${stages.t[lr=10].metrics.loss}'
check "a reference to NaN in cmd is refused" exits 2 quiet run use.json
check "the message names the instance" has told 't[lr=10] gave NaN, which cannot be used as a value'
use '${stages.t[lr=10].metrics.none}'
check "a reference to null is refused" exits 2 quiet run use.json
use 'x ${stages.t[lr=10].metrics.top}'
check "a reference to Infinity in a text is refused" exits 2 quiet run use.json
sed 's/"best": .*/"use": { "env": { "L": "${stages.t[lr=10].metrics.loss}" }, "cmd": ["env"] } } }/' diverged.json >env.json
check "a reference to NaN in env is refused" exits 2 quiet run env.json
sed 's/"best": .*/"use": { "uses": "plot\/lines@2", "in": { "curves": "a.csv" }, "with": { "x": "x", "y": "y", "title": "${stages.t[lr=10].metrics.loss}" } } } }/' diverged.json >with.json
printf 'x,y\n1,2\n' >a.csv
check "a reference to NaN in with is refused" exits 2 quiet run with.json
check "the message names the instance again" has told 't[lr=10] gave NaN'
use '${stages.t[lr=0.1].metrics.los}'
check "a reference to a metric that is misspelt is refused" exits 2 quiet run use.json
check "the message names the nearest metric" has told 'gave no metric "los"; did you mean "loss"? It gave loss, none, top'

# Nested, in YAML inside a folder, with names of any text.
cat >nested.json <<'EOT'
{ "retort": 1, "name": "nested", "stages": {
  "t": { "matrix": { "lr": [0.2, 0.1] },
         "outs": { "m": { "path": "out/sub/m.yaml", "type": "metrics" }, "j": { "path": "j.json", "type": "metrics" }, "out": { "path": "out", "type": "directory" } },
         "cmd": ["sh", "-c", "mkdir out out/sub && printf 'test: {loss: %s, f1: {macro: .5}}\nval/loss: %s\nmodel: resnet\nconverged: true\nn: 12345678901234567890\ndiverged: .nan\n' $1 $1 >out/sub/m.yaml; echo beside >out/x; echo '{\"steps\": [1, 2], \"a b\": 7}' >j.json", "sh", "${matrix.lr}"] },
  "best": { "select": { "from": "t", "group_by": ["lr"], "minimize": "metrics.test.loss", "where": [{ "metric": "metrics[\"val/loss\"]", "at_most": 0.15 }] } },
  "use": { "cmd": ["sh", "-c", "printf '%s|' \"$@\" >o", "sh", "${stages.best.metrics[\"val/loss\"]}", "${stages.best.metrics.test.f1.macro}",
                   "${stages.best.metrics.model}", "${stages.best.metrics.converged}", "${stages.best.metrics.n}", "${stages.best.metrics[\"a b\"]}", "${stages.best.metrics.steps}", "${stages.best.metrics.test[\"loss\"]}"],
           "outs": { "o": "o" } } },
  "results": { "o": "${stages.use.outs.o}", "m.yaml": "${stages.best.outs.m}", "out": "${stages.best.outs.out}" } }
EOT
check "a run with nested metrics in a folder succeeds" quiet run nested.json
check "a record holds joined names and every type" same "$(metric nested.json 't[lr=0.2]')" \
    '{"a b": 7, "converged": true, "diverged": {"nonfinite": "NaN"}, "model": "resnet", "n": {"integer": "12345678901234567890"}, "steps": [1, 2], "test.f1.macro": 0.5, "test.loss": 0.2, "val/loss": 0.2}'
check "references find metrics by any name" same "$(cat results/nested/o)" "0.1|0.5|resnet|true|12345678901234567890|7|1|2|0.1|"
check "the file of the folder is the metrics out" cmp results/nested/m.yaml results/nested/out/sub/m.yaml
check "the store holds the file once" same "$(find .retort/objects -type f -exec grep -l 'loss: 0.1' {} + | wc -l)" 1
check "fsck finds nothing wrong" "$retort" fsck
rm -rf results
check "a second run succeeds" quiet run nested.json
check "a second run executes nothing" has told "3 known, 0 finished"
check "the results are published again" test -s results/nested/out/sub/m.yaml
check "an out that is no metrics is refused inside a folder out" exits 2 sh -c 'sed "s/\"type\": \"metrics\"/\"type\": \"file\"/" nested.json >bad.json; "$1" check bad.json 2>said.err' sh "$retort"
check "the message says what may lie in a folder" has said.err 'only an out of type "metrics" may lie in a directory'

# Every fault of a file at once.
cat >twice.json <<'EOT'
{ "retort": 1, "name": "twice", "stages": { "t": { "cmd": ["sh", "-c", "echo '{\"a.b\": 1, \"a\": {\"b\": 2}, \"c\": 1, \"c\": 2}' >m.json"], "outs": { "m": { "path": "m.json", "type": "metrics" } } } } }
EOT
check "names that are given twice fail the stage" exits 1 quiet run twice.json
check "the message names all of them" has told 'm.json: the name "a.b" is given twice; the name "c" is given twice'
check "the file whose metrics were refused is kept" grep -q '"a.b": 1' .retort/failed/twice/t/dir/m.json

# A misspelt metric is told when the first record shows the names. The second instance waits for that.
gate=$(mktemp -d)
trap 'rm -rf "$work" "$gate"' EXIT
cat >misspelt.json <<EOT
{ "retort": 1, "name": "misspelt", "stages": {
  "t": { "matrix": { "n": [1, 2, 3] }, "cmd": ["sh", "-c", "[ \$1 != 2 ] || until [ -e $gate/told ]; do sleep 0.02; done; echo '{\"loss\": 1, \"accuracy\": '\$1'}' >m.json", "sh", "\${matrix.n}"], "outs": { "m": { "path": "m.json", "type": "metrics" } } },
  "best": { "select": { "from": "t", "group_by": ["n"], "minimize": "metrics.los", "where": [{ "metric": "metrics.acuracy", "at_least": 1 }] } } } }
EOT
"$retort" run misspelt.json -j 1 >told 2>&1 & engine=$!
for try in $(seq 600); do
    grep -q "gave no metric" told && break
    sleep 0.1
done
echo >"$gate/told"
check "a select by a misspelt metric fails" exits 1 wait $engine
check "the misspelt metric is told before the last instance starts" python3 -c '
lines = open("told").read().splitlines()
told = [i for i, l in enumerate(lines) if "t gave no metric \"los\"; did you mean \"loss\"? It gave loss, accuracy" in l]
last = [i for i, l in enumerate(lines) if "started" in l and "t[n=3]" in l]
assert len(told) == 1 and told[0] < last[0], lines'
check "a misspelt metric of a condition is told too" has told 't gave no metric "acuracy"; did you mean "accuracy"?'
"$retort" plan misspelt.json >planned 2>&1
check "plan tells the misspelt metric of known records" has planned 't gave no metric "los"'

# A table of such metrics.
cat >table.json <<'EOT'
{ "retort": 1, "name": "table", "include": { "d": { "path": "diverged.json" } }, "stages": {
  "table": { "uses": "plot/table@2", "with": { "columns": ["loss"] }, "in": { "metrics": "${d.stages.t[*].outs.m}" } } }, "results": { "table.md": "${stages.table.outs.markdown}" } }
EOT
check "a table of metrics with NaN is made" quiet run table.json
finish

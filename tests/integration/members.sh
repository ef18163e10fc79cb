#!/bin/sh
# Members of a data file as an input: they alone are given, and they alone are in the key.
. tests/integration/lib.inc
cd "$work" || exit 1
ended() { counts run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
run() { "$retort" run "$@" --progress json >run.json 2>run.err; }

cat >params.yaml <<'EOF'
base: &base {momentum: 0.9}
train:
  lr: 1e-3          # how fast
  epochs: 10
  dropout: 1.0
  big: 123456789012345678901234567890
  flag: yes
  name: a, b
  hex: 0x1F
  nothing:
  layers: [64, "64", 3.50]
  optimizer: *base
split: {seed: 7}
EOF
cat >params.json <<'EOF'
{ "train": { "lr": 1.50e-3, "epochs": 10, "dropout": 1.0 }, "name": "é \"x\"", "other": [1, {"b": 1, "a": 2.0}] }
EOF
cat >t.json <<'EOF'
{ "retort": 1, "name": "t", "stages": {
    "yaml": { "cmd": ["cp", "params.yaml", "o"], "in": [{ "path": "params.yaml", "only": ["train", "split.seed"] }], "outs": ["o"] },
    "lr": { "cmd": ["cp", "params.yaml", "o"], "in": [{ "path": "params.yaml", "only": ["train.lr", "train.dropout"] }], "outs": ["o"] },
    "json": { "cmd": ["cp", "params.json", "o"], "in": [{ "path": "params.json", "only": ["train.dropout", "train.lr", "other", "name"] }], "outs": ["o"] } },
  "results": { "yaml": "${stages.yaml.outs.o}", "lr": "${stages.lr.outs.o}", "json": "${stages.json.outs.o}" } }
EOF
check "the pipeline is sound" "$retort" check t.json
check "stages that take members of data files" run t.json
check "scalars stay as the file writes them" same "$(cat results/t/yaml)" \
    '{split: {seed: 7}, train: {big: 123456789012345678901234567890, dropout: 1.0, epochs: 10, flag: yes, hex: 0x1F, layers: [64, "64", 3.50], lr: 1e-3, name: "a, b", nothing: null, optimizer: {momentum: 0.9}}}'
check "members of one mapping stand together" same "$(cat results/t/lr)" '{train: {dropout: 1.0, lr: 1e-3}}'
check "JSON stays JSON" same "$(cat results/t/json)" \
    '{"name": "é \"x\"", "other": [1, {"a": 2.0, "b": 1}], "train": {"dropout": 1.0, "lr": 1.50e-3}}'
sed -i 's/epochs: 10/epochs: 20/; s/# how fast/# slow/; s/^split/more: 1\nsplit/' params.yaml
sed -i 's/"epochs": 10, //' params.json
check "other members that changed" run t.json
check "run only what takes them" same "$(ended known)$(ended finished)" 21
sed -i 's/1e-3/1e-4/' params.yaml
check "a member that changed" run t.json
check "runs what takes it" same "$(ended known)$(ended finished)" 12
sed -i 's/lr: 1e-4/rate: 1e-4/' params.yaml
check "a member that is missing is a fault before anything runs" exits 2 run t.json
check "and is named" has run.err 'params.yaml: has no member "train.lr"'
check "also by check" exits 2 "$retort" check t.json
printf 'train: [\n' >params.yaml
check "a file that cannot be parsed is a fault" exits 2 run t.json
check "with its place" has run.err 'params.yaml: 2:1: '
printf 'train: &a [*a]\nsplit: {seed: 1}\n' >params.yaml
check "an alias that holds itself is a fault" exits 2 run t.json

# The file changes while the stage runs: it read what its key says.
cat >s.json <<'EOF'
{ "retort": 1, "name": "s", "stages": { "a": { "cmd": ["sh", "-c", "echo '{\"lr\": 2, \"n\": 1}' >$1; cp p.json o", "sh", "PLACE"],
  "in": [{ "path": "p.json", "only": ["lr"] }], "outs": ["o"] } } }
EOF
sed -i "s,PLACE,$work/p.json," s.json
echo '{"lr": 2, "n": 0}' >p.json
check "a change of another member meanwhile is none" run s.json
echo '{"lr": 1, "n": 0}' >p.json
check "a change of the member fails the stage" exits 1 run s.json
# Each of these YAML texts means the same in the file and in the stage's copy.
cat >texts.yaml <<'EOT'
version: !!str 1.0
anchored: &a !!str 010
nothing: !!str
nul: "a\0b"
"k\0": 1
!!str 2: x
number: 1.0
EOT
cat >copy.json <<'EOT'
{ "retort": 1, "name": "copy", "stages": { "a": { "cmd": ["cp", "texts.yaml", "o"], "outs": ["o"],
  "in": [{ "path": "texts.yaml", "only": ["version", "anchored", "nothing", "nul", "number", "2"] }] } },
  "results": { "copy": "${stages.a.outs.o}" } }
EOT
check "a stage takes texts of YAML" run copy.json
check "a text that its tag alone makes one stays a text, and a NUL stays" same "$(cat results/copy/copy)" \
    '{"2": x, anchored: "010", nothing: "", nul: "a\u0000b", number: 1.0, version: "1.0"}'

# Members that no stage takes do no harm.
cat >huge.json <<'EOT'
{ "lr": 0.1, "nan": NaN, "max": 1e999, "min": -Infinity, "digits": DIGITS }
EOT
sed -i "s/DIGITS/$(printf '9%.0s' $(seq 400))/" huge.json
only() { # MEMBERS
    cat >only.json <<EOT
{ "retort": 1, "name": "only", "stages": { "w": { "cmd": ["sh", "-c", "echo x > o"], "outs": ["o"] },
  "a": { "cmd": ["cp", "huge.json", "o"], "outs": ["o"], "in": ["\${stages.w.outs.o}", { "path": "huge.json", "as": "huge.json", "only": $1 }] } } }
EOT
    sed -i 's/"${stages.w.outs.o}"/{ "from": "${stages.w.outs.o}", "as": "w" }/' only.json
    sed -i 's/} } }$/} },\n  "results": { "copy": "${stages.a.outs.o}" } }/' only.json
}
only '["lr"]'
check "numbers beyond a double do no harm where they are not taken" run only.json
check "the member alone is there" same "$(cat results/only/copy)" '{"lr": 0.1}'
only '["max", "nan"]'
check "such numbers can be taken" run only.json
check "and stay as the file writes them" same "$(cat results/only/copy)" '{"max": 1e999, "nan": NaN}'
rm -rf .retort/objects .retort/actions .retort/state.db
only '["lrr"]'
check "check foresees a missing member of a stage that waits" exits 2 "$retort" check only.json
check "run does, too" exits 2 run only.json
check "nothing ran" sh -c '! grep -q started run.json'
check "the nearest member is named" has run.err 'huge.json: has no member "lrr"; did you mean "lr"?'
printf '{"train": {"lr": 1}}\n' >huge.json
only '["train", "train.lr"]'
check "a member and one that lies in it are refused" exits 2 "$retort" check only.json
run only.json
check "both are named" has run.err 'huge.json: "train.lr" lies in "train", which "only" names too: name one of them'
only '["train.lrr"]'
run only.json
check "the nearest name within a member is named" has run.err 'has no member "train.lrr"; did you mean "train.lr"?'
finish

#!/bin/sh
# import-dvc: what a dvc.yaml says, what its scripts use besides, and what has no counterpart.
. tests/integration/lib.inc
mkdir -p "$work/project/src/helpers" "$work/project/configs" "$work/project/work" && cd "$work/project" || exit 1
import() { rm -f p.json; "$retort" import-dvc -o p.json 2>import.err; }
run() { "$retort" run p.json >run.txt 2>&1 || { cat run.txt; return 1; }; }

cat >dvc.yaml <<'EOF'
vars:
  - configs/extra.yaml
  - greeting: hello
metrics: [log/test.json]
stages:
  train:
    desc: learn
    cmd: sh src/train.sh --config configs/train.txt
    deps: [src/train.sh]
    outs: [model/weights, log]
  say:
    foreach: ${names}
    do:
      cmd:
        - mkdir -p said
        - echo ${greeting} ${item} > said/${item}.txt
      outs: [ "said/${item}.txt" ]
  count@x:
    foreach:
      small: {n: 1}
      large: {n: 10}
    do:
      wdir: work
      cmd: sh count.sh ${item.n} > ${key}.txt
      deps: [count.sh]
      outs: ["${key}.txt"]
  root:
    foreach: {four: 4, nine: 9}
    do:
      cmd: echo ${item} > ${key}
      outs: ["${key}"]
  grid:
    matrix: {a: [1, 2], b: [x, y]}
    cmd: echo ${item.a} ${item.b} > grid-${item.a}-${item.b}.txt
    outs: ["grid-${item.a}-${item.b}.txt"]
  again:
    matrix: {a: [1, 2], b: [x, y]}
    cmd: cp grid-${item.a}-${item.b}.txt again-${item.a}-${item.b}.txt
    deps: ["grid-${item.a}-${item.b}.txt"]
    outs: ["again-${item.a}-${item.b}.txt"]
  join:
    cmd: cat said/ann.txt said/bob.txt work/small.txt work/large.txt four grid-1-x.txt again-2-y.txt model/weights/w > join.txt; echo \${HOME} > home.txt
    deps: [said, work/small.txt, work/large.txt, four, grid-1-x.txt, again-2-y.txt, model/weights/w]
    outs: [join.txt, home.txt]
    always_changed: true
EOF
echo 'names: [ann, bob]' >configs/extra.yaml
echo 'mkdir -p model/weights; cat "configs/train.txt" >model/weights/w; mkdir log; echo "{\"loss\": 0.5}" >log/test.json' >src/train.sh
echo 'seq $1 | wc -l' >work/count.sh
echo trained >configs/train.txt
check "a dvc.yaml is imported" import
check "the pipeline is sound" "$retort" check p.json
check "it runs" run
check "every dependency came from the stage that writes it" same "$(tr '\n' ' ' <results/project/join.txt)" \
    "hello ann hello bob 1 10 4 1 x 2 y trained "
check "an escaped variable is left to the shell" same "$(cut -c1 results/project/home.txt)" /
check "a list of names is an axis of params" has p.json '"item": "${params.names}"'
check "params stay in their file" has p.json '"$file": "configs/extra.yaml"'
check "a variable of dvc.yaml stands beside it" has p.json '"greeting": "hello"'
check "a part of a folder out is read alone" has p.json '"part": "w"'
"$retort" metrics p.json train --csv >train.csv
check "metrics of the whole file are read from the folder that holds them" has train.csv loss
check "always_changed runs every time" has p.json '"cache": false'
check "a file that the command names is added" has import.err "train: configs/train.txt, which the command names"
check "and is marked in the pipeline" has p.json '"learn (added: configs/train.txt)"'
check "a stage whose name does not fit is told" has import.err "count@x: the pipeline calls it count-x"
check "a stage without dependencies has no list of them" exits 1 grep -q '"in": \[\]' p.json
cp p.json before.json
check "a file that exists is not overwritten" exits 2 "$retort" import-dvc -o p.json
check "it is unchanged" cmp p.json before.json
mkdir two
cat >two/dvc.yaml <<'EOF'
stages:
  two:
    matrix: {a: [1, 2]}
    cmd: mkdir -p out/${item.a} && echo > out/${item.a}/model-${item.a}.txt && echo > plot_${item.a}.csv && echo > ${item.a} && echo > x/${item.a}
    outs: ["out/${item.a}/model-${item.a}.txt", "plot_${item.a}.csv", "${item.a}", "x/${item.a}"]
EOF
names() { (cd two && "$retort" import-dvc 2>/dev/null) | python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin)["results"]))'; }
check "results of a matrix are named by the outs" same "$(names)" "two/model.txt/ two/out-3/ two/plot.csv/ two/x/"
mkdir elsewhere
check "a file in another folder is refused" exits 2 "$retort" import-dvc -o elsewhere/p.json
"$retort" import-dvc >printed.json 2>/dev/null
check "without --output the pipeline is printed" cmp p.json printed.json

# Scripts are read for what they import and name.
cat >src/train.py <<'EOF'
import json, helpers.wide as w
from helpers import twice
from .near import (
    that)
DATA = 'configs/train.txt'
GONE = "configs/nothing.txt"
OTHER = "join.txt"
WORD = "configs"
EOF
touch src/helpers/__init__.py src/helpers/twice.py src/helpers/unused.py src/near.py
echo 'import deeper' >src/helpers/wide.py && touch src/deeper.py
cat >dvc.yaml <<'EOF'
stages:
  train: {cmd: python3 src/train.py, deps: [src/train.py, ../data.csv, "s3://bucket/x", gone.csv, pulled.csv], outs: [m], frozen: true}
  join: {cmd: touch join.txt, outs: [join.txt]}
  away: {cmd: touch o, wdir: "it's a folder", outs: [o]}
plots: [m]
EOF
touch pulled.csv.dvc
import
"$retort" import-dvc 2>/dev/null >p.json
for file in src/helpers/__init__.py src/helpers/wide.py src/helpers/twice.py src/near.py src/deeper.py configs/train.txt; do
    check "$file is added" has p.json "\"$file\""
done
check "a folder's name is one word of the shell" has p.json "cd 'it'\\\\''s a folder' && touch o"
check "a module that nothing imports is not added" exits 1 grep -q unused p.json
check "a word that is a folder is not added" exits 1 grep -q '"configs"' p.json
check "an out of another stage is told" has import.err "src/train.py names join.txt, an out of join"
check "a path outside is told" has import.err "../data.csv lies outside the folder of dvc.yaml"
check "a remote path is told" has import.err "s3://bucket/x lies elsewhere; fetch it first"
check "a missing file is told" has import.err "gone.csv is not there"
check "a file of DVC's cache is told" has import.err 'pulled.csv is not there; "dvc pull" or "dvc checkout" brings it'
check "a frozen stage is told" has import.err "train: it is frozen in DVC"
check "a part without a counterpart is told" has import.err '"plots": a pipeline has no such part'

check "a missing dvc.yaml is an error" exits 3 "$retort" import-dvc nowhere.yaml
echo 'stages: [1' >bad.yaml
check "a file that is no YAML is an error" exits 2 "$retort" import-dvc bad.yaml
"$retort" import-dvc bad.yaml 2>bad.txt
check "the error has the file's name, line and column" grep -q "^retort: bad.yaml:[0-9]*:[0-9]*: " bad.txt
echo 'a: 1' >bad.yaml
check "a file without stages is an error" exits 2 "$retort" import-dvc bad.yaml
finish

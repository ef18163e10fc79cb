#!/bin/sh
# A sweep over a training script in a venv, as PyTorch's users have it. The script imports from the project, and writes
# nested metrics into a folder. Some runs diverge.
. tests/integration/lib.inc
cp -r tests/ports/sweep "$work/project" && cd "$work/project" || exit 1
/usr/bin/python3 -m venv --without-pip .venv 2>venv.err || skip "python3 makes no venv here"
printed() { awk '/^```json$/ { n++; next } /^```$/ && n == 2 { exit } n == 2' "$repository/README.md" | cmp - pipeline.json; }
check "the README prints this pipeline" printed
run() { "$retort" run --progress json "$@" >run.json 2>run.err || { cat run.err run.json; return 1; }; }
check "the file is sound" "$retort" check
check "the sweep runs" run
check "no warning tells that a venv's Python is a link" exits 1 grep -q "leads out of the project" run.err
check "every training finishes, also those that diverged" same "$(counts run.json)" '{"event":"end","known":0,"finished":13,"failed":0,"interrupted":0,"skipped":0}'
check "the trainings ran in the venv" sh -c '"$1" metrics --csv | grep -c "$PWD/.venv" | grep -qx 12' sh "$retort"
check "the record names the venv's Python" sh -c '"$1" show "train[lr=0.05,width=32,seed=1]" | grep -q "$PWD/.venv/bin/python"' sh "$retort"
check "the setting of the smallest mean loss is published" same "$(ls results/sweep/best)" "lr=0.05,width=32,seed=1
lr=0.05,width=32,seed=2"
check "the picture says how many trainings diverged" grep -q "left out: 4 not finite" results/sweep/loss.svg
check "a diverged training is shown as NaN" sh -c '"$1" metrics --csv | grep "^train,0.9" | grep -q NaN' sh "$retort"
mkdir -p src/__pycache__ && echo cache >src/__pycache__/model.cpython-311.pyc
check "a cache of Python beside the sources changes nothing" run
check "all trainings are known" same "$(counts run.json)" '{"event":"end","known":13,"finished":0,"failed":0,"interrupted":0,"skipped":0}'
finish

#!/bin/sh
# A project as DVC's users have it: scripts that read fixed paths of the project, params.yaml, nested metrics. The scripts
# know nothing of Retort.
. tests/integration/lib.inc
cp -r tests/ports/dvc "$work/project" && cd "$work/project" || exit 1
run() { "$retort" run --progress json "$@" >run.json 2>run.err || { cat run.err run.json; return 1; }; }
check "the file is sound" "$retort" check
check "the unchanged scripts run" run
check "all three stages finish" same "$(counts run.json)" '{"event":"end","known":0,"finished":3,"failed":0,"interrupted":0,"skipped":0}'
for script in prepare train evaluate; do /usr/bin/python3 src/$script.py || exit 1; done
check "the metrics are those of the scripts run by hand" same "$(cat results/dvc-port/metrics.json)" "$(cat eval/metrics.json)"
check "the model is that of the scripts run by hand" same "$(cat results/dvc-port/model.json)" "$(cat model.json)"
check "nested metrics are joined by dots" sh -c '"$1" metrics --csv | head -n 1 | grep -q "test.mse"' sh "$retort"
rm -rf data/prepared model.json eval src/__pycache__

# The same project from its dvc.yaml. Its stages have params.yaml as a whole, so two keys are others.
check "import-dvc writes the pipeline" "$retort" import-dvc -o imported.json
check "the imported pipeline is sound" "$retort" check imported.json
check "it runs without an edit" run imported.json
check "its metrics are those of the scripts run by hand" same "$(cat results/project/eval/metrics.json)" \
    "$(cat results/dvc-port/metrics.json)"
rm imported.json
sed -i 's/ridge: 0.1/ridge: 5/' params.yaml
check "a changed parameter runs" run
check "only the stages after it run" same "$(counts run.json)" '{"event":"end","known":1,"finished":2,"failed":0,"interrupted":0,"skipped":0}'
echo "# more" >>src/evaluate.py
check "a changed script runs" run
check "only its stage runs" same "$(counts run.json)" '{"event":"end","known":2,"finished":1,"failed":0,"interrupted":0,"skipped":0}'
echo 'import helper' >>src/train.py && touch src/helper.py
"$retort" run >run.txt 2>&1
check "a script that is not declared is named" has run.txt "src/helper.py exists and is no input of this stage"
finish

#!/bin/sh
# Starts early: it computes for a minute. Runs the whole study, cut down to seconds. It gives the same bytes at any -j,
# with any number of cpus, and after kills at random moments. The second run executes nothing, and a changed alpha
# re-runs only its instance and stages that its winner changes.
. tests/integration/lib.inc
case $BUILD in *san) skip "the study is too slow under sanitizers; its stages have tests of their own" ;; esac
cp -R pipelines "$work/" && cd "$work" && git init -q . || exit 1
pipeline=pipelines/deeprx-kd-smoke.json
small="--set params.min_rounds=3 --set params.shared_slots=16 --set params.max_rounds=3 --set params.student_at_most=0 --set params.steps=8 --set params.batch=2 --set params.curve_slots=2 --set params.validation={\"slots\":1,\"seed\":1}"

# run STORE [OPTION...]: the events go to run.json
run() { store=$1; shift; "$retort" run $pipeline $small --store "$store" --progress json "$@" >run.json; }
ended() { tail -n 1 run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }

# Prints every out of every stage from the records. None may depend on how the study was run.
digests() { python3 - "$1" <<'PY'
import glob, json, sys
rows = set()
for path in glob.glob(sys.argv[1] + "/actions/*.jsonl"):
    for line in open(path):
        record = json.loads(line[line.index("{"):])
        if record["stage"] in ("energy/inference", "energy/figure-1"):
            continue  # measures this machine, so its outs differ, and those of stages after it
        rows.add((record["key"], tuple(sorted((n, o["sha256"]) for n, o in record["outs"].items()))))
print(len(rows))
for row in sorted(rows):
    print(row)
PY
}

check "the study runs on an empty store" run one -j 2
check "the first run finishes every stage" same "$(ended failed)$(ended skipped)$(ended interrupted)" 000
stages=$(ended finished)
digests one >one.txt
for name in figure-1.svg figure-2-blocks.svg figure-2-layers.svg amortization.svg amortization.md figure-3.svg figure-4.svg figure-5.svg figure-6.svg table-iii.md sizes.md receivers.md; do
    check "results hold $name" test -s "results/deeprx-kd-smoke/$name"
done
check "table III shows the paper's values" has results/deeprx-kd-smoke/table-iii.md -1.997
check "the second run succeeds" run one -j 2
check "the second run executes nothing" same "$(ended finished)" 0

check "the study runs at -j 1 in a second store" run two -j 1
digests two >two.txt
check "the same bytes at -j 1" cmp one.txt two.txt
sed 's/"retort": 1,/"retort": 1, "defaults": {"resources": {"cpus": 2}},/' pipelines/parts/deeprx-kd.json >part.json
cp part.json pipelines/parts/deeprx-kd.json
check "the study runs with two cpus a stage in a third store" run three -j 2
digests three >three.txt
check "the same bytes with two cpus" cmp one.txt three.txt

alphas='--set params.alphas=[0.1,5e4,4e5,1e6]'
"$retort" plan $pipeline $small $alphas --store one >plan.txt
check "a changed alpha leaves one instance of by-alpha to run" same "$(grep -c '^run .*by-alpha' plan.txt)" 1
"$retort" why $pipeline 'study/by-alpha[alpha=400000]' $small $alphas --store one >why.txt
check "why names the alpha" has why.txt "with.alpha: "
check "no stage before by-alpha runs again" same "$(grep -E '^run ' plan.txt | grep -cE 'scratch|by-teacher')" 0

# Kills at ten random moments while stages run, five times the engine alone and five times its process group.
echo "# seed $SEED"
events() { grep -c "\"state\":\"$1\"" kill.json; }
running() { [ "$(events started)" -gt "$(events finished)" ]; }
gone() { python3 "$repository/tests/fault/study.py" gone "$work/killed"; }
begin() { : >kill.json; setsid "$retort" run $pipeline $small --store "$work/killed" -j 2 --progress json >kill.json 2>kill.log & engine=$!; }
hits=0
for round in $(seq 10); do
    wanted=$(awk -v s="$SEED" -v n="$round" 'BEGIN { srand(s); while (n-- > 0) x = rand(); print int(9 * x) }')
    begin
    while kill -0 $engine 2>/dev/null; do
        if [ "$(events finished)" -ge "$wanted" ] && running; then break; fi
        sleep 0.02
    done
    if [ $((round % 2)) -eq 0 ]; then kill -9 -$engine; else kill -9 $engine; fi
    wait $engine 2>/dev/null
    [ $? -ne 137 ] || hits=$((hits + 1))
    check "no process is left after kill $round, which came after $wanted stages" gone
done
check "all kills hit a running engine" same $hits 10
begin
check "the run after all kills ends well" wait $engine
check "no process is left after the last run" gone
left() { (cd killed && find work claims leases checkpoints objects/tmp objects/damaged -mindepth 1 ! -name '.*' 2>/dev/null); }
check "the killed runs left no temporary files in the store" same "$(left)" ""
check "the killed runs left no temporary files in results/" same "$(find results -name '.*.tmp-*')" ""
digests killed >killed.txt
check "the same bytes after all kills" cmp one.txt killed.txt
check "fsck finds the store whole after all kills" "$retort" fsck --store killed
check "the study has $stages stages, thirty at least" test "$stages" -ge 30
finish

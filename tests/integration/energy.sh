#!/bin/sh
# retort energy, predictions and budgets, on the machine as it is. The unit tests use made-up counters.
. tests/integration/lib.inc
cd "$work" || exit 1

spin='i=0; while [ $i -lt 4000 ]; do i=$((i + 1)); done; echo $1 $2 >o'
study() { # study FILE BUDGETS: a sweep whose stages say what they are
    cat >"$1" <<END
{ "retort": 1, "name": "e", "params": { "sizes": [9, 8, 7, 6, 5, 4], "again": 1 }, "stages": {
  "burn": { "matrix": { "size": "\${params.sizes}" }, "outs": { "o": "o" }, $2
            "cmd": ["sh", "-c", "$(printf %s "$spin" | sed 's/"/\\"/g')", "sh", "\${matrix.size}", "\${params.again}"] },
  "twin-a": { "cmd": ["sh", "-c", "$(printf %s "$spin")", "sh", "x", "y"], "outs": { "o": "o" } },
  "twin-b": { "cmd": ["sh", "-c", "$(printf %s "$spin")", "sh", "x", "y"], "outs": { "o": "o" } } } }
END
}
study e.json ''
run() { "$retort" run "$@" --progress json >run.json 2>run.err; }
latest() { ls -t .retort/runs/*.json | head -n 1; }

check "a sweep runs" run e.json
"$retort" energy --json >energy.json
check "every attempt of the run is in the table, with its label" python3 -c '
import json
e = json.load(open("energy.json"))
rows = [r for r in e["rows"] if not r["stage"].startswith("(")]
assert len(rows) == 7, rows # six sizes, and twins that ran once
assert all(r["label"] in ("measured", "modelled", "unresolved", "unavailable") for r in rows)
assert all(r["saved_j"] in (0, None) for r in rows), rows
for t in e["totals"]:
    assert abs(t["spent_j"] - sum(r["spent_j"] for r in rows if r["label"] == t["label"])) <= 1e-9 * t["spent_j"]
'
check "the second run succeeds" run e.json
"$retort" energy --json >again.json
check "the second run spends nothing and shows what it saved" python3 -c '
import json
first, again = (json.load(open(f)) for f in ("energy.json", "again.json"))
for f, a in zip(first["totals"], again["totals"]):
    assert a["spent_j"] == 0 and abs(a["saved_j"] - f["spent_j"]) <= 1e-9 * f["spent_j"], (f, a)
assert sum(r["count"] for r in again["rows"] if not r["stage"].startswith("(")) == 7'
"$retort" energy >energy.txt
check "the text names the label of the saved joules" grep -qE 'saved by known stages: .*J (modelled|measured)' energy.txt
check "the text names the source of the carbon intensity" has energy.txt "480.85 g/kWh (World 2023, Ember and Energy Institute, 2024), PUE 1"
"$retort" energy --by stage --csv >stage.csv
check "--by stage adds up the instances of a stage" same "$(cut -d, -f1 stage.csv | tr '\n' ' ')" "stage burn twin-a "

# The sums of this run are made by hand. 3.6 MJ are a kilowatt-hour.
id=20990101T000000000Z-00000000
cat >.retort/runs/$id.json <<END
{ "id": "$id", "pipeline": "hand", "ended": "2099-01-01T00:01:40Z", "stages": [], "energy": {
  "label": "measured", "source": "powercap", "counter_j": 10000000, "counter_s": 100, "rows": [
  { "row": "stage", "stage": "a[n=1]", "key": "k1", "kind": "x@1", "label": "measured", "source": "powercap", "joules": 3600000, "uncertainty_j": 10, "cpu_s": 30, "wall_s": 40 },
  { "row": "stage", "stage": "a[n=1]", "key": "k1", "kind": "x@1", "label": "measured", "source": "powercap", "joules": 400000, "uncertainty_j": 5, "cpu_s": 3, "wall_s": 10 },
  { "row": "stage", "stage": "a[n=2]", "key": "k2", "kind": "x@1", "label": "modelled", "source": "model", "joules": 1000, "uncertainty_j": null, "cpu_s": 1, "wall_s": 1 },
  { "row": "stage", "stage": "b", "key": "k3", "kind": "cmd", "label": "unresolved", "source": "powercap", "joules": null, "cpu_s": 0, "wall_s": 0 },
  { "row": "unresolved", "label": "measured", "source": "powercap", "joules": 0 },
  { "row": "other", "label": "measured", "source": "powercap", "joules": 5000000 },
  { "row": "idle", "label": "measured", "source": "powercap", "joules": 1000000 } ] } }
END
"$retort" energy $id --json --region FRA --pue 2 >hand.json
check "joules of different labels are never added up" python3 -c '
import json
e = json.load(open("hand.json"))
rows = {(r["stage"], r["label"]): r for r in e["rows"]}
a = rows["a[n=1]", "measured"]
assert (a["spent_j"], a["uncertainty_j"], a["cpu_s"], a["wall_s"], a["count"]) == (4e6, 15, 33, 50, 2), a
assert a["mean_w"] == 80000, a
assert abs(a["gco2"] - 4e6 / 3.6e6 * 56.04 * 2) < 1e-9, a
assert rows["a[n=2]", "modelled"]["uncertainty_j"] is None
assert rows["b", "unresolved"]["spent_j"] is None
assert rows["(idle)", "measured"]["spent_j"] == 1e6 and rows["(other)", "measured"]["spent_j"] == 5e6
assert {t["label"]: t["spent_j"] for t in e["totals"]} == {"measured": 4e6, "modelled": 1000, "unresolved": None}
assert e["counter"]["counter_j"] == 1e7 and e["carbon"]["region"] == "France" and e["carbon"]["year"] == 2023'
"$retort" energy $id >hand.txt
check "the summary keeps the labels apart" has hand.txt "spent now: 4 MJ measured, 1 kJ modelled, unknown for 1 attempt; saved by known stages: nothing"
check "the summary shows the counter" has hand.txt "counter: 10 MJ measured in 100 s of the whole machine"
"$retort" energy $id --by stage >stage.txt
check "--by stage prints a row for each label" same "$(grep -c '^a ' stage.txt)" 2
"$retort" energy $id --intensity 100 >mine.txt
check "--intensity replaces the table's carbon intensity" has mine.txt "at 100 g/kWh (--intensity), PUE 1"
cat >.retort/runs/$id.json <<END
{ "id": "$id", "pipeline": "hand", "ended": "2099-01-01T00:01:40Z", "stages": [], "energy": {
  "label": "unavailable", "why": "it was reset", "source": "powercap", "counter_j": null, "counter_s": null, "rows": [
  { "row": "stage", "stage": "a", "key": "k1", "kind": "x@1", "label": "unavailable", "source": "powercap", "joules": null } ] } }
END
"$retort" energy $id >reset.txt
check "joules are unknown when the counter was reset" has reset.txt "spent now: unknown for 1 attempt; saved by known stages: nothing"
check "the summary of a reset counter says why" has reset.txt "counter: unavailable of the whole machine: it was reset"
check "grams of unknown joules are unknown" has reset.txt "CO2e: unknown spent, 0 g saved"
check "unknown CPU seconds are no zero" same "$("$retort" energy $id --csv | tail -n 1 | cut -d, -f7,8)" ","
check "no figure is nan" exits 1 grep -qw nan reset.txt
rm .retort/runs/$id.json

# Failed attempts count.
printf '{"retort":1,"name":"f","stages":{"bad":{"cmd":["sh","-c","i=0; while [ $i -lt 9999 ]; do i=$((i+1)); done; exit 1"],"retries":1}}}' >f.json
check "a run whose stage fails twice ends with status 1" exits 1 run f.json
check "both failed attempts are in the table" same "$("$retort" energy --csv | cut -d, -f1,12 | tr '\n' ' ')" "stage,count bad,2 "

# ---- killed and resumed: each attempt counts once, in its own run ----
cat >steps.sh <<'END'
step=$(cat "$RETORT_CHECKPOINT/step" 2>/dev/null || echo 0)
until [ "$step" -ge 3 ]; do
    i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done
    step=$((step + 1))
    echo $step >"$RETORT_CHECKPOINT/step.tmp" && mv "$RETORT_CHECKPOINT/step.tmp" "$RETORT_CHECKPOINT/step"
    [ "$step" -ge 3 ] || [ -e "$GO/$step" ] || { echo >"$GO/at.$step"; sleep 1000; }
done
echo done >o
END
cat >steps.json <<END
{ "retort": 1, "name": "steps", "stages": {
  "before": { "cmd": ["sh", "-c", "i=0; while [ \$i -lt 9999 ]; do i=\$((i + 1)); done; echo 1 >o"], "outs": { "o": "o" } },
  "steps": { "cmd": ["sh", "\${in.script}"], "in": { "script": "steps.sh" }, "after": ["before"], "env": { "GO": "$work" },
             "outs": { "o": "o" }, "checkpoint": true } } }
END
break_off() { # STEP SIGNAL: the engine is broken off while the stage waits behind that step
    rm -f "at.$1"
    setsid "$retort" run steps.json --progress json >run.json 2>run.err & engine=$!
    until { [ -e "at.$1" ] && grep -qE '"before".*"(finished|known)"' run.json; } || ! kill -0 $engine 2>/dev/null; do
        sleep 0.05
    done
    kill "-$2" $engine; wait $engine 2>/dev/null
    echo >"$1"
}
run_id() { basename "$(latest)" .json; }
# The keeper writes its account a moment after its engine died.
account() { for try in $(seq 600); do grep -l "\"state\": *\"$2\"" .retort/attempts/"$1"-* 2>/dev/null && return; sleep 0.1; done; return 1; }
break_off 1 KILL; killed=$(run_id)
check "the keeper of a killed engine leaves an account" account "$killed" cut
"$retort" energy "$killed" >killed.txt
check "the text says that the run was killed" has killed.txt "was killed or still runs"
"$retort" energy "$killed" --json >killed.json
check "the table of a killed run holds finished and killed attempts" python3 -c '
import json
e = json.load(open("killed.json"))
assert e["ended"] is False
rows = {r["stage"]: r for r in e["rows"]}
assert set(rows) == {"before", "steps"} and all(r["count"] == 1 for r in rows.values()), rows
assert rows["steps"]["cpu_s"] > 0 and rows["steps"]["wall_s"] > 0, rows'
break_off 2 INT; interrupted=$(run_id)
check "the engine writes the account of an interrupted attempt" account "$interrupted" interrupted
"$retort" energy "$interrupted" --json >interrupted.json
check "the third run succeeds" run steps.json
"$retort" energy --json >resumed.json
"$retort" energy >resumed.txt
"$retort" show steps.json steps --json >record.json
check "the record holds its own figures and those of all three attempts" python3 -c '
import json
def steps(name): return next(r for r in json.load(open(name))["rows"] if r["stage"] == "steps")
own = json.load(open("record.json"))["energy"]
all3 = own["attempts"]
assert all3["count"] == 3 and all3["unknown"] == 0 and len(all3["earlier"]) == 2, all3
rows = [steps(n) for n in ("killed.json", "interrupted.json", "resumed.json")]
assert [r["count"] for r in rows] == [1, 1, 1]
assert abs(all3["cpu_s"] - sum(r["cpu_s"] for r in rows)) < 1e-9, (all3, rows)
assert rows[2]["spent_j"] == own["joules"] and all3["label"] == own["label"], (rows, own)
assert abs(all3["joules"] - sum(r["spent_j"] for r in rows)) <= 1e-9 * all3["joules"], (all3, rows)'
check "the text counts the three attempts" grep -qE '^steps: .* in all 3 attempts that led to it' resumed.txt
check "a record replaces the accounts of its attempts" same "$(ls .retort/attempts | grep -c "$(run_id)")$(ls .retort/checkpoints | wc -l)" 00
check "the next run succeeds" run steps.json
"$retort" energy --json >known.json
check "the next run saves what all attempts took" python3 -c '
import json
row = next(r for r in json.load(open("known.json"))["rows"] if r["stage"] == "steps")
assert row["spent_j"] == 0 and abs(row["saved_j"] - json.load(open("record.json"))["energy"]["attempts"]["joules"]) < 1e-9, row'

# ---- a killed keeper: the energy of its attempt is unknown, not zero ----
cat >lost.json <<'END'
{ "retort": 1, "name": "lost", "stages": { "lost": { "outs": { "o": "o" }, "checkpoint": true, "retries": 1,
  "cmd": ["sh", "-c", "[ -e $RETORT_CHECKPOINT/half ] && exec touch o; echo >$RETORT_CHECKPOINT/half; kill -KILL $PPID; sleep 1000"] } } }
END
check "a stage goes on after its keeper was killed" run lost.json
"$retort" show lost.json lost --json >lost.record
cat .retort/attempts/$(run_id)-* >lost.attempt
check "the energy of an attempt whose keeper was killed is unknown" python3 -c '
import json
attempts, lost = json.load(open("lost.record"))["energy"]["attempts"], json.load(open("lost.attempt"))
assert (attempts["count"], attempts["unknown"], attempts["earlier"]) == (2, 1, [lost["attempt"]]), attempts
assert lost["wall_s"] is None and lost["energy"]["label"] == "unavailable", lost'
"$retort" energy --json >lost.energy
check "the table shows the attempt without a figure" python3 -c '
import json
rows = [r for r in json.load(open("lost.energy"))["rows"] if r["stage"] == "lost"]
assert sorted(r["label"] for r in rows)[-1] == "unavailable" and sum(r["count"] for r in rows) == 2, rows'

# ---- a list of attempts without its last newline: the next line does not join it ----
cat >torn.json <<'END'
{ "retort": 1, "name": "torn", "stages": { "torn": { "outs": { "o": "o" }, "checkpoint": true,
  "cmd": ["sh", "-c", "[ -e $RETORT_CHECKPOINT/half ] && exec touch o; echo >$RETORT_CHECKPOINT/half; exit 1"] } } }
END
check "a stage fails and keeps a checkpoint" exits 1 run torn.json
first=$(run_id)-0-1
truncate -s -1 .retort/checkpoints/*.attempts
check "a run succeeds after the list of attempts lost its last newline" run torn.json
"$retort" show torn.json torn --json >torn.record
check "the record names the attempt of the cut line" python3 -c '
import json, sys
attempts = json.load(open("torn.record"))["energy"]["attempts"]
assert (attempts["count"], attempts["unknown"], attempts["earlier"]) == (2, 0, sys.argv[1:]), attempts' "$first"

# ---- the joules of each published file: each stage counts once, though several paths lead to it ----
cat >diamond.json <<END
{ "retort": 1, "name": "diamond", "stages": {
  "root": { "cmd": ["sh", "-c", "$(printf %s "$spin" | sed 's/"/\\"/g')", "sh", "root", "1"], "outs": { "o": "o" } },
  "side": { "matrix": { "n": [1, 2] }, "in": { "a": "\${stages.root.outs.o}" }, "outs": { "o": "o" },
            "cmd": ["sh", "-c", "$(printf %s "$spin" | sed 's/"/\\"/g')", "sh", "side", "\${matrix.n}"] },
  "same": { "in": { "a": "\${stages.root.outs.o}" }, "outs": { "o": "o" },
            "cmd": ["sh", "-c", "$(printf %s "$spin" | sed 's/"/\\"/g')", "sh", "side", "2"] },
  "all":  { "in": { "a": ["\${stages.side[*].outs.o}", "\${stages.same.outs.o}"] },
            "cmd": ["sh", "-c", "cat \"\$@\" >o; echo >p", "sh", "\${in.a}"], "outs": { "o": "o", "p": "p" } } },
  "results": { "all.txt": "\${stages.all.outs.o}", "p.txt": "\${stages.all.outs.p}", "sides/": "\${stages.side[*].outs.o}" } }
END
check "a study whose files share stages runs" run diamond.json
for stage in root 'side[n=1]' 'side[n=2]' all; do "$retort" show diamond.json "$stage" --json >"took.$stage"; done
check "each published file has the joules of all stages before it, each stage once" python3 -c '
import csv, json
j = {s: json.load(open("took." + s))["energy"]["joules"] for s in ("root", "side[n=1]", "side[n=2]", "all")}
rows = {r["file"]: r for r in csv.DictReader(open("results/diamond.energy.csv"))}
assert list(rows) == ["all.txt", "p.txt", "sides/n=1", "sides/n=2", "(all)"], list(rows)
def total(r): return float(r["measured_j"]) + float(r["modelled_j"])
wanted = {"all.txt": sum(j.values()), "p.txt": sum(j.values()), "sides/n=1": j["root"] + j["side[n=1]"],
          "sides/n=2": j["root"] + j["side[n=2]"], "(all)": sum(j.values())}
for name, joules in wanted.items():
    assert abs(total(rows[name]) - joules) <= 1e-9 * joules, (name, rows[name], joules)
assert [rows[n]["stages"] for n in rows] == ["4", "4", "2", "2", "4"], rows
assert float(rows["all.txt"]["own_j"]) == j["all"] and rows["all.txt"]["own_label"] in ("measured", "modelled")'
check "the page shows the joules with their label" grep -qE '^\| all.txt \| all \| .*J (measured|modelled) \| .*J (measured|modelled) \| 4 \|$' results/diamond.energy.md
check "the results folder holds only what the pipeline publishes" same "$(ls results/diamond | tr '\n' ' ')" "all.txt p.txt sides "
stamp=$(stat -c %i results/diamond.energy.md)
check "a run that knows everything succeeds" run diamond.json
check "a run that knows everything does not write the page again" same "$(stat -c %i results/diamond.energy.md)" "$stamp"
echo mine >results/diamond.energy.csv
sed -i 's/"root", "1"/"root", "2"/' diamond.json
check "a run with a new stage succeeds" sh -c '"$0" run diamond.json --progress plain 2>run.err' "$retort"
check "the run leaves a file of the user's alone" same "$(cat results/diamond.energy.csv)" mine
check "the run says that the file is not its own" has run.err 'diamond.energy.csv: Retort did not write this file'

# ---- usage ----
says() { wanted=$1; shift; "$retort" "$@" >out.txt 2>&1; same "exit status $?" "exit status 2" && has out.txt "$wanted"; }
check "an unknown group is refused" says '--by is instance, stage, kind or source, not "colour"' energy --by colour
check "an unknown region is refused with the nearest one" says 'did you mean DEU?' energy --region DEV
check "an intensity that is no number is refused" says '--intensity takes a number from 0, not "much"' energy --intensity much
check "two intensities are refused" says 'give one of them' energy --region DEU --intensity 3
echo '{"processors":[{"name":"Toy","cores":2,"ghz":3,"flop_per_clock":4,"tdp_w":10},{"name":"Coral Edge TPU","tdp_w":3}]}' >mine.json
"$retort" energy --processors mine.json --json >processors.json
check "--processors adds rows to the processor table" python3 -c '
import json
rows = {r["name"]: r for r in json.load(open("processors.json"))}
assert rows["Toy"]["peak_gflops"] == 24 and rows["Toy"]["table"] == "mine.json", rows["Toy"]
assert rows["Coral Edge TPU"]["tdp_w"] == 3 and rows["Coral Edge TPU"]["int8_tops"] == 4
assert rows["Xeon Gold 5320"]["table"] == "processors-1" and rows["Xeon Gold 5320"]["source"]'
echo '[{"name":"Toy","tpd_w":10}]' >mine.json
check "an unknown figure of a processor is refused" says 'processor "Toy": unknown figure "tpd_w"; did you mean "tdp_w"?' energy --processors mine.json

# ---- predictions ----
more='params.sizes=[9,8,7,6,5,4,10]'
"$retort" plan e.json --set "$more" --predict --json >plan.json
for n in 4 5 6 7 8 9; do "$retort" show e.json "burn[size=$n]" --json >show.$n; done
check "the prediction is the median of the five nearest records, with their range" python3 -c '
import json, statistics
plan = json.load(open("plan.json"))
assert [r["state"] for r in plan["plan"]].count("run") == 1
row, = plan["stages"]
records = [json.load(open("show.%d" % n)) for n in (5, 6, 7, 8, 9)] # 4 is further from 10 than these
joules = [r["energy"]["joules"] for r in records]
seconds = [r["wall_s"] for r in records]
assert row["records"] == 5 and row["stage"] == "burn[size=10]", row
for name, values in (("j", joules), ("s", seconds)):
    if None not in values:
        assert abs(row["expected_" + name] - statistics.median(values)) < 1e-12, (row, values)
        assert (row["low_" + name], row["high_" + name]) == (min(values), max(values)), (row, values)
assert plan["prediction"]["stages"] == 1 and plan["prediction"]["without"] == 0, plan["prediction"]'
"$retort" plan e.json --set "$more" >plan.txt
check "the last line of plan is the prediction" sh -c "tail -n 1 plan.txt | grep -qE 'on [0-9]+ cpus?, .* (modelled|measured) \(.* to .*\), from 5 earlier records$'"
"$retort" plan f.json >plan.txt
check "plan says that no record predicts a stage" has plan.txt "no earlier record says how long that takes"
check "a run with a new size succeeds" run e.json --set "$more"
check "the run keeps the prediction and its error" python3 -c '
import json, sys
run = json.load(open(sys.argv[1]))
p, rows = run["prediction"], [r for r in run["energy"]["rows"] if r["row"] == "stage"]
assert p["stages"] == 1 and p["compared"] == 1 and p["records"] == 5, p
assert abs(p["actual_j"] - rows[0]["joules"]) < 1e-12 and len(rows) == 1, (p, rows)
assert abs(p["error"] - (p["actual_j"] / p["compared_j"] - 1)) < 1e-9, p' "$(latest)"
"$retort" energy >energy.txt
check "the text compares the prediction with the run" has energy.txt "for 1 of the stages, which then took"

# ---- budgets: half of the least joules of an earlier stage is too little for another ----
half=$(python3 -c 'import json
print("%.9fJ" % (min(json.load(open("show.%d" % n))["energy"]["joules"] for n in (5, 6, 7, 8, 9)) / 2))')
study tight.json "\"energy_budget\": \"$half\","
check "a run ends with status 4 when its budget has no room for a stage" exits 4 run tight.json --set params.again=2 'burn[size=6]'
check "the stage was not started" exits 1 grep -q '"started"' run.json
check "the message says what is expected and what is left" grep -qE 'burn\[size=6\] is not started: .*J (modelled|measured) is its expected energy, by 5 earlier attempts, and .* J are left of the energy budget of burn' run.err
check "the stage counts neither as failed nor as skipped" same "$(counts run.json)" \
    '{"event":"end","known":0,"finished":0,"failed":0,"interrupted":0,"skipped":0}'
sed -i 's/"sh", "x", "y"/"sh", "x", "z"/' tight.json
check "a run with --keep-going ends with status 4 too" exits 4 run tight.json --set params.again=2 --keep-going
check "one stage outside of the budget finished" same "$(grep -c '"finished"}' run.json)" 1
check "its twin is known" has run.json '"known":1'
study wide.json '"energy_budget": "1MJ",'
check "a run with a larger budget succeeds" run wide.json --set params.again=2 'burn[size=6]'
check "the stage finished under the larger budget" same "$(counts run.json)" \
    '{"event":"end","known":0,"finished":1,"failed":0,"interrupted":0,"skipped":0}'
finish

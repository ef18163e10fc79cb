#!/bin/sh
# The keys of every shipped pipeline and of tests/golden/plans, on an empty store and after a run
# (tests/golden/README.md). RECORD=1 writes the rows of a pipeline that has none. It never changes rows that exist.
. tests/integration/lib.inc
golden=$repository/tests/golden/plans

# Prints a plan as lines of stage, state and key, "null" for none. A key that holds this machine's facts is "-".
cat >"$work/rows.py" <<'E2'
import json, os, subprocess, sys

retort, path = sys.argv[1:]
kinds = json.loads(subprocess.check_output([retort, "kinds", "--json"]))
measuring = [k["name"] for k in kinds if k["measures_machine"]]

def measures(path, stage):
    study = json.load(open(path))
    part, _, rest = stage.partition("/")
    if rest:
        return measures(os.path.join(os.path.dirname(path), study["include"][part]["path"]), rest)
    return study["stages"][stage].get("uses", "").split("@")[0] in measuring

for row in json.load(sys.stdin):
    key = "null" if row["key"] is None else "-" if measures(path, row["stage"].split("[")[0]) else row["key"]
    print(row["stage"], row["state"], key, sep="\t")
E2

rows() { # PIPELINE STORE
    "$retort" plan --json "$1" --store "$2" >"$work/plan.json" && python3 "$work/rows.py" "$retort" "$1" <"$work/plan.json"
}

unchanged() { # PIPELINE STORE EXPECTED
    rows "$1" "$2" >"$work/rows" || return 1
    [ -z "$RECORD" ] || [ -e "$3" ] || cp "$work/rows" "$3"
    diff "$3" "$work/rows"
}

for file in "$golden"/*.json pipelines/*.json; do
    study=$(basename "$file" .json)
    check "$study keeps its keys" unchanged "$file" "$work/none" "$golden/$study.expect"
done

# Pipelines of commands alone, whose outs have the same bytes on every machine.
for file in "$golden"/key-parts.json "$golden"/mixed-results.json pipelines/hello.json; do
    study=$(basename "$file" .json)
    cp -r "$file" "$golden"/key-parts "$work"
    check "$study runs" "$retort" run "$work/$study.json" --store "$work/store-$study" --progress none
    check "$study keeps the keys of stages that depend on results" \
        unchanged "$work/$study.json" "$work/store-$study" "$golden/$study.run.expect"
done
finish

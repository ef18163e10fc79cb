#!/bin/sh
# What is lost of a store, fsck says, counts and ends with status 1, once; and readers name the file and the mend.
. tests/integration/lib.inc
cd "$work" || exit 1

cat >p.json <<'END'
{ "retort": 1, "name": "p", "stages": {
  "good": { "cmd": ["sh", "-c", "echo a >o"], "outs": { "o": "o" } },
  "bad": { "cmd": ["false"], "outs": { "o": "o" } } } }
END
run() { "$retort" run --keep-going --progress none "$@"; }
member() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"; }
fsck() { "$retort" fsck --json >fsck.json 2>fsck.err; }
finds_nothing() { "$retort" fsck 2>again.err && same "$(cat again.err)" ""; }

check "a stage runs, and one fails" exits 1 run
check "fsck reads the run and the attempt" fsck
check "and counts both" same "$(member fsck.json runs) $(member fsck.json attempts) $(member fsck.json damaged_files)" "1 1 0"

# A segment of records that is gone.
rm .retort/actions/*.jsonl
check "a segment that is gone is damage" exits 1 fsck
check "and counted" same "$(member fsck.json lost_segments)" 1
check "fsck says which" grep -q 'actions/.*\.jsonl: is gone' fsck.err
check "once" finds_nothing
check "what it held is run again" exits 1 run
check "records stand again" same "$(ls .retort/actions | wc -l)" 1
rm .retort/actions/*.jsonl
"$retort" runs >runs.txt 2>runs.err
check "whoever opens the store first says it" grep -q 'actions/.*\.jsonl: is gone' runs.err

# A run that is damaged.
first=$(basename "$(ls .retort/runs/*.json | head -n 1)" .json)
last=$(basename "$(ls .retort/runs/*.json | tail -n 1)" .json)
printf '{"id": "%s", "pipe' "$last" >.retort/runs/"$last".json
check "retort runs goes on" sh -c "\"$retort\" runs >runs.txt 2>runs.err"
check "lists the others" has runs.txt "$first"
check "names the file" has runs.err "/.retort/runs/$last.json"
check "and the mend" has runs.err '`retort fsck`'
check "retort energy ends with status 3" exits 3 sh -c "\"$retort\" energy >/dev/null 2>energy.err"
check "names the file too" has energy.err "/.retort/runs/$last.json"
check "and the mend too" has energy.err '`retort fsck`'
check "retort log says that it may not be the last attempt" sh -c "\"$retort\" log p.json bad 2>&1 | grep -qF runs/$last.json"
check "gc keeps what cannot be read" "$retort" gc --grace 0s
check "it is there" test -e .retort/runs/"$last".json
check "fsck finds it" exits 1 fsck
check "counts it" same "$(member fsck.json damaged_files)" 1
check "says where it is now" has fsck.err "it was moved to $last.json.damaged"
check "where it is as it was" grep -q '"pipe$' .retort/runs/"$last".json.damaged
check "and that once" finds_nothing
check "the newest run is the one before" "$retort" energy

# An attempt that is damaged, of a run that was killed: its joules are not left out in silence.
attempt=$(ls .retort/attempts | grep "^$first-.*json$" | head -n 1)
python3 - .retort/runs/"$first".json <<'END'
import json, sys
run = json.load(open(sys.argv[1]))
for member in ("ended", "exit"):
    run.pop(member, None)
json.dump(run, open(sys.argv[1], "w"))
END
check "a run that was killed has an account" "$retort" energy "$first"
echo garbage >.retort/attempts/"$attempt"
check "not with a damaged part" exits 3 sh -c "\"$retort\" energy $first >/dev/null 2>energy.err"
check "which is named" has energy.err "attempts/$attempt"
check "fsck sets it aside" exits 1 fsck
check "as it was" same "$(cat .retort/attempts/"$attempt".damaged)" garbage
check "once, too" finds_nothing
check "the account goes on without it" "$retort" energy "$first"
check "the text counts" sh -c "\"$retort\" fsck | grep -qx '1 runs, [0-9]* attempts: 0 damaged'"
finish

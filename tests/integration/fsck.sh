#!/bin/sh
# fsck reports each loss of a store once, with exit status 1. Commands that read the store name the file and say to use
# fsck.
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

check "a run with a failing stage ends with status 1" exits 1 run
check "fsck finds nothing wrong after the run" fsck
check "fsck counts one run and one attempt" same "$(member fsck.json runs) $(member fsck.json attempts) $(member fsck.json damaged_files)" "1 1 0"

# A segment of records is lost.
rm .retort/actions/*.jsonl
check "fsck reports a lost segment with exit status 1" exits 1 fsck
check "fsck counts the lost segment" same "$(member fsck.json lost_segments)" 1
check "fsck names the lost segment" grep -q 'actions/.*\.jsonl: is gone' fsck.err
check "fsck reports the lost segment once" finds_nothing
check "the next run executes the stage of the lost record again" exits 1 run
check "the new record is in a segment" same "$(ls .retort/actions | wc -l)" 1
rm .retort/actions/*.jsonl
"$retort" runs >runs.txt 2>runs.err
check "the first command that opens the store reports a lost segment" grep -q 'actions/.*\.jsonl: is gone' runs.err

# A run file is damaged.
first=$(basename "$(ls .retort/runs/*.json | head -n 1)" .json)
last=$(basename "$(ls .retort/runs/*.json | tail -n 1)" .json)
printf '{"id": "%s", "pipe' "$last" >.retort/runs/"$last".json
check "retort runs succeeds beside a damaged run file" sh -c "\"$retort\" runs >runs.txt 2>runs.err"
check "retort runs lists the other run" has runs.txt "$first"
check "retort runs names the damaged file" has runs.err "/.retort/runs/$last.json"
check "retort runs says to use fsck" has runs.err '`retort fsck`'
check "retort energy ends with status 3 because of the damaged run" exits 3 sh -c "\"$retort\" energy >/dev/null 2>energy.err"
check "retort energy names the damaged file" has energy.err "/.retort/runs/$last.json"
check "retort energy says to use fsck" has energy.err '`retort fsck`'
check "retort log says that it may not show the last attempt" sh -c "\"$retort\" log p.json bad 2>&1 | grep -qF runs/$last.json"
check "gc succeeds beside a damaged run file" "$retort" gc --grace 0s
check "gc keeps the damaged run file" test -e .retort/runs/"$last".json
check "fsck reports the damaged run file with exit status 1" exits 1 fsck
check "fsck counts the damaged run file" same "$(member fsck.json damaged_files)" 1
check "fsck says where it moved the file" has fsck.err "it was moved to $last.json.damaged"
check "the moved file has the bytes of the damaged one" grep -q '"pipe$' .retort/runs/"$last".json.damaged
check "fsck reports the damaged run file once" finds_nothing
check "retort energy goes on with the run before" "$retort" energy

# The energy of a killed run does not leave out a damaged attempt in silence.
attempt=$(ls .retort/attempts | grep "^$first-.*json$" | head -n 1)
python3 - .retort/runs/"$first".json <<'END'
import json, sys
run = json.load(open(sys.argv[1]))
for member in ("ended", "exit"):
    run.pop(member, None)
json.dump(run, open(sys.argv[1], "w"))
END
check "the energy of a killed run can be read" "$retort" energy "$first"
echo garbage >.retort/attempts/"$attempt"
check "the energy of a run with a damaged attempt ends with status 3" exits 3 sh -c "\"$retort\" energy $first >/dev/null 2>energy.err"
check "the message names the damaged attempt" has energy.err "attempts/$attempt"
check "fsck reports the damaged attempt with exit status 1" exits 1 fsck
check "the attempt is set aside with its bytes" same "$(cat .retort/attempts/"$attempt".damaged)" garbage
check "fsck reports the damaged attempt once" finds_nothing
check "the energy of the run can be read without the attempt" "$retort" energy "$first"
check "fsck prints its counts as text" sh -c "\"$retort\" fsck | grep -qx '1 runs, [0-9]* attempts: 0 damaged'"
finish

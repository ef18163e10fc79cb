#!/bin/sh
# retort gc removes old runs and what only they use. It keeps pinned runs, and what a run beside it uses.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >t.json <<'EOF'
{ "retort": 1, "name": "t", "params": { "n": 1 }, "stages": {
    "base": { "cmd": ["sh", "-c", "echo base >o; echo said"], "outs": { "o": "o" } },
    "big": { "cmd": ["sh", "-c", "cat $1 >o; echo $2 >>o; echo said $2 >&2", "sh", "${in.base}", "${params.n}"],
             "in": { "base": "${stages.base.outs.o}" }, "outs": { "o": "o" } },
    "tree": { "cmd": ["sh", "-c", "mkdir d; cp $1 d/copy; echo $2 >d/n", "sh", "${in.big}", "${params.n}"],
              "in": { "big": "${stages.big.outs.o}" }, "outs": { "d": { "path": "d", "type": "directory" } } } },
  "results": { "o": "${stages.big.outs.o}", "d": "${stages.tree.outs.d}" } }
EOF
run() { "$retort" run t.json --progress json "$@" >run.json 2>run.err; }
finished() { counts run.json | grep -o '"finished":[0-9]*' | cut -d: -f2; }
gc() { "$retort" gc --grace 0s "$@" >gc.txt 2>gc.err; }
number_of() { "$retort" gc --grace 0s --dry-run --json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
files() { find .retort -type f ! -path '*/leases/*' | sort; }

check "gc ends with status 3 without a store" exits 3 gc
check "the message says that there is no store" has gc.err "no store"
for n in 1 2 3; do run --set params.n=$n; done
first=$(ls .retort/runs | head -n 1) && first=${first%.json}
files >before
check "a dry run succeeds" gc --keep-runs 1 --dry-run
# Two runs lose big and tree each: big's file (the copy in the tree is the same object), the file n and the listing.
# Each big has a log.
check "the dry run says what gc would remove" has gc.txt "would remove 2 runs, 4 records, 6 objects, 0 attempts, 2 logs, 0 checkpoints, 0 leftovers"
files >after
check "the dry run changes nothing" cmp before after
check "gc removes nothing while all runs are kept" same "$(number_of records) $(number_of objects) $(number_of runs)" "0 0 0"
check "gc succeeds within the grace time" "$retort" gc --keep-runs 1
check "a run succeeds after that gc" run --set params.n=1
check "the run finds all known" same "$(finished)" 0
run --set params.n=3

check "gc pins a run" "$retort" gc --pin "$first"
check "a pin beside another option is refused" exits 2 gc --pin "$first" --keep-runs 1
check "gc refuses to pin an unknown run" exits 3 "$retort" gc --pin nobody
check "gc succeeds while it keeps the newest run and the pinned one" gc --keep-runs 1
check "gc says what it kept" has gc.txt "kept 2 runs (1 pinned), 5 records"
check "fsck finds nothing wrong after gc" "$retort" fsck
check "the newest run runs again" run --set params.n=3
check "the stages of the newest run are known" same "$(finished)" 0
check "the pinned run runs again" run --set params.n=1
check "the stages of the pinned run are known" same "$(finished)" 0
"$retort" log t.json big --set params.n=1 >log.txt
check "the log of the pinned run is there" has log.txt "said 1"
check "the run that gc removed runs again" run --set params.n=2
check "two of its stages are executed again" same "$(finished)" 2
check "gc removes a pin" "$retort" gc --unpin "$first"
check "gc refuses to remove a pin twice" exits 3 "$retort" gc --unpin "$first"
rm -r results
check "a run publishes again after its results were removed" run --set params.n=2
check "the published files hold the kept bytes" same "$(cat results/t/o results/t/d/n)" "base
2
2"

# A killed engine leaves temporary files. The next run, not gc, removes those in results/.
echo half >.retort/runs/.x.json.tmp-abcdef && touch -d '2 hours ago' .retort/runs/.x.json.tmp-abcdef
echo half >.retort/runs/.y.json.tmp-abcdef # an engine may be writing it
echo mine >results/t/.o.tmp-mine
check "gc succeeds beside temporary files" gc
check "gc removes the one temporary file that is old" has gc.txt "1 leftovers"
check "gc keeps the temporary file that is new" test -e .retort/runs/.y.json.tmp-abcdef
check "gc touches nothing in results/" same "$(ls -A results/t | sort | tr '\n' ' ')" ".o.tmp-mine .retort-results.json d o "
json_is_right() { "$retort" gc --json | python3 -c 'import json, sys; r = json.load(sys.stdin); assert r["dry_run"] is False and r["bytes"] == 0'; }
check "gc --json says what it did" json_is_right
check "a grace time that is none is refused" exits 2 "$retort" gc --grace soon
check "a number of runs that is none is refused" exits 2 "$retort" gc --keep-runs 0

# gc keeps what a run beside it found, however many newer runs there are.
cat >slow.json <<'EOF'
{ "retort": 1, "name": "slow", "params": { "n": 1 }, "stages": {
    "old": { "cmd": ["sh", "-c", "echo $1 >o", "sh", "${params.n}"], "outs": { "o": "o" } },
    "wait": { "cmd": ["sh", "-c", "echo begun >$HERE/begun; while [ ! -e $HERE/go ]; do sleep 0.05; done; echo >o"],
              "env": { "HERE": "@" }, "in": { "o": "${stages.old.outs.o}" }, "outs": { "o": "o" } },
    "late": { "cmd": ["sh", "-c", "cat $1 >o", "sh", "${in.o}"], "in": { "o": "${stages.old.outs.o}", "after": "${stages.wait.outs.o}" }, "outs": { "o": "o" } } },
  "results": { "late": "${stages.late.outs.o}" } }
EOF
sed -i "s,@,$work," slow.json
quick() { "$retort" run slow.json old --set params.n="$1" >/dev/null 2>&1; }
quick 1 && quick 2
"$retort" run slow.json --set params.n=1 --progress json >slow.out 2>&1 &
engine=$!
tries=0
while [ ! -e begun ] && [ $tries -lt 400 ]; do sleep 0.05; tries=$((tries + 1)); done
check "a run waits in its second stage" test -e begun
quick 3
check "gc succeeds beside a run" gc --keep-runs 1
check "gc removed the record that nobody uses" sh -c "\"$retort\" plan slow.json old --set params.n=2 | grep -q '^run '"
touch go
check "the run ends well" wait $engine
check "the run used what it had found before gc" same "$(cat results/slow/late)" 1
check "the run did not make that again" has slow.out '"known":1,"finished":2,'
check "fsck finds the store whole" "$retort" fsck
finish

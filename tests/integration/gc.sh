#!/bin/sh
# retort gc: what goes, what stays, pins, dry runs, leftovers of kills.
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

check "without a store: exit status 3" exits 3 gc
check "which is said" has gc.err "no store"
for n in 1 2 3; do run --set params.n=$n; done
first=$(ls .retort/runs | head -n 1) && first=${first%.json}
files >before
check "a dry run" gc --keep-runs 1 --dry-run
# Of each of two runs go big and tree: big's file, which is the copy in the tree as well, the file n and the listing. Logs: what big said.
check "says what would go" has gc.txt "would remove 2 runs, 4 records, 6 objects, 0 attempts, 2 logs, 0 checkpoints, 0 leftovers"
files >after
check "and changes nothing" cmp before after
check "nothing goes while all runs are kept" same "$(number_of records) $(number_of objects) $(number_of runs)" "0 0 0"
check "within the grace time nothing goes" "$retort" gc --keep-runs 1
check "and all is known" run --set params.n=1
check "executing nothing" same "$(finished)" 0
run --set params.n=3

check "a pin" "$retort" gc --pin "$first"
check "pins stand alone" exits 2 gc --pin "$first" --keep-runs 1
check "an unknown one: exit status 3" exits 3 "$retort" gc --pin nobody
check "all but the newest run and the pinned one go" gc --keep-runs 1
check "so it says" has gc.txt "kept 2 runs (1 pinned), 5 records"
check "fsck finds nothing" "$retort" fsck
check "the newest is known" run --set params.n=3
check "executing nothing" same "$(finished)" 0
check "the pinned one is known" run --set params.n=1
check "executing nothing" same "$(finished)" 0
"$retort" log t.json big --set params.n=1 >log.txt
check "its log is there" has log.txt "said 1"
check "the other is not known" run --set params.n=2
check "two are executed again" same "$(finished)" 2
check "the pin goes" "$retort" gc --unpin "$first"
check "once" exits 3 "$retort" gc --unpin "$first"
rm -r results
check "what was published is there again" run --set params.n=2
check "from what is kept" same "$(cat results/t/o results/t/d/n)" "base
2
2"

# Leftovers of an engine that was killed; what it left in results/ is the next run's to clear away.
echo half >.retort/runs/.x.json.tmp-abcdef && touch -d '2 hours ago' .retort/runs/.x.json.tmp-abcdef
echo half >.retort/runs/.y.json.tmp-abcdef # somebody may be writing it
echo mine >results/t/.o.tmp-mine
check "leftovers" gc
check "are one" has gc.txt "1 leftovers"
check "one that is being written stays" test -e .retort/runs/.y.json.tmp-abcdef
check "results/ is not gc's" same "$(ls -A results/t | sort | tr '\n' ' ')" ".o.tmp-mine .retort-results.json d o "
json_is_right() { "$retort" gc --json | python3 -c 'import json, sys; r = json.load(sys.stdin); assert r["dry_run"] is False and r["bytes"] == 0'; }
check "--json" json_is_right
check "a bad time: exit status 2" exits 2 "$retort" gc --grace soon
check "a bad number: exit status 2" exits 2 "$retort" gc --keep-runs 0

# An engine that is under way: what it found stays, however many newer runs there are.
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
check "an engine is under way" test -e begun
quick 3
check "beside an engine that is under way" gc --keep-runs 1
check "what nobody uses is gone" sh -c "\"$retort\" plan slow.json old --set params.n=2 | grep -q '^run '"
touch go
check "which ends well" wait $engine
check "with what it had found before" same "$(cat results/slow/late)" 1
check "which it did not make again" has slow.out '"known":1,"finished":2,'
check "and the store is whole" "$retort" fsck
finish

#!/bin/sh
# retort verify executes recorded stages once more and compares them with their records. It changes no record.
. tests/integration/lib.inc
cd "$work" || exit 1
verify() { "$retort" verify "$@" >verify.txt 2>verify.err; }
json() { python3 -c "import json; r = json.load(open('verify.txt')); $1"; }
state() { find .retort/actions .retort/objects .retort/runs -type f | sort | xargs sha256sum; }

# Two stages give the same bytes each time. One lies: its bytes follow the clock. One says that it varies.
echo 40 >noise && echo 7 >input
cat >t.json <<EOF
{ "retort": 1, "name": "t", "stages": {
    "same": { "cmd": ["sh", "-c", "echo executed >>$work/executed; sed s/7/8/ \$1 >o", "sh", "\${in.i}"], "in": { "i": "input" }, "outs": { "o": "o" } },
    "tree": { "cmd": ["sh", "-c", "mkdir -p d/sub; cp \$1 d/sub/f; printf 'a\\\\000b' >d/b", "sh", "\${in.o}"],
              "in": { "o": "\${stages.same.outs.o}" }, "outs": { "d": { "path": "d", "type": "directory" } } },
    "lies": { "cmd": ["sh", "-c", "{ echo first; date +%s%N; echo last; } >o; mkdir d; date +%s%N >d/when; { printf 'head\\\\000'; date +%s%N; } >b; cat $work/noise >d/noise; printf '{\"value\": %s, \"fixed\": 2}' \$(cat $work/noise) >m"],
              "outs": { "o": "o", "b": "b", "d": { "path": "d", "type": "directory" }, "m": { "path": "m", "type": "metrics" } } },
    "varies": { "cmd": ["sh", "-c", "date +%s%N >o; printf '{\"value\": %s}' \$(cat $work/noise) >m"],
                "outs": { "o": "o", "m": { "path": "m", "type": "metrics" } }, "deterministic": false, "tolerance": 0.1 } } }
EOF
check "verify ends with status 3 without a store" exits 3 verify t.json
"$retort" run t.json >run.txt 2>&1 || cat run.txt
state >before
check "verify of deterministic stages succeeds" verify t.json same tree
check "verify says that it executed two stages" has verify.txt "2 of 2 recorded stages executed once more"
check "verify says that both give the same" has verify.txt "2 same, 0 within their tolerance, 0 differ, 0 failed"
check "verify executed the first stage once more" same "$(wc -l <executed)" 2
check "verify tells the energy of an execution" grep -q "energy .*\(measured\|modelled\|unavailable\)$" verify.txt
check "verify leaves nothing in work/" same "$(find .retort/work -mindepth 1)" ""
check "verify keeps a record of each execution" same "$(ls .retort/attempts | wc -l)" 2

check "verify ends with status 1 when bytes differ" exits 1 verify t.json lies
check "verify names the stage that differs" has verify.txt "differs  lies"
check "verify shows the recorded line of a text" grep -q "line 2 recorded: [0-9]*$" verify.txt
check "verify shows the new line of a text" grep -q "line 2 now:      [0-9]*$" verify.txt
check "verify shows the first differing byte of a binary file" grep -q "first differing byte at [0-9]*: recorded 0x3[0-9] and now 0x3[0-9]" verify.txt
check "verify names the differing file of a directory" has verify.txt "    when"
check "verify names no file and no metric that is the same" sh -c '! grep -q "    noise\|metric" verify.txt'
echo 50 >noise
check "verify ends with status 1 when metrics differ" exits 1 verify t.json lies
check "verify shows both values and the difference" has verify.txt "metric value: recorded 40, now 50, difference 10 (25 %)"
check "verify leaves out the metric that is the same" sh -c '! grep -q "metric fixed" verify.txt'

echo 43 >noise
check "verify succeeds when a metric differs within the tolerance" verify t.json varies
check "verify says that the stage is within its tolerance" has verify.txt "within   varies"
echo 45 >noise
check "verify ends with status 1 when a metric differs by more than the tolerance" exits 1 verify t.json varies
check "verify shows the tolerance" has verify.txt "metric value: recorded 40, now 45, difference 5 (12.5 %), allowed 10 %"
check "verify --json ends with status 1 too" exits 1 verify t.json --json
check "verify --json has a verdict for each stage" json "assert {s['stage']: s['verdict'] for s in r['stages']} == {'same': 'same', 'tree': 'same', 'lies': 'differs', 'varies': 'differs'}, r"
check "verify --json has the counts" json "assert (r['recorded'], r['chosen'], r['same'], r['within'], r['differ'], r['failed'], r['unrecorded']) == (4, 4, 2, 0, 2, 0, 0)"
check "verify --json has both records" json "s = [s for s in r['stages'] if s['stage'] == 'lies'][0]; assert s['recorded']['outs']['o']['sha256'] != s['now']['outs']['o']['sha256'] and s['recorded']['key'] == s['now']['key']"
state >after
check "verify changes nothing that is recorded" cmp before after
check "everything is known after verify" sh -c "\"$retort\" run t.json --progress json | tail -n 1 | grep -q '\"finished\":0'"

verify t.json --sample 50% --seed 3 --json
chosen() { json "print(sorted(s['stage'] for s in r['stages']))"; }
first=$(chosen)
check "a sample has the size that was asked for" json "assert r['chosen'] == 2 and r['seed'] == 3"
verify t.json varies lies tree same --sample 50% --seed 3 --json
check "the same seed gives the same sample" same "$(chosen)" "$first"
for seed in 1 2 4 5 6 7 8 9; do verify t.json --sample 50% --seed $seed --json; chosen; done | sort -u >samples
check "other seeds give other samples" sh -c '[ $(wc -l <samples) -gt 1 ]'
check "a sample of 0 % is refused" exits 2 verify t.json --sample 0%
check "a sample without % is refused" exits 2 verify t.json --sample 10

# A directory lacks a file and has a new one; a stage fails now; a stage has no record.
cat >u.json <<EOF
{ "retort": 1, "name": "u", "params": { "n": 1 }, "stages": {
    "tree": { "cmd": ["sh", "-c", "mkdir d; touch d/both d/\$(cat $work/noise)"], "outs": { "d": { "path": "d", "type": "directory" } } },
    "fails": { "cmd": ["sh", "-c", "[ \$(cat $work/noise) = 45 ] || { echo out of noise >&2; exit 3; }; echo >o"], "outs": { "o": "o" } },
    "other": { "cmd": ["sh", "-c", "echo \$1 >o", "sh", "\${params.n}"], "outs": { "o": "o" } } } }
EOF
"$retort" run u.json >run.txt 2>&1 || cat run.txt
echo 46 >noise
check "verify ends with status 1 when a file of a directory is missing" exits 1 verify u.json --set params.n=2
check "verify names the file that only the record has" has verify.txt "45: only recorded"
check "verify names the file that only the execution has" has verify.txt "46: only now"
check "verify names the stage that fails" has verify.txt "failed   fails"
check "verify says why the stage fails" has verify.txt "exit status 3"
check "verify counts the stages that have no record" has verify.txt "1 more are not recorded"
check "verify ends with status 3 when no stage has a record" exits 3 verify u.json other --set params.n=2

# verify does not use a checkpoint that is there, and does not change it.
cat >c.json <<'EOF'
{ "retort": 1, "name": "c", "stages": {
    "train": { "cmd": ["sh", "-c", "n=0; [ ! -e $1/n ] || n=$(cat $1/n); while [ $n -lt 3 ]; do n=$((n + 1)); echo $n >$1/n; echo step $n; done; echo trained >o", "sh", "${checkpoint}"],
               "outs": { "o": "o" }, "checkpoint": true } } }
EOF
"$retort" run c.json >run.txt 2>&1 || cat run.txt
key=$("$retort" show c.json train --json | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["key"]); print(r["platform"], file=open("platform", "w"))')
checkpoint=.retort/checkpoints/$key.$(printf %s "$(cat platform)" | sha256sum | cut -c 1-16)
mkdir -p "$checkpoint" && echo 2 >"$checkpoint/n"
check "verify of a stage with a checkpoint succeeds" verify c.json
check "the execution does not use the checkpoint" same "$(cat .retort/logs/verify-*-0-1.stdout)" "step 1
step 2
step 3"
check "the checkpoint is unchanged" same "$(cat "$checkpoint/n")" 2

# An input changes while the stage runs; the user interrupts.
cat >i.json <<EOF
{ "retort": 1, "name": "i", "stages": { "s": { "cmd": ["sh", "-c", "[ ! -e $work/go ] || echo >>$work/input; cat \$1 >o", "sh", "\${in.i}"], "in": { "i": "input" }, "outs": { "o": "o" } },
    "long": { "cmd": ["sh", "-c", "[ ! -e $work/go ] || { echo >$work/begun; until [ -e $work/end ]; do sleep 0.05; done; }; echo >o"], "outs": { "o": "o" } } } }
EOF
"$retort" run i.json >run.txt 2>&1 || cat run.txt
touch go
check "verify ends with status 1 when an input changes meanwhile" exits 1 verify i.json s
check "verify says that the input changed" has verify.txt "input changed while the stage ran"
begin() {
    rm -f begun
    setsid "$retort" verify i.json long >verify.txt 2>verify.err &
    engine=$!
    tries=0
    while [ ! -e begun ] && [ $tries -lt 400 ]; do sleep 0.05; tries=$((tries + 1)); done
    check "verify runs a stage" test -e begun
}
begin
kill -INT $engine
check "verify ends with status 130 after Ctrl-C" exits 130 wait $engine
check "the interrupted verify leaves nothing in work/" same "$(find .retort/work -mindepth 1)" ""
trap '' HUP # as nohup does
begin
trap - HUP
kill -HUP $engine
touch end
check "verify ignores a hang-up when it was started under nohup" wait $engine
check "verify compared the stage after the hang-up" has verify.txt "1 same"
rm go begun end

# A built-in kind.
cat >n.json <<'EOF'
{ "retort": 1, "name": "n", "stages": {
    "network": { "uses": "deeprx/train@1", "with": { "size": 7, "steps": 3, "batch": 2, "validation": { "slots": 1, "sinr_db": [0, 10] } } } } }
EOF
"$retort" run n.json >run.txt 2>&1 || cat run.txt
check "verify of a training succeeds" verify n.json
check "the training gives the same bytes" has verify.txt "1 same"
finish

#!/bin/sh
# retort verify: what is recorded is executed once more and compared; nothing recorded changes.
. tests/integration/lib.inc
cd "$work" || exit 1
verify() { "$retort" verify "$@" >verify.txt 2>verify.err; }
json() { python3 -c "import json; r = json.load(open('verify.txt')); $1"; }
state() { find .retort/actions .retort/objects .retort/runs -type f | sort | xargs sha256sum; }

# Stages that give the same, one that lies (its bytes follow the clock), and two that say that they vary.
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
check "without a store: exit status 3" exits 3 verify t.json
"$retort" run t.json >run.txt 2>&1 || cat run.txt
state >before
check "deterministic stages" verify t.json same tree
check "are the same" has verify.txt "2 of 2 recorded stages executed once more"
check "which says so" has verify.txt "2 same, 0 within their tolerance, 0 differ, 0 failed"
check "the first was executed once more" same "$(wc -l <executed)" 2
check "its energy is told" grep -q "energy .*\(measured\|modelled\|unavailable\)$" verify.txt
check "nothing is left in work/" same "$(find .retort/work -mindepth 1)" ""
check "the records of the executions are" same "$(ls .retort/attempts | wc -l)" 2

check "a stage that lies: exit status 1" exits 1 verify t.json lies
check "is named" has verify.txt "differs  lies"
check "its text by the line" grep -q "line 2 recorded: [0-9]*$" verify.txt
check "side by side" grep -q "line 2 now:      [0-9]*$" verify.txt
check "its bytes by the place" grep -q "first differing byte at [0-9]*: recorded 0x3[0-9] and now 0x3[0-9]" verify.txt
check "its directory by the file" has verify.txt "    when"
check "and not those that are the same" sh -c '! grep -q "    noise\|metric" verify.txt'
echo 50 >noise
check "metrics that differ: exit status 1" exits 1 verify t.json lies
check "both values and the difference" has verify.txt "metric value: recorded 40, now 50, difference 10 (25 %)"
check "not the one that is the same" sh -c '! grep -q "metric fixed" verify.txt'

echo 43 >noise
check "a stage that varies within its tolerance" verify t.json varies
check "is told so" has verify.txt "within   varies"
echo 45 >noise
check "beyond it: exit status 1" exits 1 verify t.json varies
check "with what is allowed" has verify.txt "metric value: recorded 40, now 45, difference 5 (12.5 %), allowed 10 %"
check "--json" exits 1 verify t.json --json
check "has a verdict a stage" json "assert {s['stage']: s['verdict'] for s in r['stages']} == {'same': 'same', 'tree': 'same', 'lies': 'differs', 'varies': 'differs'}, r"
check "counts" json "assert (r['recorded'], r['chosen'], r['same'], r['within'], r['differ'], r['failed'], r['unrecorded']) == (4, 4, 2, 0, 2, 0, 0)"
check "and both records" json "s = [s for s in r['stages'] if s['stage'] == 'lies'][0]; assert s['recorded']['outs']['o']['sha256'] != s['now']['outs']['o']['sha256'] and s['recorded']['key'] == s['now']['key']"
state >after
check "nothing recorded has changed" cmp before after
check "and everything is known" sh -c "\"$retort\" run t.json --progress json | tail -n 1 | grep -q '\"finished\":0'"

verify t.json --sample 50% --seed 3 --json
chosen() { json "print(sorted(s['stage'] for s in r['stages']))"; }
first=$(chosen)
check "a sample is so large" json "assert r['chosen'] == 2 and r['seed'] == 3"
verify t.json varies lies tree same --sample 50% --seed 3 --json
check "the same for the same seed" same "$(chosen)" "$first"
for seed in 1 2 4 5 6 7 8 9; do verify t.json --sample 50% --seed $seed --json; chosen; done | sort -u >samples
check "and another for others" sh -c '[ $(wc -l <samples) -gt 1 ]'
check "a bad sample: exit status 2" exits 2 verify t.json --sample 0%
check "a bad sample: exit status 2" exits 2 verify t.json --sample 10

# What is gone from a directory, and what is new in it; a stage that fails now; one that is not recorded.
cat >u.json <<EOF
{ "retort": 1, "name": "u", "params": { "n": 1 }, "stages": {
    "tree": { "cmd": ["sh", "-c", "mkdir d; touch d/both d/\$(cat $work/noise)"], "outs": { "d": { "path": "d", "type": "directory" } } },
    "fails": { "cmd": ["sh", "-c", "[ \$(cat $work/noise) = 45 ] || { echo out of noise >&2; exit 3; }; echo >o"], "outs": { "o": "o" } },
    "other": { "cmd": ["sh", "-c", "echo \$1 >o", "sh", "\${params.n}"], "outs": { "o": "o" } } } }
EOF
"$retort" run u.json >run.txt 2>&1 || cat run.txt
echo 46 >noise
check "exit status 1" exits 1 verify u.json --set params.n=2
check "a file that is gone" has verify.txt "45: only recorded"
check "one that is new" has verify.txt "46: only now"
check "a stage that fails" has verify.txt "failed   fails"
check "and why" has verify.txt "exit status 3"
check "what is not recorded is told" has verify.txt "1 more are not recorded"
check "alone: exit status 3" exits 3 verify u.json other --set params.n=2

# A stage with a checkpoint begins anew, and leaves the checkpoint that is there.
cat >c.json <<'EOF'
{ "retort": 1, "name": "c", "stages": {
    "train": { "cmd": ["sh", "-c", "n=0; [ ! -e $1/n ] || n=$(cat $1/n); while [ $n -lt 3 ]; do n=$((n + 1)); echo $n >$1/n; echo step $n; done; echo trained >o", "sh", "${checkpoint}"],
               "outs": { "o": "o" }, "checkpoint": true } } }
EOF
"$retort" run c.json >run.txt 2>&1 || cat run.txt
key=$("$retort" show c.json train --json | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["key"]); print(r["platform"], file=open("platform", "w"))')
checkpoint=.retort/checkpoints/$key.$(printf %s "$(cat platform)" | sha256sum | cut -c 1-16)
mkdir -p "$checkpoint" && echo 2 >"$checkpoint/n"
check "a stage with a checkpoint" verify c.json
check "begins anew" same "$(cat .retort/logs/verify-*-0-1.stdout)" "step 1
step 2
step 3"
check "the checkpoint that was there is left" same "$(cat "$checkpoint/n")" 2

# An input that changes while it is read; an interrupt.
cat >i.json <<EOF
{ "retort": 1, "name": "i", "stages": { "s": { "cmd": ["sh", "-c", "[ ! -e $work/go ] || echo >>$work/input; cat \$1 >o", "sh", "\${in.i}"], "in": { "i": "input" }, "outs": { "o": "o" } },
    "long": { "cmd": ["sh", "-c", "[ ! -e $work/go ] || { echo >$work/begun; until [ -e $work/end ]; do sleep 0.05; done; }; echo >o"], "outs": { "o": "o" } } } }
EOF
"$retort" run i.json >run.txt 2>&1 || cat run.txt
touch go
check "an input that changes meanwhile: exit status 1" exits 1 verify i.json s
check "which says so" has verify.txt "input changed while the stage ran"
begin() {
    rm -f begun
    setsid "$retort" verify i.json long >verify.txt 2>verify.err &
    engine=$!
    tries=0
    while [ ! -e begun ] && [ $tries -lt 400 ]; do sleep 0.05; tries=$((tries + 1)); done
    check "it is under way" test -e begun
}
begin
kill -INT $engine
check "interrupted: exit status 130" exits 130 wait $engine
check "nothing is left in work/" same "$(find .retort/work -mindepth 1)" ""
trap '' HUP # as nohup does
begin
trap - HUP
kill -HUP $engine
touch end
check "started under nohup: a hang-up is not heard" wait $engine
check "and it is compared" has verify.txt "1 same"
rm go begun end

# A built-in kind of the first study.
cat >n.json <<'EOF'
{ "retort": 1, "name": "n", "stages": {
    "network": { "uses": "deeprx/train@1", "with": { "size": 7, "steps": 3, "batch": 2, "validation": { "slots": 1, "sinr_db": [0, 10] } } } } }
EOF
"$retort" run n.json >run.txt 2>&1 || cat run.txt
check "a training gives the same bytes" verify n.json
check "all of them" has verify.txt "1 same"
finish

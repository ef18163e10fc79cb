#!/bin/sh
# The engine killed, interrupted, doubled: nothing is left behind, nothing finished is lost, nothing runs twice.
. tests/integration/lib.inc
cd "$work" || exit 1

# A stage that notes each execution in executed.txt, leaves a daemon with two forks, and takes its time, in steps of a
# checkpoint, as many as the file "steps" says; on TERM it leaves with 75.
cat >slow.sh <<'EOF'
echo "$1" >>"$HERE/executed.txt"
setsid sh -c '(trap "" TERM HUP; exec sleep 1007) & echo $! >"$0/daemon.$1"' "$HERE" "$1" &
echo $$ >"$HERE/leader.$1"
trap 'exit 75' TERM
step=$(cat "$RETORT_CHECKPOINT/step" 2>/dev/null || echo 0)
[ "$step" -eq 0 ] || echo "$1 from $step" >>"$HERE/resumed.txt"
while [ "$step" -lt "$(cat "$HERE/steps")" ]; do
    sleep 0.05
    step=$((step + 1))
    echo $step >"$RETORT_CHECKPOINT/step.tmp" && mv "$RETORT_CHECKPOINT/step.tmp" "$RETORT_CHECKPOINT/step"
done
echo "slow $1" >"$2"
EOF
cat >slow.json <<EOF
{ "retort": 1, "name": "slow", "stages": {
    "first": { "cmd": ["sh", "-c", "echo first >>\$1/executed.txt; echo 1 >\$2", "sh", "$work", "\${outs.o}"], "outs": { "o": "o" } },
    "slow": { "matrix": { "n": [1, 2] }, "cmd": ["sh", "\${in.script}", "\${matrix.n}", "\${outs.o}"],
              "in": { "script": "slow.sh", "after": "\${stages.first.outs.o}" }, "env": { "HERE": "$work" },
              "outs": { "o": "o" }, "checkpoint": true },
    "last": { "cmd": ["sh", "-c", "cat \"\$@\" >o", "sh", "\${in.all}"], "in": { "all": "\${stages.slow[*].outs.o}" }, "outs": { "o": "o" } } },
  "results": { "o": "\${stages.last.outs.o}" } }
EOF
expected="slow 1
slow 2"
steps() { echo "$1" >steps.new && mv steps.new steps; }
begin() { # STORE: a run whose stages do not end before they are told to
    rm -f leader.* daemon.* executed.txt resumed.txt
    steps 100000
    setsid $heard "$retort" run slow.json -j 2 --progress json --store "$1" >run.json 2>run.err & engine=$! store=$1
}
await() { # FILE...: at most thirty seconds
    tries=0
    for file; do
        while [ ! -s "$file" ] && [ $tries -lt 600 ]; do sleep 0.05; tries=$((tries + 1)); done
        [ -s "$file" ] || { echo "$file did not appear"; return 1; }
    done
}
gone() { # a second is promised; a busy machine gets three, the daemons would live for a thousand
    [ -s daemon.1 ] || { echo "nothing was started"; return 1; }
    for try in $(seq 30); do
        left=
        for file in leader.* daemon.*; do
            [ ! -s "$file" ] || ! alive "$(cat "$file")" || left="$left $file"
        done
        [ -n "$left" ] || return 0
        sleep 0.1
    done
    echo "still alive:$left"; return 1
}
await_end() { # PID: at most ten seconds
    for try in $(seq 200); do alive "$1" || return 0; sleep 0.05; done
    echo "$1 is alive"; return 1
}
under_way() { # both, each has kept a step, and what they follow is told as finished: it may be so later than they begin
    await leader.1 leader.2 daemon.1 daemon.2 || return 1
    for try in $(seq 600); do
        [ "$(cat "$store"/checkpoints/*/step 2>/dev/null | wc -l)" -ne 2 ] || ! grep -q '"first".*"finished"' run.json || return 0
        sleep 0.05
    done
    echo "no steps were kept, or what they follow is not finished"; return 1
}
again() { steps 20; "$retort" run slow.json -j 2 --progress json --store "$1" >run.json; }

begin alone
check "stages are under way" under_way
kill -9 $engine
check "the engine killed: its stages and their daemons are gone" gone
wait $engine 2>/dev/null
check "the next run ends well" again alone
check "what was finished is known" same "$(grep -c '"first".*"known"' run.json)" 1
check "it went on from the checkpoints" same "$(wc -l <resumed.txt)" 2
check "with the right bytes" same "$(cat results/slow/o)" "$expected"
check "no checkpoint is left" same "$(find alone/checkpoints -type f | wc -l)" 0
check "no work is left" same "$(find alone/work -mindepth 1 | wc -l)" 0
check "and is known then" again alone
check "executing nothing" same "$(counts run.json)" '{"event":"end","known":4,"finished":0,"failed":0,"interrupted":0,"skipped":0}'

begin group
check "stages are under way" under_way
kill -9 -$engine
check "its whole process group killed: all gone" gone
wait $engine 2>/dev/null
check "the next run goes on at once" again group
check "from the checkpoints" same "$(wc -l <resumed.txt)" 2

begin keepers
check "stages are under way" under_way
for keeper in $(pgrep -P $engine); do kill -9 $keeper; done
check "the keepers killed: all gone" gone
check "and their stages have failed" exits 1 wait $engine
check "which says so" has run.json "its keeper was killed by signal 9"

# As `killall -9 retort retort-stage` does, or the kernel when memory ends: nobody is left who has seen the stages start.
begin together
check "stages are under way" under_way
guard=$(pgrep -P $engine -x stage-guard)
check "and there is a guard" test -n "$guard"
kill -9 $(pgrep -P $engine -x retort-stage) $engine
check "engine and keepers killed at once: all gone" gone
wait $engine 2>/dev/null
check "the guard too" await_end "$guard"
check "the next run goes on" again together
check "from the checkpoints" same "$(wc -l <resumed.txt)" 2
check "with the right bytes" same "$(cat results/slow/o)" "$expected"

# The same, and the next run begins before the guard has come by: what the stage had started still writes.
cat >writer.sh <<'EOF'
if [ -e "$1/step" ]; then
    echo new >"$1/step"
    sleep 0.2
    exec cp "$1/step" o
fi
setsid sh -c 'while :; do echo old >"$0"; sleep 0.005; done' "$1/step" & daemon=$!
until [ -e "$1/step" ]; do sleep 0.01; done # else the next run would begin anew
echo $daemon >"$HERE/daemon.1"
wait
EOF
cat >writer.json <<EOF
{ "retort": 1, "name": "writer", "stages": {
    "w": { "cmd": ["sh", "\${in.script}", "\${checkpoint}"], "in": { "script": "writer.sh" }, "env": { "HERE": "$work" },
           "outs": { "o": "o" }, "checkpoint": true } },
  "results": { "o": "\${stages.w.outs.o}" } }
EOF
rm -f leader.* daemon.*
"$retort" run writer.json --store writer >said 2>&1 & engine=$!
check "a stage whose daemon writes to its checkpoint" await daemon.1
kill -9 $(pgrep -P $engine -x retort-stage) $engine
"$retort" run writer.json --store writer >said 2>&1
check "killed with engine and keeper: the next run ends well" same $? 0
wait $engine 2>/dev/null
check "and waited until the checkpoint was its own" same "$(cat results/writer/o)" new
check "all are gone" gone

begin polite
check "stages are under way" under_way
kill -INT $engine
check "interrupted: exit status 130" exits 130 wait $engine
check "and all are gone" gone
check "two interrupted" same "$(counts run.json)" '{"event":"end","known":0,"finished":1,"failed":0,"interrupted":2,"skipped":0}'
check "the next run ends well" again polite
check "from the checkpoints" same "$(wc -l <resumed.txt)" 2
check "with the right bytes" same "$(cat results/slow/o)" "$expected"

trap '' HUP # as nohup does
begin nohup
trap - HUP
check "stages are under way" under_way
kill -HUP $engine
steps 20
check "started under nohup: a hang-up is not heard" wait $engine
check "and everything is done" same "$(counts run.json)" '{"event":"end","known":0,"finished":4,"failed":0,"interrupted":0,"skipped":0}'
heard="env --default-signal=HUP" # also where the tests themselves were started under nohup
begin hangup
heard=
check "stages are under way" under_way
kill -HUP $engine
check "else it interrupts: exit status 130" exits 130 wait $engine

sed "s/trap 'exit 75' TERM/trap '' TERM/" slow.sh >deaf.sh && mv deaf.sh slow.sh
begin deaf
check "stages are under way" under_way
kill -INT $engine
sleep 0.3
check "a stage that does not listen still runs" alive "$(cat leader.1)"
kill -INT $engine
check "interrupted twice: exit status 130" exits 130 wait $engine
check "and all are gone" gone

# Two engines, one store.
rm -rf results
begin both
steps 20
"$retort" run slow.json -j 2 --progress json --store both >second.json 2>second.err
check "the second engine ends well" same $? 0
check "the first one too" wait $engine
check "each stage was executed once" same "$(sort executed.txt | tr '\n' ' ')" "1 2 first "
check "between them they finished four" same "$(cat run.json second.json | grep -c '"state":"finished"')" 4
check "the store is whole" "$retort" fsck --store both

# What shows other hosts that an engine lives goes on while its only stage runs, and nothing ends.
cat >long.sh <<EOF
touch -d 2001-01-01 $work/alive/claims/*
touch -d 2002-01-01 before
for n in \$(seq 600); do
    [ -z "\$(find $work/alive/claims -type f ! -name .lock -newer before)" ] || exit 0
    sleep 0.1
done
exit 1
EOF
echo '{ "retort": 1, "name": "long", "stages": { "long": { "cmd": ["sh", "${in.s}"], "in": { "s": "long.sh" } } } }' >long.json
check "a claim is renewed while a stage runs" "$retort" run long.json --store alive
finish

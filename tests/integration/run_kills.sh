#!/bin/sh
# Kills and interrupts an engine, and runs two at once. No process is left, no finished stage is lost, and none runs
# twice.
. tests/integration/lib.inc
cd "$work" || exit 1

# This stage writes a line for each execution into executed.txt, and starts a daemon with two forks. It advances its
# checkpoint by as many steps as the file "steps" says. On TERM it exits with 75.
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
gone() { # one second is promised; a busy machine gets three, and the daemons would live for a thousand
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
under_way() { # both run, each has kept a step, and the run reported the stage before them, which it may do after they begin
    await leader.1 leader.2 daemon.1 daemon.2 || return 1
    for try in $(seq 600); do
        [ "$(cat "$store"/checkpoints/*/step 2>/dev/null | wc -l)" -ne 2 ] || ! grep -q '"first".*"finished"' run.json || return 0
        sleep 0.05
    done
    echo "no steps were kept, or what they follow is not finished"; return 1
}
again() { steps 20; "$retort" run slow.json -j 2 --progress json --store "$1" >run.json; }

begin alone
check "two stages run" under_way
kill -9 $engine
check "no process is left after the engine was killed" gone
wait $engine 2>/dev/null
check "the next run ends well" again alone
check "the finished stage is known" same "$(grep -c '"first".*"known"' run.json)" 1
check "both stages went on from their checkpoints" same "$(wc -l <resumed.txt)" 2
check "the result holds the right bytes" same "$(cat results/slow/o)" "$expected"
check "no checkpoint is left" same "$(find alone/checkpoints -type f | wc -l)" 0
check "no work directory is left" same "$(find alone/work -mindepth 1 | wc -l)" 0
check "another run ends well" again alone
check "the other run executes nothing" same "$(counts run.json)" '{"event":"end","known":4,"finished":0,"failed":0,"interrupted":0,"skipped":0}'

begin group
check "two stages run under the second engine" under_way
kill -9 -$engine
check "no process is left after the process group was killed" gone
wait $engine 2>/dev/null
check "the next run succeeds at once" again group
check "both stages went on from their checkpoints after the group was killed" same "$(wc -l <resumed.txt)" 2

begin keepers
check "two stages run under the third engine" under_way
for keeper in $(pgrep -P $engine); do kill -9 $keeper; done
check "no process is left after the keepers were killed" gone
check "a run whose keepers were killed ends with status 1" exits 1 wait $engine
check "the message says that a keeper was killed" has run.json "its keeper was killed by signal 9"

# Engine and keepers are killed at once, as by `killall -9`, so that no process is left that started a stage.
begin together
check "two stages run under the fourth engine" under_way
guard=$(pgrep -P $engine -x stage-guard)
check "the engine has a guard" test -n "$guard"
kill -9 $(pgrep -P $engine -x retort-keeper) $engine
check "no process is left after engine and keepers were killed at once" gone
wait $engine 2>/dev/null
check "the guard ends too" await_end "$guard"
check "the next run ends well after engine and keepers were killed" again together
check "both stages went on from their checkpoints after all were killed" same "$(wc -l <resumed.txt)" 2
check "the result holds the right bytes after all were killed" same "$(cat results/slow/o)" "$expected"

# The same, and the next run begins before the guard has killed the stage's daemon, which still writes.
cat >writer.sh <<'EOF'
if [ -e "$1/step" ]; then
    echo new >"$1/step"
    sleep 0.2
    exec cp "$1/step" o
fi
setsid sh -c 'while :; do echo old >"$0"; sleep 0.005; done' "$1/step" & daemon=$!
until [ -e "$1/step" ]; do sleep 0.01; done # without it the next run would start over
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
check "a daemon of a stage writes to the checkpoint" await daemon.1
kill -9 $(pgrep -P $engine -x retort-keeper) $engine
"$retort" run writer.json --store writer >said 2>&1
check "the next run ends well while the daemon still writes" same $? 0
wait $engine 2>/dev/null
check "the next run waited until nobody wrote to the checkpoint" same "$(cat results/writer/o)" new
check "no process of the writing stage is left" gone

begin polite
check "two stages run under the interrupted engine" under_way
kill -INT $engine
check "an interrupted run ends with status 130" exits 130 wait $engine
check "no process is left after the interrupt" gone
check "the interrupted run counts two interrupted stages" same "$(counts run.json)" '{"event":"end","known":0,"finished":1,"failed":0,"interrupted":2,"skipped":0}'
check "the next run ends well after the interrupt" again polite
check "both stages went on from their checkpoints after the interrupt" same "$(wc -l <resumed.txt)" 2
check "the result holds the right bytes after the interrupt" same "$(cat results/slow/o)" "$expected"

trap '' HUP # as nohup does
begin nohup
trap - HUP
check "two stages run under nohup" under_way
kill -HUP $engine
steps 20
check "a run under nohup ignores a hang-up" wait $engine
check "the run under nohup finishes every stage" same "$(counts run.json)" '{"event":"end","known":0,"finished":4,"failed":0,"interrupted":0,"skipped":0}'
heard="env --default-signal=HUP" # also where the tests themselves were started under nohup
begin hangup
heard=
check "two stages run without nohup" under_way
kill -HUP $engine
check "a hang-up interrupts a run" exits 130 wait $engine

sed "s/trap 'exit 75' TERM/trap '' TERM/" slow.sh >deaf.sh && mv deaf.sh slow.sh
begin deaf
check "two stages that ignore TERM run" under_way
kill -INT $engine
sleep 0.3
check "a stage that ignores TERM still runs after the first interrupt" alive "$(cat leader.1)"
kill -INT $engine
check "a run that is interrupted twice ends with status 130" exits 130 wait $engine
check "no process is left after the second interrupt" gone

# Two engines, one store.
rm -rf results
begin both
steps 20
"$retort" run slow.json -j 2 --progress json --store both >second.json 2>second.err
check "the second engine ends well" same $? 0
check "the first engine ends well" wait $engine
check "each stage was executed once" same "$(sort executed.txt | tr '\n' ' ')" "1 2 first "
check "both engines together finished four stages" same "$(cat run.json second.json | grep -c '"state":"finished"')" 4
check "fsck finds the store whole after two engines" "$retort" fsck --store both

# An engine renews its claims while its only stage runs, so that engines on other hosts see that it lives.
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

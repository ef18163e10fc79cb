#!/bin/sh
# A stage stops its keeper, once or again and again. Its timeout, Ctrl-C, a second Ctrl-C and the engine's death each
# end it all the same, and no stage, keeper or guard is left.
. tests/integration/lib.inc
cd "$work" || exit 1
clean() { # what a red test has left; a number may be another process's by now
    for pid in $(cat "$work"/*/leader "$work"/*/daemon "$work"/*/keeper "$work"/*/guard 2>/dev/null); do
        case $(ps -o args= -p "$pid") in retort-keeper* | stage-guard* | *"$work"* | 'sleep 100'[78]) kill -9 "$pid" ;; esac
    done
    rm -rf "$work"
}
trap clean EXIT

# It notes itself, its keeper and a daemon in a session of its own.
cat >stage.sh <<'EOF2'
cd "$1"
setsid sh -c 'trap "" TERM HUP; echo $$ >daemon; exec sleep 1007' &
while [ ! -s daemon ]; do sleep 0.01; done
[ "$2" != deaf ] || trap '' TERM
echo $PPID >keeper; echo $$ >leader.new; mv leader.new leader
kill -STOP $PPID
[ "$2" != ends ] || { echo x >"$3/o"; exit 0; }
[ "$2" != once ] || exec sleep 1008
while :; do kill -STOP $PPID; done
EOF2
begin() { # NAME HOW [MEMBER]: a run in a folder of its own; waits until its keeper is stopped
    place=$work/$1
    mkdir "$place"
    cat >"$place/p.json" <<EOF2
{ "retort": 1, "name": "stop", "stages": {
    "s": { "cmd": ["sh", "-c", "exec sh $work/stage.sh $place $2 \"\$PWD\""], "outs": { "o": "o" }$3 } } }
EOF2
    (cd "$place" && exec "$retort" run p.json --progress json --store store >run.json 2>run.err) & engine=$!
    eval "engine_$1=$engine"
    for try in $(seq 600); do [ ! -s "$place/leader" ] || break; sleep 0.05; done
    pgrep -P $engine -x stage-guard >"$place/guard"
    stopped "$(cat "$place/keeper")"
}
stopped() { # PID: it was, in a loop it may just go on
    for try in $(seq 200); do case $(ps -o stat= -p "$1") in T*) return 0 ;; esac; sleep 0.02; done
    echo "$1 is not stopped: $(ps -o stat=,args= -p "$1")"; return 1
}
status() { # NAME: of its engine; a minute later it is killed
    eval "engine=\$engine_$1"
    end=$(($(date +%s) + 60))
    while alive $engine && [ "$(date +%s)" -lt $end ]; do sleep 0.05; done
    ! alive $engine || kill -9 $engine
    wait $engine
}
gone() { # NAME: a second is promised after an engine's death, and one for the guard; a busy machine gets more
    place=$work/$1
    [ -s "$place/leader" ] && [ -s "$place/guard" ] || { echo "nothing was started"; return 1; }
    for try in $(seq 100); do
        left=
        for file in leader daemon keeper guard; do ! alive "$(cat "$place/$file")" || left="$left $file"; done
        [ -n "$left" ] || return 0
        sleep 0.1
    done
    echo "still alive:$left"; return 1
}
said() { has "$work/$1/run.json" "$2"; }

# Those that take a grace time, beside each other.
check "a keeper that is stopped for good" begin timeout once ', "timeout": "2s"'
check "a keeper that is stopped again and again" begin timeout_loop loop ', "timeout": "2s"'
check "a keeper that is stopped by a stage that ends" begin ended ends ', "timeout": "2s"'
check "another that is stopped for good" begin int once
check "another that is stopped again and again" begin int_loop loop
check "another whose stage hears no request" begin int_deaf deaf
check "another, for a second Ctrl-C" begin twice deaf
check "another, for the engine's death" begin death once
check "another, for an engine's death in the loop" begin death_loop loop

kill -9 $engine_death $engine_death_loop
wait $engine_death $engine_death_loop 2>/dev/null
check "the engine is killed: nothing is left" gone death
check "the engine is killed in the loop: nothing is left" gone death_loop

kill -INT $engine_int $engine_int_loop $engine_int_deaf $engine_twice
sleep 0.3
kill -INT $engine_twice
check "Ctrl-C ends a stage whose keeper is stopped" exits 130 status int
check "after Ctrl-C nothing is left" gone int
check "a second Ctrl-C ends a stage that stops its keeper again and again" exits 130 status twice
check "after a second Ctrl-C nothing is left" gone twice

check "the timeout ends a stage whose keeper is stopped" exits 1 status timeout
check "the message says that the stage timed out" said timeout "timed out"
check "after the timeout nothing is left" gone timeout
status ended
check "a stage that had ended ends its run" said ended '"event":"end"'
check "after its end nothing is left" gone ended
check "the timeout ends a stage that stops its keeper again and again" exits 1 status timeout_loop
check "the message says that this stage timed out" said timeout_loop "timed out"
check "after the timeout in the loop nothing is left" gone timeout_loop
check "Ctrl-C ends a stage that stops its keeper again and again" exits 130 status int_loop
check "after Ctrl-C in the loop nothing is left" gone int_loop
check "Ctrl-C ends a stage that hears no request" exits 130 status int_deaf
check "after that nothing is left" gone int_deaf

# The next run, in the store of one whose engine was killed.
rm "$work/death/leader"; sed 's/exec sh.*PWD\\"/echo x >o/' "$work/death/p.json" >"$work/death/q.json"
check "the next run ends well" "$retort" run "$work/death/q.json" --store "$work/death/store"
check "and leaves no work" same "$(find "$work/death/store/work" -mindepth 1)" ""
finish

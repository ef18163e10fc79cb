#!/bin/sh
# The keeper continues a stopped stage when it asks it to leave, and starts no stage while another process holds its
# checkpoint.
. tests/integration/lib.inc
cd "$work" || exit 1
await() { # FILE: at most thirty seconds
    for try in $(seq 600); do [ ! -s "$1" ] || return 0; sleep 0.05; done
    echo "$1 did not appear"; return 1
}
await_stop() { # PID
    for try in $(seq 600); do
        case $(ps -o stat= -p "$1") in T*) return 0 ;; esac
        sleep 0.05
    done
    echo "$1 did not stop"; return 1
}

# A stopped process gets a signal only when it is continued.
cat >stops.sh <<'EOF'
trap 'echo asked >"$HERE/asked"; exit 75' TERM
echo $$ >"$HERE/leader.new" && mv "$HERE/leader.new" "$HERE/leader"
kill -STOP $$
sleep 1000
EOF
cat >stops.json <<EOF
{ "retort": 1, "name": "stops", "stages": { "stops": { "cmd": ["sh", "\${in.s}"], "in": { "s": "stops.sh" },
    "env": { "HERE": "$work" } } } }
EOF
"$retort" run stops.json --store stops >told 2>&1 & engine=$!
check "a stage starts" await leader
check "the stage stops itself" await_stop "$(cat leader)"
kill -INT $engine
check "the engine ends with status 130 after Ctrl-C" exits 130 wait $engine
check "the stopped stage was asked to leave" same "$(cat asked)" asked

# The checkpoint of an interrupted run is locked by a process that is not the engine's.
cat >keeps.sh <<'EOF'
trap 'exit 75' TERM
echo began >>"$HERE/order"
[ ! -e "$RETORT_CHECKPOINT/kept" ] || exit 0
echo kept >"$RETORT_CHECKPOINT/kept"
echo ready >"$HERE/ready"
while :; do sleep 0.02; done
EOF
cat >keeps.json <<EOF
{ "retort": 1, "name": "keeps", "stages": { "keeps": { "cmd": ["sh", "\${in.s}"], "in": { "s": "keeps.sh" },
    "env": { "HERE": "$work" }, "checkpoint": true } } }
EOF
"$retort" run keeps.json --store keeps >told 2>&1 & engine=$!
check "a stage writes a checkpoint" await ready
kill -INT $engine
check "the interrupted run ends with status 130" exits 130 wait $engine
rm order
checkpoint=$(dirname keeps/checkpoints/*/kept)
flock "$checkpoint" sh -c 'echo locked >held; until [ -e release ]; do sleep 0.02; done; echo released >>order' & holder=$!
check "another process locks the checkpoint" await held
"$retort" run keeps.json --store keeps >told 2>&1 & engine=$!
sleep 1 # a keeper that does not ask for the lock starts the stage meanwhile
touch release
wait $holder
check "the next run ends well" wait $engine
check "its stage began after the lock was released" same "$(cat order)" "released
began"

finish

#!/bin/sh
# A checkpoint outlives failures that are not the stage's own: a full file system, an interrupt, the death of its
# keeper.
. tests/integration/lib.inc
cd "$work" || exit 1
trap 'umount "$work/small" 2>/dev/null; rm -rf "$work"' EXIT
await() { until grep -q "$2" "$1" 2>/dev/null; do sleep 0.02; done; }
start() { : >told; setsid "$retort" run "$@" --progress plain >told 2>&1 & engine=$!; }
trains() { "$retort" run trains.json --store small/s >failed.txt 2>&1; }
leave() { kill -INT $engine; wait $engine; }

# The stage exits with 1 when it is asked to leave, before it has advanced its checkpoint.
cat >stays.sh <<'EOT'
trap 'exit 1' TERM
[ -e "$RETORT_CHECKPOINT/kept" ] || echo kept >"$RETORT_CHECKPOINT/kept"
echo here >>"$HERE/at"
sleep 1000 & wait
EOT
cat >stays.json <<EOT
{ "retort": 1, "name": "stays", "stages": { "stays": { "cmd": ["sh", "\${in.script}"], "in": { "script": "stays.sh" },
    "env": { "HERE": "$work" }, "checkpoint": true } } }
EOT
for time in first second; do
    : >at
    start stays.json; await at here
    check "a run ends with status 130 when its stage fails on Ctrl-C, the $time time" exits 130 leave
done
check "the checkpoint of the interrupted stage is kept" same "$(cat .retort/checkpoints/*/kept)" kept

# The stage kills its keeper twice, the second time before it has advanced its checkpoint.
cat >dies.json <<'EOT'
{ "retort": 1, "name": "dies", "stages": { "dies": { "outs": { "o": "o" }, "checkpoint": true, "retries": 2,
    "env": { "HERE": "WORK" }, "cmd": ["sh", "-c", "echo >>$HERE/tries; [ $(wc -l <$HERE/tries) -lt 3 ] || exec cp $RETORT_CHECKPOINT/half o; [ -e $RETORT_CHECKPOINT/half ] || echo half >$RETORT_CHECKPOINT/half; kill -KILL $PPID; sleep 1000"] } },
  "results": { "o": "${stages.dies.outs.o}" } }
EOT
sed -i "s|WORK|$work|" dies.json
check "a stage ends well after its keeper was killed twice" "$retort" run dies.json
check "the third attempt used the checkpoint of the first" same "$(cat results/dies/o)" half

# The file system has room for one checkpoint, and not for the next beside it.
mkdir small
if mount -t tmpfs -o size=24m tmpfs small 2>/dev/null; then
    cat >trains.json <<'EOT'
{ "retort": 1, "name": "trains", "stages": { "trains": { "uses": "deeprx/train@1", "with": { "size": 164, "ladder": { "164": 96 },
    "features": "mrc", "batch": 1, "steps": 1000000, "seed": 1, "link": { "resource_blocks": 1, "pilots": 1, "profiles": ["A"] },
    "validation": { "slots": 2, "sinr_db": [0, 20], "profiles": ["A"] } } } } }
EOT
    start trains.json --store small/s
    until ls small/s/checkpoints/*/training >/dev/null 2>&1; do sleep 0.02; done
    leave
    size=$(stat -c %s small/s/checkpoints/*/training)
    dd if=/dev/zero of=small/fill bs=1k count=$(($(df -k --output=avail small | tail -n 1) - size / 2048)) 2>/dev/null
    check "a training fails without room for its next checkpoint" exits 1 trains
    check "the message says that no space is left" has failed.txt "No space left on device"
    check "the checkpoint that the training went on from is kept" same "$(stat -c %s small/s/checkpoints/*/training)" "$size"
    rm small/fill
    touch now
    start trains.json --store small/s
    until [ -n "$(find small/s/checkpoints -name training -newer now)" ]; do sleep 0.02; done
    leave
    check "the training goes on from the checkpoint when there is room" has told "continues at step"

    # There is room, and the checkpoint cannot be read: a directory is in its place.
    kept=$(ls -d small/s/checkpoints/*/training)
    mv "$kept" kept && mkdir "$kept" && mv kept "$kept"
    check "a training fails when it cannot read its checkpoint" exits 1 trains
    check "the checkpoint that cannot be read is kept" test -s "$kept/kept"
    rm -r small/s/checkpoints/*

    # The stage may have had no room for a message, so the engine says how much room is left.
    echo '{ "retort": 1, "name": "f", "stages": { "f": { "cmd": ["sh", "-c", "exit 5"] } } }' >f.json
    check "a stage fails on a file system with room" exits 1 sh -c '"$1" run f.json --store small/s >failed.txt 2>&1' sh "$retort"
    check "the message does not speak of room" exits 1 has failed.txt "left on its file system"
    dd if=/dev/zero of=small/fill bs=1k count=$(($(df -k --output=avail small | tail -n 1) - 800)) 2>/dev/null
    check "a stage fails on a file system with little room" exits 1 sh -c '"$1" run f.json --store small/s >failed.txt 2>&1' sh "$retort"
    check "the message says how much room is left" grep -qE "exit status 5; [4-7][0-9]{2} KiB are left on its file system" failed.txt
    echo '{ "retort": 1, "name": "c", "stages": { "c": { "checkpoint": true, "cmd": ["sh", "-c", "cd $RETORT_CHECKPOINT; [ -e kept ] || echo kept >kept; exit 5"] } } }' >c.json
    for time in first second; do
        check "a command that goes on from a checkpoint fails with little room, the $time time" exits 1 sh -c '"$1" run c.json --store small/s >failed.txt 2>&1' sh "$retort"
    done
    check "the checkpoint of the command is kept" same "$(cat small/s/checkpoints/*/kept)" kept
    rm small/fill
    check "the command fails with room" exits 1 sh -c '"$1" run c.json --store small/s >failed.txt 2>&1' sh "$retort"
    check "the checkpoint of a command that failed by itself is dropped" same "$(ls small/s/checkpoints)" ""
else
    check "# SKIP a small file system can be mounted only by root" true
fi
finish

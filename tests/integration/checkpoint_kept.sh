#!/bin/sh
# A checkpoint outlives failures that are not the stage's own: a file system without room, a request to leave, the death of
# its keeper.
. tests/integration/lib.inc
cd "$work" || exit 1
trap 'umount "$work/small" 2>/dev/null; rm -rf "$work"' EXIT
await() { until grep -q "$2" "$1" 2>/dev/null; do sleep 0.02; done; }
start() { : >told; setsid "$retort" run "$@" --progress plain >told 2>&1 & engine=$!; }
trains() { "$retort" run trains.json --store small/s >failed.txt 2>&1; }
leave() { kill -INT $engine; wait $engine; }

# Asked to leave, it says 1: before it has advanced what it went on from.
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
    check "a stage that is asked to leave and fails, the $time time: exit status 130" exits 130 leave
done
check "its checkpoint is kept" same "$(cat .retort/checkpoints/*/kept)" kept

# Its keeper is killed twice, the second time before it has advanced anything.
cat >dies.json <<'EOT'
{ "retort": 1, "name": "dies", "stages": { "dies": { "outs": { "o": "o" }, "checkpoint": true, "retries": 2,
    "env": { "HERE": "WORK" }, "cmd": ["sh", "-c", "echo >>$HERE/tries; [ $(wc -l <$HERE/tries) -lt 3 ] || exec cp $RETORT_CHECKPOINT/half o; [ -e $RETORT_CHECKPOINT/half ] || echo half >$RETORT_CHECKPOINT/half; kill -KILL $PPID; sleep 1000"] } },
  "results": { "o": "${stages.dies.outs.o}" } }
EOT
sed -i "s|WORK|$work|" dies.json
check "a stage whose keeper is killed twice ends well" "$retort" run dies.json
check "from what the first attempt kept" same "$(cat results/dies/o)" half

# Room for one checkpoint, and not for the next beside it.
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
    check "a training without room for its next checkpoint fails" exits 1 trains
    check "and says why" has failed.txt "No space left on device"
    check "the checkpoint that it went on from is kept" same "$(stat -c %s small/s/checkpoints/*/training)" "$size"
    rm small/fill
    touch now
    start trains.json --store small/s
    until [ -n "$(find small/s/checkpoints -name training -newer now)" ]; do sleep 0.02; done
    leave
    check "with room it goes on from there" has told "continues at step"

    # There is room, and a disk that cannot be read: here a directory in the file's place.
    kept=$(ls -d small/s/checkpoints/*/training)
    mv "$kept" kept && mkdir "$kept" && mv kept "$kept"
    check "a training that cannot read its checkpoint fails" exits 1 trains
    check "which is kept" test -s "$kept/kept"
    rm -r small/s/checkpoints/*

    # What it lacked is there again when the engine looks, or nearly: it may have had no room to say so.
    echo '{ "retort": 1, "name": "f", "stages": { "f": { "cmd": ["sh", "-c", "exit 5"] } } }' >f.json
    check "a stage that fails with room" exits 1 sh -c '"$1" run f.json --store small/s >failed.txt 2>&1' sh "$retort"
    check "is told without a word of that" exits 1 has failed.txt "left on its file system"
    dd if=/dev/zero of=small/fill bs=1k count=$(($(df -k --output=avail small | tail -n 1) - 800)) 2>/dev/null
    check "one that fails with little" exits 1 sh -c '"$1" run f.json --store small/s >failed.txt 2>&1' sh "$retort"
    check "is told with how much there is" grep -qE "exit status 5; [4-7][0-9]{2} KiB are left on its file system" failed.txt
    echo '{ "retort": 1, "name": "c", "stages": { "c": { "checkpoint": true, "cmd": ["sh", "-c", "cd $RETORT_CHECKPOINT; [ -e kept ] || echo kept >kept; exit 5"] } } }' >c.json
    for time in first second; do
        check "a command that fails with little and goes on from a checkpoint, the $time time" exits 1 sh -c '"$1" run c.json --store small/s >failed.txt 2>&1' sh "$retort"
    done
    check "keeps it" same "$(cat small/s/checkpoints/*/kept)" kept
    rm small/fill
    check "with room it fails by itself" exits 1 sh -c '"$1" run c.json --store small/s >failed.txt 2>&1' sh "$retort"
    check "and begins anew" same "$(ls small/s/checkpoints)" ""
else
    check "# SKIP a small file system can be mounted only by root" true
fi
finish

#!/bin/sh
# A store, checkpoint, log or out that the system refuses to show is not taken for absent.
. tests/integration/lib.inc
case $BUILD in *san) skip "a sanitizer must be loaded before the gate's library" ;; esac
cd "$work" || exit 1
unseen() { # PATH COMMAND...
    path=$1; shift
    RETORT_GATE_EIO=$path LD_PRELOAD=$BUILD/tests/fault/gatelib.so "$retort" "$@" >told 2>&1
}
no() { ! "$@"; }

cat >p.json <<'EOT'
{ "retort": 1, "name": "p", "stages": { "tries": {
    "cmd": ["sh", "-c", "n=$(cat $RETORT_CHECKPOINT/n || echo 0); echo $((n + 1)) >$RETORT_CHECKPOINT/n; echo $n >o; [ $n -eq 1 ]"],
    "outs": { "o": "o" }, "checkpoint": true } }, "results": { "o": "${stages.tries.outs.o}" } }
EOT
check "the first attempt fails and leaves a checkpoint" exits 1 "$retort" run p.json
checkpoint=$(dirname .retort/checkpoints/*/n) # the list of its attempts stands beside it
check "a run ends with status 3 when it cannot examine the checkpoint" exits 3 unseen "$checkpoint" run p.json
check "the message names the checkpoint" has told "$checkpoint: cannot be made a directory: Input/output error"
check "the checkpoint is not dropped" no has told "is dropped"
check "the next run succeeds when it sees the checkpoint" "$retort" run p.json
check "the next run goes on from the checkpoint" same "$(cat results/p/o)" 1

check "plan ends with status 3 when it cannot examine the store" exits 3 unseen /.retort plan p.json
check "plan names the store" has told ".retort: cannot be examined: Input/output error"
check "runs ends with status 3 when it cannot examine the store" exits 3 unseen /.retort runs
check "runs names the store" has told ".retort: cannot be examined: Input/output error"

sed 's/echo $n >o; /echo told; &/' p.json >told.json
"$retort" run told.json --store told.store >told 2>&1
log=$(cd told.store/logs && ls -- *stdout)
check "log shows a log" sh -c '"$0" log told.json tries --store told.store | grep -qx told' "$retort"
other=; [ "$(id -u)" -ne 0 ] || other="setpriv --reuid=65534 --regid=65534 --clear-groups"
chmod 755 .
barred() { # PATH
    chmod 000 "$1" && $other "$retort" log told.json tries --store told.store >told 2>&1
    status=$?
    chmod 755 "$1" && return $status
}
check "log ends with status 3 when it may not read the log" exits 3 barred "told.store/logs/$log"
check "the message names the log" has told "$log: cannot be opened: Permission denied"
check "log ends with status 3 when it may not read the runs" exits 3 barred told.store/runs
check "the message names the folder of the runs" has told "runs: cannot be opened: Permission denied"

echo '{ "a": 1 }' >m.json
table() { "$@" exec plot/table@2 --in metrics=m.json --with '{"columns":["a"]}' --out out; }
check "exec writes an out" table "$retort"
rm out/* && echo mine >out/table.md
check "exec ends with status 3 when it cannot examine the out" exits 3 table unseen /table.md
check "the message names the out" has told "out/table.md: cannot be examined: Input/output error"
check "the out is unchanged" same "$(cat out/table.md)" mine
finish

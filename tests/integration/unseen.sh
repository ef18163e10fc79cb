#!/bin/sh
# What the system refuses to show is not absent: neither a store, nor a checkpoint, nor a file that is not to be overwritten.
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
check "the first attempt fails, and leaves a checkpoint" exits 1 "$retort" run p.json
checkpoint=$(dirname .retort/checkpoints/*/n) # the list of its attempts stands beside it
check "one that cannot be examined is not used: exit status 3" exits 3 unseen "$checkpoint" run p.json
check "with its path" has told "$checkpoint: cannot be made a directory: Input/output error"
check "it is not dropped" no has told "is dropped"
check "when it can be seen, the second attempt" "$retort" run p.json
check "goes on from it" same "$(cat results/p/o)" 1

check "a store that cannot be examined is no empty one: exit status 3" exits 3 unseen /.retort plan p.json
check "with its path" has told ".retort: cannot be examined: Input/output error"
check "nor absent" exits 3 unseen /.retort runs
check "with its path" has told ".retort: cannot be examined: Input/output error"

sed 's/echo $n >o; /echo told; &/' p.json >told.json
"$retort" run told.json --store told.store >told 2>&1
log=$(cd told.store/logs && ls -- *stdout)
check "a log is shown" sh -c '"$0" log told.json tries --store told.store | grep -qx told' "$retort"
other=; [ "$(id -u)" -ne 0 ] || other="setpriv --reuid=65534 --regid=65534 --clear-groups"
chmod 755 .
barred() { # PATH
    chmod 000 "$1" && $other "$retort" log told.json tries --store told.store >told 2>&1
    status=$?
    chmod 755 "$1" && return $status
}
check "one that may not be read is not empty: exit status 3" exits 3 barred "told.store/logs/$log"
check "with its path" has told "$log: cannot be opened: Permission denied"
check "nor was a stage never started whose runs may not be seen" exits 3 barred told.store/runs
check "with their path" has told "runs: cannot be opened: Permission denied"

echo '{ "a": 1 }' >m.json
table() { "$@" exec plot/table@2 --in metrics=m.json --with '{"columns":["a"]}' --out out; }
check "a kind by hand" table "$retort"
rm out/* && echo mine >out/table.md
check "an out that cannot be examined is not written over: exit status 3" exits 3 table unseen /table.md
check "with its path" has told "out/table.md: cannot be examined: Input/output error"
check "and stands" same "$(cat out/table.md)" mine
finish

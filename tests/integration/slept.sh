#!/bin/sh
# A child that outlives the leader of a stage has its time to end by itself, also where the machine sleeps meanwhile.
. tests/integration/lib.inc
case $BUILD in *san) skip "a sanitizer must be loaded before the clocks" ;; esac
cd "$work" || exit 1
cat >p.json <<'EOT'
{ "retort": 1, "name": "p", "stages": { "late": { "cmd": ["sh", "-c", "echo early >o; (sleep 0.1; echo late >>o) & exit 0"],
    "outs": { "o": "o" } } }, "results": { "o": "${stages.late.outs.o}" } }
EOT
check "a run succeeds while the clock says that the machine slept" env RETORT_CLOCK=1 LD_PRELOAD="$BUILD/tests/fault/clocklib.so" "$retort" run p.json
check "the out holds the line that a child of the leader wrote last" same "$(cat results/p/o)" "early
late"
finish

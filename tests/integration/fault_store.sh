#!/bin/sh
# Starts early: it computes for half a minute.
# Damages files of a store, rebuilds its states after power cuts, and runs over damaged stores.
. tests/integration/lib.inc
case $BUILD in *san) skip "a sanitizer must be loaded before the recorder" ;; esac
echo "# seed $SEED"
shared=$work
[ -w /dev/shm ] && shared=$(mktemp -d /dev/shm/retort-fault-XXXXXX) && trap 'rm -rf "$work" "$shared"' EXIT
check "400 mutations: what is served is what was stored, fsck mends the rest" \
    "$BUILD/tests/fault/mutate" "$shared/mutate" 0 400 "$SEED"
# Mutations of seed 1 that fsck once did not mend: lost newlines, and a page of state.db with a value longer than SQLite
# takes.
for number in 7141 25854 27729 60982 62604 79023 90421; do
    check "mutation $number" "$BUILD/tests/fault/mutate" "$shared/mutate" $number $((number + 1)) 1
done
check "400 states after a power cut: no record without its outs, nothing reported is lost" \
    tests/fault/powercut.sh 0 400 "$SEED"
check "a run over a damaged store serves no wrong byte" tests/fault/damage.py --build "$BUILD" --cases 6 --seed "$SEED"
check "every safeguard stands in the table of those that are taken out" tests/fault/mutants --calls
finish

#!/bin/sh
# Collections of garbage killed, and refused what they ask of the system, at random calls. SEED repeats a sample; `make soak`
# does all calls.
. tests/integration/lib.inc
case $BUILD in *tsan) skip "the thread sanitizer does not stand next to the fault library" ;; esac
tests/fault/collect.py --build "$BUILD" --seconds "${SECONDS_OF_FAULTS:-10}"

#!/bin/sh
# An fsck killed, and refused what it asks of the system, at random calls: what it cannot read it does not call damaged. SEED
# repeats a sample; `make soak` does all calls.
. tests/integration/lib.inc
case $BUILD in *tsan) skip "the thread sanitizer does not stand next to the fault library" ;; esac
tests/fault/examine.py --build "$BUILD" --seconds "${SECONDS_OF_FAULTS:-10}"

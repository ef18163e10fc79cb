#!/bin/sh
# Kills fsck, and fails its system calls, at random calls. fsck does not call a file damaged that it cannot read.
# SEED repeats a sample; `make soak` does all calls.
. tests/integration/lib.inc
case $BUILD in *tsan) skip "the thread sanitizer does not stand next to the fault library" ;; esac
tests/fault/examine.py --build "$BUILD" --seconds "${SECONDS_OF_FAULTS:-10}"

#!/bin/sh
# Starts early: it goes on for a minute. Kills the six-stage study, and fails its system calls, at random calls. No
# finished stage is lost, no wrong record is written, and the next run ends as an undisturbed one does. SEED chooses
# another sample; `make soak` does all calls.
. tests/integration/lib.inc
case $BUILD in *tsan) skip "the thread sanitizer does not stand next to the fault library" ;; esac
tests/fault/sweep.py --build "$BUILD" --cases 30

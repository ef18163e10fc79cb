#!/bin/sh
# Starts early: it goes on for a minute.
# The six-stage study killed, and refused what it asks of the system, at random calls: nothing finished is lost, nothing
# wrong is recorded, and the next run ends as if nothing had been. SEED repeats a sample; `make soak` does all calls.
. tests/integration/lib.inc
case $BUILD in *tsan) skip "the thread sanitizer does not stand next to the fault library" ;; esac
tests/fault/sweep.py --build "$BUILD" --seconds "${SECONDS_OF_FAULTS:-25}"

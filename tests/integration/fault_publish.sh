#!/bin/sh
# A publishing is killed, and refused what it asks of the system, at some of its calls; `make soak` takes all.
. tests/integration/lib.inc
case $BUILD in *tsan) skip "the thread sanitizer does not stand next to the fault library" ;; esac
tests/fault/publish.py --build "$BUILD" --every "${EVERY:-16}"

#!/bin/sh
# Kills gc, and fails its system calls, at random calls. SEED chooses another sample; `make soak` does all calls.
. tests/integration/lib.inc
case $BUILD in *tsan) skip "the thread sanitizer does not stand next to the fault library" ;; esac
tests/fault/collect.py --build "$BUILD" --cases 12

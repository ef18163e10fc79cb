#!/bin/sh
# Kills fsck, and fails its system calls, at random calls. fsck does not call a file damaged that it cannot read.
# SEED chooses another sample; `make soak` does all calls.
. tests/integration/lib.inc
case $BUILD in *tsan) skip "the thread sanitizer does not stand next to the fault library" ;; esac
tests/fault/examine.py --build "$BUILD" --cases 16

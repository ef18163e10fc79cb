#!/bin/sh
# The six-stage study while the clock is set by hours, forward and back, and the machine sleeps.
. tests/integration/lib.inc
case $BUILD in *san) echo "ok 1 - # SKIP a sanitizer must be loaded before the clocks"; echo 1..1; exit 0 ;; esac
tests/fault/clock.py --build "$BUILD"

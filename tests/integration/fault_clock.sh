#!/bin/sh
# Runs the six-stage study while the clock jumps by hours, forward and back, and the machine sleeps.
. tests/integration/lib.inc
case $BUILD in *san) skip "a sanitizer must be loaded before the clocks" ;; esac
tests/fault/clock.py --build "$BUILD"

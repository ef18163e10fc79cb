#!/bin/sh
# Runs the six-stage study on file systems that are too small. It stops, says so, and goes on when there is room.
. tests/integration/lib.inc
case $BUILD in *san) skip "memory of a sanitizer is not the matter here" ;; esac
tests/fault/space.py --build "$BUILD" --cases 5

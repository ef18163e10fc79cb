#!/bin/sh
# Starts early: it goes on for a minute.
# Runs two and eight engines at once over one store, undisturbed and killed at random.
. tests/integration/lib.inc
tests/fault/engines.py --build "$BUILD"

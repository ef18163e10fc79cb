#!/bin/sh
# Starts early: it goes on for a minute.
# Two and eight engines over one store at once, undisturbed and killed at random.
. tests/integration/lib.inc
tests/fault/engines.py --build "$BUILD"

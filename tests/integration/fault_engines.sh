#!/bin/sh
# Two and eight engines over one store at once, undisturbed and killed at random.
. tests/integration/lib.inc
tests/fault/engines.py --build "$BUILD"

#!/bin/sh
# Runs alone: it gives stages two seconds to be gone.
# An engine killed together with its keepers: nothing of their stages is left, and the next run ends well.
. tests/integration/lib.inc
tests/fault/keepers.py --build "$BUILD"

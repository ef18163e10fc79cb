#!/bin/sh
# Runs alone: it gives stages two seconds to end.
# Kills an engine together with its keepers. No process of their stages is left, and the next run ends well.
. tests/integration/lib.inc
tests/fault/keepers.py --build "$BUILD"

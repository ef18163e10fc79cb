#!/bin/sh
# powercut.sh FROM TO [SEED]: records a history and checks its states FROM to TO. It works in a tmpfs where there is
# one.
cd "$(dirname "$0")/../.." || exit 2
programs=${BUILD:-build/release}/tests/fault
case $programs in /*) ;; *) programs=$PWD/$programs ;; esac
[ -w /dev/shm ] && TMPDIR=/dev/shm
scratch=$(mktemp -d "${TMPDIR:-/tmp}/retort-powercut-XXXXXX") || exit 2
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/history"
LD_PRELOAD=$programs/tracelib.so RETORT_TRACE=$scratch/trace RETORT_TRACE_ROOT=$scratch/history \
    "$programs/powercut" record "$scratch/history" || exit 2
"$programs/powercut" check "$scratch/trace" "$scratch/states" "$1" "$2" "${3:-1}"

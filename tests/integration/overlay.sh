#!/bin/sh
# On an overlay, as a container has: what else is noticed of a file there must be noticed too.
. tests/integration/lib.inc
trap 'umount "$work/merged" 2>/dev/null; rm -rf "$work"' EXIT
chmod 711 "$work" # other users come by
mkdir "$work/lower" "$work/upper" "$work/scratch" "$work/merged"
if ! mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/scratch" "$work/merged" 2>"$work/said"; then
    echo "ok 1 - # SKIP no overlay can be mounted: $(cat "$work/said")"
    echo 1..1
    exit 0
fi
for test in file_memory object record lock; do
    check "the store's $test" env TMPDIR="$work/merged" "$BUILD/tests/unit/store/${test}_test"
done
finish

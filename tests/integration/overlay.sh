#!/bin/sh
# Runs tests of the store on an overlay, as containers have: the store notices changed files there too.
#   overlay.sh [TEST...]     unit tests of the store; without one, those below
. tests/integration/lib.inc
trap 'umount "$work/merged" 2>/dev/null; rm -rf "$work"' EXIT
chmod 711 "$work" # other users come by
[ "$(stat -f -c %T "$work")" != tmpfs ] || skip "what lies below it, a tmpfs, is never written out"
mkdir "$work/lower" "$work/upper" "$work/scratch" "$work/merged"
mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/scratch" "$work/merged" 2>"$work/said" ||
    skip "$(cat "$work/said")"
[ $# -gt 0 ] || set -- file_memory object record lock
for test; do
    check "the tests of the store's $test pass on an overlay" env TMPDIR="$work/merged" "$BUILD/tests/unit/store/${test}_test"
done
finish

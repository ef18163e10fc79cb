#!/bin/sh
# Stores as other tools leave them: without empty folders, read-only, on a full disk, of another owner, with named
# pipes.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<'EOT'
{"retort": 1, "name": "p", "stages": {"a": {"cmd": ["sh", "-c", "echo a > o"], "outs": {"o": "o"}}}}
EOT
sed 's/echo a/echo b/' p.json >other.json
"$retort" run p.json >run.txt 2>&1 || { cat run.txt; exit 1; }
known() { "$retort" run "$@" >run.txt 2>&1 || { cat run.txt; return 1; }; has run.txt "1 known, 0 finished, 0 failed"; }
for folder in objects/tmp actions/none runs/none pins attempts work logs claims checkpoints leases; do
    rm -rf copy && cp -r .retort copy && rm -rf "copy/${folder%/none}"
    [ "${folder%/none}" = actions ] && continue # its records are gone with it
    check "a store that lost $folder still serves its results" known p.json --store copy
    rm -rf "copy/${folder%/none}"
    check "fsck accepts a store that lost $folder" "$retort" fsck --store copy
done
mkfifo fifo
refused() { name=$1; shift; timeout 60 "$@" 2>said.err; same "exit status $?" "exit status 2" && has said.err "$name: is a named pipe"; }
rm -rf copy && cp -r .retort copy && rm copy/format && mkfifo copy/format
check "a format file that is a named pipe is refused" refused copy/format "$retort" plan p.json --store copy
echo '{"retort": 1, "name": "i", "include": {"x": {"path": "fifo"}}, "stages": {}}' >include.json
check "an include that is a named pipe is refused" refused fifo "$retort" check include.json
check "a file of parameters that is a named pipe is refused" refused fifo "$retort" plan p.json --params fifo
sed 's|"cmd"|"in": {"x": "fifo"}, "cmd"|' p.json >input.json
check "an input that is a named pipe is refused" refused fifo "$retort" run input.json

# Runs a command where ./copy is read-only.
read_only() { unshare -rm sh -c 'mount --bind copy copy && mount -o remount,ro,bind copy && shift && exec "$@"' sh "" "$@"; }
rm -rf copy && cp -r .retort copy
if read_only true 2>/dev/null; then
    before=$(cd copy && find . | sort)
    served() { read_only "$retort" run p.json --store copy >run.txt 2>&1 || { cat run.txt; return 1; }; has run.txt "1 known, 0 finished"; }
    check "a run takes known results from a read-only store" served
    check "the run says that it leaves no trace" has run.txt "copy: cannot be written (Read-only file system)"
    for command in "plan p.json" "show p.json a" "log p.json a" runs "why p.json a" "metrics p.json" energy fsck "gc --dry-run"; do
        check "$command reads a read-only store" read_only "$retort" $command --store copy
    done
    unknown() { read_only "$retort" run other.json --store copy 2>run.err; same "exit status $?" "exit status 3"; }
    check "a run with unknown results is refused" unknown
    check "its message names the mend" has run.err "--store names another store"
    rm copy/state.db
    check "a run takes known results from a read-only store without an index" served
    check "nothing was added to the read-only store" same "$(cd copy && find . | sort)" "$(echo "$before" | grep -vx ./state.db)"
fi
if unshare -rm sh -c 'mount -t tmpfs none "$1"' sh "$work/copy" 2>/dev/null; then
    full() { unshare -rm sh -c 'mount -t tmpfs -o size=2m none copy && cp -r .retort/. copy && { cat /dev/zero >copy/fill 2>/dev/null; "$@"; }' sh "$@"; }
    check "a run takes known results from a store on a full disk" full "$retort" run p.json --store copy
    check "a run with unknown results is refused on a full disk" exits 3 full "$retort" run other.json --store copy
fi
if [ "$(id -u)" -eq 0 ] && setpriv --reuid 61001 --regid 61001 --clear-groups true 2>/dev/null; then
    chmod 755 "$work" && mkdir bin && cp "$retort" "$BUILD/retort-stage" "$BUILD/retort-keeper" bin
    theirs() { setpriv --reuid 61001 --regid 61001 --clear-groups env HOME=/ bin/retort "$@"; }
    rm -rf copy && cp -r .retort copy
    check "a run takes known results from another user's store" theirs run p.json --store copy
    check "fsck reads another user's store" theirs fsck --store copy
fi
finish

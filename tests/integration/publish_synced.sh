#!/bin/sh
# A power cut: what a manifest says was synced before the manifest was renamed, bytes and names.
. tests/integration/lib.inc
case $BUILD in *san) skip "a sanitizer must be loaded before the recorder's library" ;; esac
cd "$work" || exit 1
cat >s.json <<'EOT'
{ "retort": 1, "name": "s", "params": { "text": "one" }, "stages": {
    "a": { "cmd": ["sh", "-c", "echo \"$1\" >o; mkdir -p d/e d/x/y/z d/x/w/v; echo two >d/f; echo three >d/e/f; echo four >d/x/y/z/f", "sh", "${params.text}"],
           "outs": { "o": "o", "d": { "path": "d", "type": "directory" } } } },
  "results": { "o": "${stages.a.outs.o}", "deep/er/o": "${stages.a.outs.o}", "d": "${stages.a.outs.d}" } }
EOT
# Follows the trace and knows what is not synced: the bytes of a file, the names of a folder. Numbers of files that are
# gone may be given again: a file or folder counts from its making below results/ on.
cat >synced.py <<'EOT'
import os, sys
trace, at, events = open(sys.argv[1], "rb").read(), 0, []
while at < len(trace):
    end = trace.index(b"\n", at)
    events.append(trace[at:end].decode().split(" ", 4))
    at = end + 1
    if events[-1][0] == "W":
        at += int(events[-1][3]) + 1
results, published = str(os.stat("results").st_ino), str(os.stat("results/s").st_ino)
folders, files, dirty, manifests, copied = set(), set(), {}, 0, 0
for kind, *numbers in events:
    if kind == "R" and numbers[3].endswith("/.retort-results.json"):
        manifests += 1
        assert not dirty, (manifests, dirty)
        dirty[published] = "the manifest"
        continue
    if kind == "R" and manifests == 1 and numbers[2] in folders:
        assert dirty.get(published) != "the manifest", numbers
    if kind == "S":
        dirty.pop(numbers[0], None)
    elif kind == "W" and numbers[0] in files:
        dirty[numbers[0]] = "bytes"
    elif kind == "C":
        parent, number, what, name = numbers
        dirty.pop(number, None)
        folders.discard(number)
        files.discard(number)
        if what == "d" and (parent in folders or number == results):
            folders.add(number)
        elif what == "f" and parent in folders and parent != results:
            files.add(number)
            copied += manifests == 0
            dirty[number] = "bytes"  # however they come: what is cloned is no write
        if parent in folders:
            dirty[parent] = "names"
    elif kind == "R":
        for number in numbers[1:3]:
            if number in folders:
                dirty[number] = "names"
assert manifests == 2 and copied >= 5, (manifests, copied)
EOT
check "a publishing is recorded" env RETORT_TRACE="$work/trace" RETORT_TRACE_ROOT="$work" \
    LD_PRELOAD="$BUILD/tests/fault/tracelib.so" "$retort" run s.json
check "each manifest comes after what it says" python3 synced.py trace
finish

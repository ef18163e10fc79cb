#!/bin/sh
# What a kill leaves of files that were being published goes with the next publishing; the user's files stay.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<'EOT'
{ "retort": 1, "name": "p", "params": { "text": "one" },
  "stages": { "a": { "cmd": ["sh", "-c", "echo \"$1\" >o", "sh", "${params.text}"], "outs": { "o": "o" } } },
  "results": { "o": "${stages.a.outs.o}", "deep/o": "${stages.a.outs.o}", "Deep/o": "${stages.a.outs.o}" } }
EOT
there() { (cd results/p && find . -name '.*.tmp-*' | sort | tr '\n' ' '); }
check "published" "$retort" run p.json
for left in .o.tmp-123 deep/.o.tmp-45 Deep/.o.tmp-45 ..retort-results.json.tmp-aB3dE9; do echo half >results/p/$left; done
echo one >results/p/.o.tmp-out-12 # what was taken out for a result that was to replace it
mkdir results/p/deep/.o.tmp-7 && echo half >results/p/deep/.o.tmp-7/file
for mine in .o.tmp-mine .o.tmp-out-13 .O.tmp-12 .mine.tmp-12 deep/.p.tmp-3 ..retort-results.json.tmp-mine; do echo mine >results/p/$mine; done
check "nothing to publish: nothing is touched" "$retort" run p.json
check "and what is left stays" same "$(there | wc -w)" 12
check "published again" "$retort" run p.json --set params.text=two
check "what the kill left is gone, what is the user's is not" \
    same "$(there)" "./..retort-results.json.tmp-mine ./.O.tmp-12 ./.mine.tmp-12 ./.o.tmp-mine ./.o.tmp-out-13 ./deep/.p.tmp-3 "
check "the results are there" same "$(cat results/p/o results/p/deep/o)" "two
two"

# Killed when a result was there and the manifest did not say so yet; then a run that does not come to that result.
cat >r.json <<'EOT'
{ "retort": 1, "name": "r", "params": { "text": "one" },
  "stages": { "a": { "cmd": ["sh", "-c", "echo \"$1\" >o", "sh", "${params.text}"], "outs": { "o": "o" } },
              "b": { "cmd": ["sh", "-c", "echo b >o"], "outs": { "o": "o" } } },
  "results": { "o": "${stages.a.outs.o}", "b": "${stages.b.outs.o}" } }
EOT
digest() { echo "$1" | sha256sum | cut -d' ' -f1; }
"$retort" run r.json >said 2>&1 && "$retort" run r.json --set params.text=two >said 2>&1
printf '{ "retort_results": 1, "files": { "o": "%s" }, "coming": { "o": "%s" } }' "$(digest one)" "$(digest two)" >results/r/.retort-results.json
check "a run without that result" "$retort" run r.json b
check "and one with it, and another content" "$retort" run r.json --set params.text=three
check "which is there" same "$(cat results/r/o)" three
check "and nothing is expected any more" exits 1 grep -q coming results/r/.retort-results.json

# A name that is no name of a file keeps back no other.
cat >l.json <<EOT
{ "retort": 1, "name": "l", "stages": {
    "a": { "matrix": { "t": ["$(printf %0300d 1)", "x"] }, "cmd": ["sh", "-c", "echo >o", "sh", "\${matrix.t}"], "outs": { "o": "o" } } },
  "results": { "all/": "\${stages.a[*].outs.o}" } }
EOT
"$retort" run l.json >told 2>&1
check "a name that is too long is refused with its mend" has told "too long for the name of a file; give the axes"
check "and the others are published" test -e results/l/all/t=x

# A power cut: what the manifest says is there was synced before it said so, bytes and names.
case $BUILD in *san) finish; exit ;; esac # a sanitizer must be loaded before the recorder's library
cat >s.json <<'EOT'
{ "retort": 1, "name": "s", "stages": {
    "a": { "cmd": ["sh", "-c", "echo one >o; mkdir -p d/e d/x/y/z d/x/w/v; echo two >d/f; echo three >d/e/f; echo four >d/x/y/z/f"],
           "outs": { "o": "o", "d": { "path": "d", "type": "directory" } } } },
  "results": { "o": "${stages.a.outs.o}", "deep/o": "${stages.a.outs.o}", "d": "${stages.a.outs.d}" } }
EOT
cat >synced.py <<'EOT'
import os, sys
trace, at, dirty, last = open(sys.argv[1], "rb").read(), 0, {}, None
inside = {os.stat(d).st_ino for d, _, _ in os.walk("results/s")}
files = {os.stat(os.path.join(d, f)).st_ino for d, _, fs in os.walk("results/s") for f in fs if f != ".retort-results.json"}
events = []
while at < len(trace):
    end = trace.index(b"\n", at)
    e = trace[at:end].decode().split(" ", 4)
    at = end + 1
    if e[0] == "W":
        at += int(e[3]) + 1
    events.append(e)
last = max(n for n, e in enumerate(events) if e[0] == "R" and e[4].endswith("/.retort-results.json"))
for e in events[:last]:
    if e[0] == "S":
        dirty.pop(e[1], None)
    elif e[0] == "W" and int(e[1]) in files:
        dirty[e[1]] = "bytes"
    elif e[0] == "C":
        dirty.pop(e[2], None)  # the number of something that is gone may be given again
        if int(e[2]) in files:
            dirty[e[2]] = "bytes"  # however they come: what is cloned is no write
        if int(e[1]) in inside:
            dirty[e[1]] = "names"
    elif e[0] == "R" and int(e[3]) in inside:
        dirty[e[3]] = "names"
dirty.pop(str(os.stat("results/s").st_ino), None)  # the manifest's own temporary file
assert len(files) == 5 and not dirty, dirty
EOT
check "published under a recorder" env RETORT_TRACE="$work/trace" RETORT_TRACE_ROOT="$work" \
    LD_PRELOAD="$BUILD/tests/fault/tracelib.so" "$retort" run s.json
check "the manifest comes after what it tells" python3 synced.py trace
finish

#!/bin/sh
# Killed while a published directory is replaced: a half of the old one is never taken for the user's.
. tests/integration/lib.inc
case $BUILD in *san) skip "a sanitizer must be loaded before the fault library" ;; esac
cd "$work" || exit 1

cat >q.json <<'EOT'
{ "retort": 1, "name": "q", "params": { "text": "0" },
  "stages": { "a": { "cmd": ["sh", "-c", "mkdir -p d/e; for n in 1 2 3 4 5 6; do echo \"$1\" >d/e/$n; done", "sh", "${params.text}"],
                     "outs": { "d": { "path": "d", "type": "directory" } } } },
  "results": { "d": "${stages.a.outs.d}" } }
EOT
libraries="$BUILD/tests/fault/faultlib.so $BUILD/tests/fault/gatelib.so"
fault() { RETORT_FAULT=$1 RETORT_FAULT_LOG=$2 LD_PRELOAD=$libraries "$retort" run q.json --set params.text=new; }
again() { rm -rf .retort results && cp -a before/. .; } # the calls are the same each time
"$retort" run q.json >said 2>&1
mkdir before && cp -a .retort results before
kills() { # HOW
    rm -f calls instants
    again && fault kill:0 calls >said 2>&1
    calls=$(sed -n 's/^calls //p' calls) bad=
    for n in $(seq 10 $((calls - 1))); do # back from the end, where the manifest and the run are written, till it was hit often enough
        [ "$(cat instants 2>/dev/null | grep -c 'unlinkat .*/results/q/')" -lt 5 ] || break
        again && fault "kill:$((calls - n))" instants >said 2>&1
        "$retort" run q.json --set params.text=new >said 2>&1 || bad="$bad $n: $(cat said)"
        [ "$(cat results/q/d/e/* | sort -u)" = new ] || bad="$bad $n: not replaced"
        [ "$(ls -A results/q | tr '\n' ' ')" = ".retort-results.json d " ] || bad="$bad $n: left beside it: $(ls -A results/q)"
    done
    check "$1: it was killed in the middle of that" test "$(grep -c 'unlinkat .*/results/q/' instants)" -ge 5
    check "$1: and the next run replaces it, leaving nothing beside it" same "$bad" ""
}
kills "names that are exchanged"
export RETORT_GATE_PLAIN=1
kills "plain renames"
finish

#!/bin/sh
# A stage that says too much fills no disk and holds up no run.
. tests/integration/lib.inc
cd "$work" || exit 1
gate=$(mktemp -d)
trap 'rm -rf "$work" "$gate"' EXIT
cat >p.json <<EOT
{ "retort": 1, "name": "p", "stages": {
  "long": { "cmd": ["sh", "-c", "echo first; i=0; while [ \$i -lt 8 ]; do head -c 1048576 /dev/zero | tr '[:cntrl:]' x; i=\$((i+1)); done; echo; : >$gate/written; until [ -e $gate/go ]; do sleep 0.02; done; echo last; echo short >&2; echo >o"], "outs": { "o": "o" } },
  "notes": { "cmd": ["sh", "-c", "i=0; while [ \$i -lt 100000 ]; do echo '{\"note\": \"n'\$i'\"}'; i=\$((i+1)); done >&3; echo >o"], "outs": { "o": "o" } },
  "one": { "cmd": ["sh", "-c", "echo '{\"note\": \"a\"}' >&3; echo '{\"note\": \"b\"}' >&3; until [ -e $gate/seen ]; do sleep 0.02; done; echo >o"], "outs": { "o": "o" } } } }
EOT
await() { for try in $(seq 600); do "$@" && return; sleep 0.1; done; return 1; }
"$retort" run p.json long --max-log 1MiB --progress none >told 2>&1 & engine=$!
await test -e "$gate/written"
"$retort" log -f p.json long >early 2>early.err & early=$!
await grep -qx first early
if truncate -s 2M hole && fallocate -p -o 1M -l 1M hole 2>/dev/null; then
    small() { [ "$(du -k .retort/logs/*.stdout | cut -f1)" -lt 2048 ]; }
    check "the middle of a long log is given back while the stage runs" await small
    "$retort" log -f p.json long >late 2>late.err & late=$!
    check "log -f says how much of the middle is gone" await grep -qE "^\[retort: [0-9]+ bytes are left out here; run --max-log sets how many stay\]$" late
fi
shown_all() { [ "$(tail -c 1 early | od -An -tx1 | tr -d ' ')" = 0a ] && [ "$(tail -c 2 early | head -c 1)" = x ]; }
await shown_all
echo >"$gate/go"
wait $engine
check "the run succeeds" same $? 0
wait $early
check "log -f shows the end of a log that was shortened behind it" grep -qx last early
check "also of the other stream" grep -qx short early
if [ -n "$late" ]; then
    wait $late
    check "one that came later shows the end too" grep -qx last late
    no_nul() { [ "$(tr -cd '\0' <late | wc -c)" = 0 ]; }
    check "it prints no NUL for what is gone" no_nul
fi
"$retort" log p.json long >log
check "the log keeps its head" grep -qx first log
check "the log keeps its tail" grep -qx last log
check "the log says how much is left out" grep -qE "^\[retort: [0-9]+ bytes are left out here; run --max-log sets how many stay\]$" log
stdout=$(ls .retort/logs/*.stdout)
left_out=$(sed -n 's/^\[retort: \([0-9]*\) bytes.*/\1/p' "$stdout")
line=$(grep -a "^\[retort: " "$stdout" | wc -c)
check "no byte is lost or kept twice" same $(($(wc -c <"$stdout") - line - 1 + left_out)) $((8 * 1048576 + 6 + 1 + 5))
check "a mebibyte stays" same $(($(wc -c <"$stdout") - line - 1)) 1048576
check "a short log stays as it is" same "$(cat .retort/logs/*.stderr)" short
check "a size that is none is refused" exits 2 "$retort" run p.json --max-log much

began=$(date +%s)
"$retort" run p.json notes --progress plain >told 2>&1
check "a run with very many notes succeeds" same $? 0
shown=$(grep -c "note  *notes: n" told)
check "about one note a second is shown" test "$shown" -le $(($(date +%s) - began + 3))
check "the last note is shown" has told "notes: n99999"
check "it says how many are left out" grep -qE "notes: n[0-9]+ \([0-9]+ notes before it are left out\)" told
"$retort" run p.json one --progress plain >told 2>&1 & engine=$!
check "a note is shown though its stage says no more" await grep -q "one: b" told
echo >"$gate/seen"
wait $engine
finish

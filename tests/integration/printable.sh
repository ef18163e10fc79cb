#!/bin/sh
# No table, message or log on a terminal passes on what a terminal obeys: escape sequences and bidirectional controls.
. tests/integration/lib.inc
cd "$work" || exit 1
python3 - <<'EOT'
import json
evil = "\x1b[31mred\u009b1m\u202eltr"
stages = {
    "s": {"matrix": {"v": [evil]}, "cmd": ["sh", "-c", "printf '%s\\n' \"$0\"; printf '%s\\n' \"$0\" >&2; printf '{\"m\": \"%s\", \"%s\": 1}' \"$1\" \"$1\" >m.json", "${matrix.v}", "red\u202eltr\u009b"],
          "outs": {"m": {"path": "m.json", "type": "metrics"}}},
    "f": {"cmd": ["sh", "-c", "printf '%s\\n' \"$0\" >&2; printf '{\"note\": \"%s\"}\\n' '\\u001b[1m\u202e' >&\"$RETORT_EVENTS_FD\"; exit 1", evil]},
    "best": {"select": {"from": "s", "group_by": ["v"], "minimize": "metrics.no" + "\u202e"}}}
json.dump({"retort": 1, "name": "evil", "stages": stages}, open("p.json", "w"))
json.dump({"retort": 1, "name": "evil", "stages": {evil: {}}}, open("bad.json", "w"))
EOT
on_terminal() { python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' "$@" </dev/null; }
clean() { python3 -c '
import sys, unicodedata
text = open(sys.argv[1], "rb").read().decode()
bad = [c for c in text if (unicodedata.category(c) == "Cc" and c not in "\n\t\r") or unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")]
assert not bad, (bad, text)' "$1"; }

"$retort" run p.json --keep-going >run.txt 2>&1
check "the lines of a run are clean" clean run.txt
check "the lines of a run show the sequences as escapes" has run.txt '\x1b[31mred\u009b1m\u202eltr'
"$retort" run bad.json >bad.txt 2>&1
check "the messages about a file are clean" clean bad.txt
check "the messages about a file show the name with escapes" has bad.txt '\u202e'
"$retort" run "no$(printf '\033')[31m.json" >missing.txt 2>&1
check "the message about a missing file is clean" clean missing.txt
for c in plan "why p.json s" "show p.json s" "metrics p.json" energy runs "why p.json best" "check p.json"; do
    set -- $c
    case $c in plan) set -- plan p.json ;; esac
    "$retort" "$@" >said.txt 2>&1
    check "the output of $1 is clean" clean said.txt
done
"$retort" show p.json s >show.txt
check "show shows the name of a metric with escapes" has show.txt 'metric red\u202eltr\u009b'
"$retort" log p.json s >log.txt
check "log gives a file all bytes" has log.txt "$(printf '\033')[31mred"
on_terminal "$retort" log p.json s >log.txt
check "log gives a terminal no escape sequence" clean log.txt
check "log shows a terminal the sequence as escapes" has log.txt '\x1b[31mred\u009b1m\u202eltr'
finish

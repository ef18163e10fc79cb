#!/bin/sh
# Graphviz reads what `retort graph` writes, and shows every instance by exactly its name, whatever stands in it.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >study.json <<'E2'
{ "retort": 1, "name": "study", "stages": {
  "a": { "matrix": { "x": ["plain", "q\"]; evil [label=\"", "<b>", "&lt;&#60;", "two\nlines", "\\N\\L", "|{y}|",
                           "é ∑", " "] },
         "cmd": ["echo", "${matrix.x}", "${outs.o}"], "outs": { "o": "o" } },
  "b": { "cmd": ["cat", "${in.all}"], "in": { "all": "${stages.a[*].outs.o}" } } } }
E2
check "an instance each" "$retort" graph study.json --unfold --format svg
"$retort" graph study.json --unfold --format svg >study.svg
"$retort" plan study.json --json >plan.json
check "under its own name" python3 - <<'E2'
import json
import xml.etree.ElementTree as tree

space = "{http://www.w3.org/2000/svg}"
nodes = [g for g in tree.parse("study.svg").iter(space + "g") if g.get("class") == "node"]
shown = sorted(" ".join(t.text for t in g.iter(space + "text")).replace("\u00a0", " ") for g in nodes)
names = sorted(entry["stage"] for entry in json.load(open("plan.json")))
assert shown == names, f"shown: {shown}\nnames: {names}"
assert len(names) == 10
E2
check "ten edges less one" same "$(grep -c 'class="edge"' study.svg)" 9
check "folded, two nodes" same "$("$retort" graph study.json --format svg | grep -c 'class="node"')" 2
check "no other format" exits 2 "$retort" graph study.json --format png
finish

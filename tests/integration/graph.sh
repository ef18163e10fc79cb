#!/bin/sh
# Graphviz draws the output of `retort graph`, and shows every instance under exactly its own name, whatever characters
# it has.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >study.json <<'E2'
{ "retort": 1, "name": "study", "stages": {
  "a": { "matrix": { "x": ["plain", "q\"]; evil [label=\"", "<b>", "&lt;&#60;", "two\nlines", "\\N\\L", "|{y}|",
                           "é ∑", " "] },
         "cmd": ["echo", "${matrix.x}", "${outs.o}"], "outs": { "o": "o" } },
  "b": { "cmd": ["cat", "${in.all}"], "in": { "all": "${stages.a[*].outs.o}" } } } }
E2
check "graph draws a study with unusual names" "$retort" graph study.json --unfold --format svg
"$retort" graph study.json --unfold --format svg >study.svg
"$retort" plan study.json --json >plan.json
check "the picture shows each instance under its own name" python3 - <<'E2'
import json
import xml.etree.ElementTree as tree

space = "{http://www.w3.org/2000/svg}"
nodes = [g for g in tree.parse("study.svg").iter(space + "g") if g.get("class") == "node"]
shown = sorted(" ".join(t.text for t in g.iter(space + "text")).replace("\u00a0", " ") for g in nodes)
names = sorted(entry["stage"] for entry in json.load(open("plan.json")))
assert shown == names, f"shown: {shown}\nnames: {names}"
assert len(names) == 10
E2
check "the picture has nine edges" same "$(grep -c 'class="edge"' study.svg)" 9
check "the folded picture has two nodes" same "$("$retort" graph study.json --format svg | grep -c 'class="node"')" 2
check "a format that does not exist is refused" exits 2 "$retort" graph study.json --format png
finish

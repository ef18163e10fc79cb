#!/bin/sh
# Every relative link of the repository's pages leads to a file, and every anchor to a heading.
. tests/integration/lib.inc

cat >"$work/links.py" <<'END'
import pathlib, re, sys

def text(page):
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)

def anchors(page):
    for heading in re.findall(r"^#+ +(.*)$", text(page), flags=re.M):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")

for page in map(pathlib.Path, sys.argv[1:]):
    for link in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or anchor and anchor not in anchors(target):
            print(f"{page}: {link}")
END
pages=$(find . -name '*.md' ! -path './build/*' \( ! -path '*/.*/*' -o -path './.github/*' \) | sed 's|^\./||' | sort)
python3 "$work/links.py" $pages >"$work/dead" || exit 1
lives() { ! grep "^$1: " "$work/dead"; }
for page in $pages; do
    check "every link of $page leads to something" lives "$page"
done

newest() { sed -n 's/^## \([0-9][0-9.]*\).*/\1/p' engine/CHANGES.md | head -n 1; }
check "engine/CHANGES.md begins with the version of the program" same "retort $(newest)" "$("$retort" --version)"

# The picture of the rooms in engine/README.md shows the includes between them.
cat >"$work/rooms.py" <<'END'
import pathlib, re, sys

block = re.search(r"^```mermaid\n(.*?)^```", pathlib.Path("engine/README.md").read_text(encoding="utf-8"), flags=re.S | re.M).group(1)
rooms = dict(re.findall(r"(\w+)\[([\w/]+)\]", block))
arrows = set()
for line in re.sub(r"\[[\w/]+\]", "", block).splitlines():
    groups = [re.split(r" *& *", group.strip()) for group in line.split("-->")]
    arrows |= {(rooms[a], rooms[b]) for left, right in zip(groups, groups[1:]) for a in left for b in right}

def room(path):
    return "kernels" if path.startswith("kernels/") else str(pathlib.PurePath(path).parent)

includes = set()
for path in (path for top in ("engine", "kernels", "stages", "store") for path in pathlib.Path(top).rglob("*.[ch]")):
    for header in re.findall(r'^#include "([^"]+\.h)"', path.read_text(encoding="utf-8"), flags=re.M):
        includes.add((room(str(path)), room(header)))
includes = {(a, b) for a, b in includes if a != b and not {a, b} & {"engine", "engine/base"}}

def reached(room):
    return {room}.union(*(reached(b) for a, b in arrows if a == room))

wrong = {(a, b) for a, b in includes if b not in reached(a)} if sys.argv[1] == "includes" else arrows - includes
for a, b in sorted(wrong):
    print(a, "includes" if sys.argv[1] == "includes" else "does not include", b)
sys.exit(bool(wrong) or not includes or not arrows)
END
check "every include between rooms follows the arrows of engine/README.md" python3 "$work/rooms.py" includes
check "every arrow of engine/README.md is an include" python3 "$work/rooms.py" arrows

# RESULTS.md quotes the tables that the run wrote, to the letter. They are the files beside it.
cat >"$work/quoted.py" <<'END'
import pathlib, sys

results = pathlib.Path("pipelines/RESULTS.md").read_text(encoding="utf-8")
for table in map(pathlib.Path, sys.argv[1:]):
    if table.read_text(encoding="utf-8").strip() in results:
        print(table)
END
tables=$(find pipelines/measured -name "*.md" ! -name "*.energy.md" | sort) # joules differ from run to run: linked
python3 "$work/quoted.py" $tables >"$work/quoted" || exit 1
for table in $tables; do
    check "RESULTS.md quotes ${table##*/}" grep -qxF "$table" "$work/quoted"
done
finish

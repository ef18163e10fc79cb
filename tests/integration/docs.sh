#!/bin/sh
# The pages of the repository: every relative link leads to a file, every anchor to a heading, every quoted table stands.
. tests/integration/lib.inc

cat >"$work/links.py" <<'END'
import pathlib, re, sys

def text(page):
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)

def anchors(page):
    for heading in re.findall(r"^#+ +(.*)$", text(page), flags=re.M):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")

page = pathlib.Path(sys.argv[1])
dead = []
for link in re.findall(r"\]\(([^)\s]+)\)", text(page)):
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if re.match(r"[a-z]+:", link):
        continue
    if not target.exists() or anchor and anchor not in anchors(target):
        dead.append(link)
sys.exit(f"{page}: dead: {', '.join(dead)}" if dead else 0)
END
for page in $(find . -name '*.md' ! -path './build/*' ! -path '*/.*/*' | sort); do
    check "${page#./}" python3 "$work/links.py" "$page"
done

# RESULTS.md quotes what the run wrote, to the letter: its tables are the files beside it.
cat >"$work/quoted.py" <<'END'
import pathlib, sys

table = pathlib.Path(sys.argv[1])
if table.read_text(encoding="utf-8").strip() not in pathlib.Path("pipelines/RESULTS.md").read_text(encoding="utf-8"):
    sys.exit(f"{table} is not quoted in pipelines/RESULTS.md as it stands")
END
for table in $(find pipelines/measured -name "*.md" ! -name "*.energy.md" | sort); do # joules differ from run to run: linked
    check "RESULTS.md quotes ${table##*/}" python3 "$work/quoted.py" "$table"
done
finish

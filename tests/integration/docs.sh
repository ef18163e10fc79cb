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
pages=$(find . -name '*.md' ! -path './build/*' ! -path '*/.*/*' | sed 's|^\./||' | sort)
python3 "$work/links.py" $pages >"$work/dead" || exit 1
lives() { ! grep "^$1: " "$work/dead"; }
for page in $pages; do
    check "every link of $page leads to something" lives "$page"
done

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

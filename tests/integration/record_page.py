"""Compares store/RECORD.md with what a store holds.

  record_page.py PAGE STORE

Prints members that a record or run file has and the page does not list, and members of another type. It also
prints members that only the page has. The exit status is 1 if there is any. Members that only a machine with counters has are held
to the page by tests/unit/engine/record_page_test.c.
"""
import glob
import json
import os
import re
import sys

NAMED_BY_THE_PIPELINE = {"components", "outs", "metrics", "overrides", "provenance.inputs", "provenance.python.packages"}
TYPES = {bool: "boolean", int: "number", float: "number", str: "text", dict: "object", list: "array"}
ONLY_WITH_COUNTERS = re.compile(
    r"energy\.(gpu_j|counter_|resolution_j|idle_j|other_j|share_rule|baseline|steps|samples|domains|beside|stages_j|"
    r"unresolved_j|series)")
NOT_MADE_HERE = {  # each with the reason
    "provenance.git.dirty_unavailable": "git would have to fail on the way",
    "provenance.git.diff_unavailable": "tests/integration/dirty_run.sh makes a patch that is too long",
    "differences[].first.more": "more than twenty files would have to differ",
}


def sections(page):
    """The members that each of the page's three parts lists, with their types."""
    parts, part = {}, None
    for line in open(page, encoding="utf-8"):
        if line.startswith("## "):
            part = parts.setdefault(line[3:].strip(), {})
        row = re.match(r"\| `([^`]+)` \| (\w+) \|", line)
        if row:
            part[row[1]] = row[2]
    return parts["Action record"], parts["Records of attempts"], parts["Run file"]


def walk(value, path, found):
    """Adds every path below a value with the types that stand there."""
    if isinstance(value, dict):
        for name, item in value.items():
            inner = "*" if path in NAMED_BY_THE_PIPELINE else name
            inner = path + "." + inner if path else inner
            found.setdefault(inner, set()).add(type(item))
            if path != "components" and not inner.startswith("components."):
                walk(item, inner, found)
    elif isinstance(value, list):
        for item in value:
            found.setdefault(path + "[]", set()).add(type(item))
            walk(item, path + "[]", found)


def read(store):
    records, attempts, runs = {}, {}, {}
    for path in glob.glob(os.path.join(store, "actions", "*.jsonl")):
        for line in open(path, encoding="utf-8"):
            walk(json.loads(line.split(" ", 2)[2]), "", records)
    for folder, found in (("attempts", attempts), ("runs", runs)):
        for path in glob.glob(os.path.join(store, folder, "*.json")):
            walk(json.load(open(path, encoding="utf-8")), "", found)
    return records, attempts, runs


def compare(what, listed, found, must_be_found):
    faults = []
    for path, types in sorted(found.items()):
        if path.endswith("[]") and path not in listed and types <= {dict, list}:
            continue  # its members are listed
        if path in ("components.*", "overrides.*") or path.startswith("metrics.*[]") or path.startswith("differences[].first.recorded"):
            continue
        wanted = listed.get(path)
        if wanted is None:
            faults.append("%s has %s, which the page does not list" % (what, path))
        elif wanted != "any" and {TYPES[t] for t in types if t is not type(None)} - {wanted}:
            faults.append("%s has %s, which is no %s" % (what, path, wanted))
    for path in must_be_found:
        if path not in found and not ONLY_WITH_COUNTERS.match(path) and path not in NOT_MADE_HERE:
            faults.append("the page lists %s, which no %s has" % (path, what))
    return faults


def main(page, store):
    record, extra, run = sections(page)
    records, attempts, runs = read(store)
    shared = {p: t for p, t in record.items() if p.startswith("energy.")}
    whole = {"energy.rows[]." + p[len("energy."):]: t for p, t in record.items() if p.startswith("energy.attempts.")}
    faults = compare("record", record, records, record)
    faults += compare("attempt", {**record, **extra}, attempts, extra)
    faults += compare("run file", {**shared, **whole, **run}, runs, run)
    print("\n".join(faults) or "%d members" % (len(record) + len(extra) + len(run)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

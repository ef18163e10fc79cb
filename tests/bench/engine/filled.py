"""A matrix whose records are all in the store: one instance is executed, the others' records are made after it."""
import glob
import json
import os
import re
import subprocess

import graphs
from timing import Wrong

WIDTH = 100  # values of the second axis


def write_matrix(folder, count):
    """A pipeline of one stage of `count` instances, a multiple of 100, that writes its two axes into a file."""
    os.makedirs(folder, exist_ok=True)
    graphs.write(os.path.join(folder, "write.sh"), 'echo "$1 $2" >"$3"\n')
    graphs.write(os.path.join(folder, "bench.json"), json.dumps({"retort": 1, "name": "bench", "stages": {"s": {
        "matrix": {"a": list(range(count // WIDTH)), "b": list(range(WIDTH))},
        "cmd": ["sh", "${in.script}", "${matrix.a}", "${matrix.b}", "${outs.o}"],
        "in": {"script": "write.sh"}, "outs": {"o": "o"}}}}))


def lines(planned, record):
    """A line for `fill` of each planned instance."""
    for stage in planned:
        a, b = re.match(r"s\[a=(\d+),b=(\d+)\]$", stage["stage"]).groups()
        yield json.dumps({"text": "%s %s\n" % (a, b),
                          "record": {"stage": stage["stage"], "key": stage["key"],
                                     "components": {"argv.2": a, "argv.3": b}}}) + "\n"


def make(bench, folder, count):
    """Writes the pipeline and fills its store."""
    write_matrix(folder, count)
    bench.timer.run([bench.tools["retort"], "run", "bench.json", "s[a=0,b=0]"], folder)
    record = bench.record(folder, "s[a=0,b=0]")
    if record["components"]["argv.2"] != "0" or record["components"]["argv.3"] != "0":
        raise Wrong("components of another form: %s" % record["components"])
    planned = bench.json(folder, "plan", "bench.json", "--json")
    with open(glob.glob(os.path.join(folder, ".retort/runs/*.json"))[0]) as f:
        run = json.load(f)
    run = {k: v for k, v in run.items() if k not in ("id", "began", "overrides")}
    run["stages"] = [{"stage": p["stage"], "key": p["key"], "state": "finished"} for p in planned]
    run["counts"]["finished"] = count
    files = {"record": record, "run": run}
    for name, value in files.items():
        graphs.write(os.path.join(folder, name + ".json"), json.dumps(value))
    with subprocess.Popen([bench.program("fill"), ".retort", "record.json", "run.json"], cwd=folder, text=True,
                          stdin=subprocess.PIPE) as process:
        process.stdin.writelines(lines(planned[1:], record))
    if process.returncode:
        raise Wrong("fill: status %d" % process.returncode)

"""Stores whose records are not the work of a run: one instance is executed, the others' records are made after its record."""
import glob
import hashlib
import json
import os
import re
import subprocess

import graphs
from timing import Wrong

WIDTH = 100  # values of the second axis


def write_matrix(folder, count, name="bench.json", more=None):
    """A pipeline of one stage "s" of `count` instances, a multiple of 100, which reports its two axes as metrics, and
    of the stages `more`."""
    os.makedirs(folder, exist_ok=True)
    graphs.write(os.path.join(folder, "write.sh"), 'echo "{\\"a\\": $1, \\"b\\": $2}" >"$3"\n')
    stages = {"s": {"matrix": {"a": list(range(count // WIDTH)), "b": list(range(WIDTH))},
                    "cmd": ["sh", "${in.script}", "${matrix.a}", "${matrix.b}", "${outs.o}"],
                    "in": {"script": "write.sh"}, "outs": {"o": {"path": "o.json", "type": "metrics"}}}}
    graphs.write(os.path.join(folder, name),
                 json.dumps({"retort": 1, "name": "bench", "stages": {**stages, **(more or {})}}))


def template(bench):
    """A record and a run file, as one executed instance leaves them."""
    folder = bench.folder("template")
    if not os.path.exists(folder):
        write_matrix(folder, WIDTH)
        bench.timer.run([bench.tools["retort"], "run", "bench.json", "s[a=0,b=0]"], folder)
    record = bench.record(folder, "s[a=0,b=0]")
    if record["metrics"] != {"a": 0, "b": 0} or [record["components"]["argv.%d" % i] for i in (2, 3)] != ["0", "0"]:
        raise Wrong("a record of another form: %s" % record)
    with open(glob.glob(os.path.join(folder, ".retort/runs/*.json"))[0]) as f:
        run = json.load(f)
    return record, {k: v for k, v in run.items() if k not in ("id", "began", "overrides")}


def line(stage, key, put):
    """The line that `fill` reads for an instance. `put`: the store does not have the out yet."""
    a, b = re.match(r"s\[a=(\d+),b=(\d+)\]$", stage).groups()
    text = '{"a": %s, "b": %s}\n' % (a, b)
    return json.dumps({**({"text": text} if put else {}),
                       "record": {"stage": stage, "key": key, "metrics": {"a": int(a), "b": int(b)},
                                  "components": {"argv.2": a, "argv.3": b},
                                  "outs": {"o": {"sha256": hashlib.sha256(text.encode()).hexdigest(),
                                                 "size": len(text)}}}}) + "\n"


def fill(bench, folder, instances, put=True):
    """Adds a run and its records to the store of a folder. Instances: (stage, key)."""
    record, run = template(bench)
    run["counts"]["finished"] = len(instances)
    run["stages"] = [{"stage": stage, "key": key, "state": "finished"} for stage, key in instances]
    for name, value in (("record", record), ("run", run)):
        graphs.write(os.path.join(folder, name + ".json.template"), json.dumps(value))
    with subprocess.Popen([bench.program("fill"), ".retort", "record.json.template", "run.json.template"], cwd=folder,
                          text=True, stdin=subprocess.PIPE) as process:
        process.stdin.writelines(line(stage, key, put) for stage, key in instances)
    if process.returncode:
        raise Wrong("fill: status %d" % process.returncode)


def make(bench, folder, count, limit_s=None):
    """Writes a pipeline and a store in which all of it is known; returns its instances. TooLong when planning takes
    longer than `limit_s`."""
    write_matrix(folder, count)
    planned = bench.json(folder, "plan", "bench.json", "--json", limit_s=limit_s)
    instances = [(p["stage"], p["key"]) for p in planned]
    fill(bench, folder, instances)
    return instances

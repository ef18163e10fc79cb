"""Measures growth with the number of instances and records."""
import hashlib
import math
import os

import filled
from report import seconds
from timing import Contender, TooLong, alternate, median

LINEAR = 1.1  # the largest exponent that is called linear: time ~ count ** exponent
SMALL = 10000  # below it start-up counts
WORK = 300000  # instances that the rounds of one command work on together
MEASURED = ("plan", "run", "gc", "fsck")


def exponent(points):
    """Least squares of log y over log x."""
    points = [(math.log(x), math.log(y)) for x, y in points if x >= SMALL] or [(0, 0)]
    mean_x, mean_y = (sum(p[i] for p in points) / len(points) for i in (0, 1))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else None


def disk_use(folder):
    """Bytes on disk and files below a folder."""
    files = [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names]
    return sum(os.lstat(f).st_blocks * 512 for f in files), len(files)


def commands(count):
    return {"plan": (["plan", "bench.json"], "^%d known, 0 to run" % count),
            "run": (["run", "bench.json"], "^%d known, 0 finished, 0 failed" % count),
            "gc": (["gc", "--grace", "0s", "--json"], '"records": *0[,}\n]'),
            "fsck": (["fsck", "--json"], '"damaged": *0[,}\n]')}


def measure_count(bench, count):
    """{name: CPU seconds, bytes, files} for one number of instances. Long commands vary less: fewer rounds serve them."""
    folder = bench.folder("growth", str(count))
    filled.make(bench, folder, count, bench.limit_s)
    found = dict(zip(("bytes", "files"), disk_use(os.path.join(folder, ".retort"))))
    for name, (command, expect) in commands(count).items():
        contender = Contender(name, folder, [bench.tools["retort"], *command], expect, limit_s=bench.limit_s)
        rounds = max(1, min(bench.rounds, WORK // count))
        found[name] = median(alternate(bench.timer, [contender], rounds)[name], "cpu_s")
    return found


def measure_growth(bench):
    bench.report.title("Growth: everything known, CPU and store an instance")
    names = [*MEASURED, "bytes", "files"]
    bench.report.say("%14s" % "instances" + "".join("%11s" % n for n in names))
    points, why = {name: [] for name in names}, ""
    for count in bench.counts():
        try:
            found = measure_count(bench, count)
        except TooLong as e:
            why = str(e)
            break
        for name in names:
            points[name].append((count, found[name]))
        bench.report.say("%14d" % count + "".join(
            "%11s" % (seconds(found[n] / count) if n in MEASURED else "%.2f" % (found[n] / count)) for n in names))
    for name in names:
        bench.report.goal("growth to %d: exponent of %s" % (bench.counts()[-1], name),
                          None if why else exponent(points[name]), LINEAR, why)


def measure_select(bench):
    """A second select over the same instances costs no more reading."""
    count = bench.size("MATRIX", 100000)
    folder = bench.folder("growth", "select")
    instances = filled.make(bench, folder, count)
    selects = {"by-a": {"select": {"from": "s", "group_by": ["a"], "minimize": "metrics.a"}},
               "by-b": {"select": {"from": "s", "group_by": ["b"], "maximize": "metrics.b"}}}
    users = {"use-" + name: {"cmd": ["cat", "${in.x}"], "in": {"x": "${stages.%s[*].outs.o}" % name}} for name in selects}
    contenders = []
    for number in range(3):
        more = dict([*list(selects.items())[:number], *list(users.items())[:number]])
        name = "%d-selects" % number
        filled.write_matrix(folder, count, name + ".json", more)
        contenders.append(Contender(name, folder, [bench.tools["retort"], "plan", name + ".json"],
                                    "^%d known, %d to run, 0 waiting" % (len(instances), number)))
    bench.report.title("A select over %d instances: plan" % count)
    samples = alternate(bench.timer, contenders, bench.rounds)
    wall_s = [median(runs, "wall_s") for runs in samples.values()]
    for name, runs in samples.items():
        bench.report.say("  %-22s %10s wall %10s CPU" % (name, *(seconds(median(runs, f)) for f in ("wall_s", "cpu_s"))))
    bench.report.goal("a second select over %d instances: wall ms" % count, (wall_s[2] - wall_s[1]) * 1e3, 100)


def measure_history(bench):
    """One stage of 1,000 instances in a store that many runs of the same pipeline have filled."""
    records = bench.size("HISTORY", 1000000)
    folder = bench.folder("growth", "history")
    instances = filled.make(bench, folder, 1000)
    for run in range(1, records // len(instances)):
        filled.fill(bench, folder, [(stage, hashlib.sha256(b"%d %s" % (run, key.encode())).hexdigest())
                                    for stage, key in instances], put=False)
    stage, key = instances[537]
    commands = {"why": (["why", "bench.json", stage], "known"), "show": (["show", "bench.json", stage, "--json"], key),
                "metrics": (["metrics", "bench.json", stage], r"\b5\b.*\b37\b"), "runs": (["runs"], r"\bbench\b")}
    bench.report.title("One stage of 1,000 in a store of %d records" % records)
    samples = alternate(bench.timer, [Contender(name, folder, [bench.tools["retort"], *command], expect)
                                      for name, (command, expect) in commands.items()], bench.rounds)
    for name, runs in samples.items():
        bench.report.say("  %-22s %10s wall %10s CPU" % (name, *(seconds(median(runs, f)) for f in ("wall_s", "cpu_s"))))
        bench.report.goal("%s of one stage, %d records: wall ms" % (name, records), median(runs, "wall_s") * 1e3, 100)


def run(bench):
    measure_growth(bench)
    measure_select(bench)
    measure_history(bench)

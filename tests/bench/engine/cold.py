"""Everything to do."""
import os
import shutil

import graphs
from timing import Contender, Wrong, alternate


def content(path):
    with open(path) as f:
        return f.read()


class Cold:
    """One program that begins with an empty folder in each round."""

    def __init__(self, bench, graph, folder, name):
        self.bench, self.graph, self.folder, self.name = bench, graph, folder, name

    def prepare(self, _):
        shutil.rmtree(self.folder, ignore_errors=True)
        graphs.lay_out(self.graph, self.folder, self.name)

    def check_files(self):
        for i in range(len(self.graph)):
            path = os.path.join(self.folder, "o%d" % i)
            if content(path) != self.graph.root(i) + "\n":
                raise Wrong("%s is no copy" % path)

    def check_record(self):
        last = len(self.graph) - 1
        self.bench.check_out(self.folder, "c%d" % last, self.graph.root(last) + "\n")

    def contender(self):
        jobs = "-j%d" % self.bench.jobs
        command = {"retort": [self.bench.tools["retort"], "run", "bench.json", jobs],
                   "make": [self.bench.tools["make"], jobs, "all"],
                   "posix_spawn": [self.bench.program("spawn"), str(self.bench.jobs)]}
        ours = self.name == "retort"
        return Contender(self.name, self.folder, command.get(self.name) or [self.bench.tools[self.name], jobs],
                         expect="^0 known, %d finished, 0 failed" % len(self.graph) if ours else "",
                         stdin=os.path.join(self.folder, "copies") if self.name == "posix_spawn" else None,
                         prepare=self.prepare, check=self.check_record if ours else self.check_files)


def measure_shape(bench, shape, count):
    graph = getattr(graphs, shape)(count)
    names = ["retort", *(n for n in ("ninja", "samu", "make") if bench.has(n)), "posix_spawn"]
    bench.report.title("Cold, -j%d: %s of %d stages" % (bench.jobs, shape, count))
    samples = alternate(bench.timer, [Cold(bench, graph, bench.folder("cold", shape, n), n).contender() for n in names],
                        bench.rounds)
    bench.report.table(samples, count, "a stage")
    return samples


def run(bench):
    for shape in ("tree", "wide"):
        samples = measure_shape(bench, shape, bench.size("COLD_STAGES", 1000))
        for field, word in (("cpu_s", "CPU"), ("wall_s", "wall")):
            bench.report.goal_ratio("cold, %s: %s / ninja's" % (shape, word), samples, "retort", "ninja", field, 1.0)
        bench.report.goal_ratio("cold, %s: wall / posix_spawn's (90 %% of its rate)" % shape, samples, "retort",
                                "posix_spawn", "wall_s", 1 / 0.9)
    samples = measure_shape(bench, "chain", bench.size("CHAIN_LINKS", 50))
    bench.report.goal_ratio("a chain: wall a link / ninja's", samples, "retort", "ninja", "wall_s", 1.0)

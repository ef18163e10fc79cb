"""Nothing to do, and next to nothing to do."""
import os
import time

import filled
import graphs
from timing import Contender, alternate, median

SETTLE_S = 2.1  # a digest is remembered only of a file that was not written to in the last two seconds
SHAPES = {"tree": graphs.tree, "wide": graphs.wide}


def commands(bench, count):
    """Each program's command line, and its words when it had nothing to do, and when it had one thing to do."""
    jobs = "-j%d" % bench.jobs
    return {
        "retort": ([bench.tools["retort"], "run", "bench.json", jobs], "^%d known, 0 finished, 0 failed" % count,
                   "^%d known, 1 finished, 0 failed" % (count - 1)),
        "ninja": ([bench.tools["ninja"], jobs], "no work to do", r"^\[1/1\] "),
        "make": ([bench.tools["make"], jobs, "all"], "Nothing to be done", r"\Acp s\d+ o\d+\n\Z"),
        "samu": ([bench.tools["samu"], jobs], "nothing to do", r"^\[1/1\] "),
        "snakemake": ([bench.tools["snakemake"], jobs], "Nothing to be done", None),
    }


def first_run(bench, graph, name, folder, command):
    """Runs everything once. Snakemake, whose first run would take many minutes, is given the outs and told so."""
    if name == "snakemake":
        for i in range(len(graph)):
            graphs.write(os.path.join(folder, "o%d" % i), graph.root(i) + "\n")
        bench.timer.run([*command, "--touch"], folder)
    else:
        bench.timer.run(command, folder)


def make_folders(bench, graph, shape, names):
    """Each program's own folder, with everything done."""
    folders = {name: bench.folder("noop", shape, name) for name in names}
    for name, folder in folders.items():
        graphs.lay_out(graph, folder, name)
    time.sleep(SETTLE_S)
    for name, folder in folders.items():
        command, _, _ = commands(bench, len(graph))[name]
        first_run(bench, graph, name, folder, command)
        bench.timer.run(command, folder)
    return folders


def change(folder, graph):
    """A function that gives a source another content in each round."""
    def prepare(number):
        name = graph.sources[(number * 997 + 1) % len(graph.sources)]
        graphs.write(os.path.join(folder, name), "round %d at %d\n" % (number, time.time_ns()))
    return prepare


def measure_shape(bench, shape):
    count = bench.size("NOOP_STAGES", 10000)
    graph = SHAPES[shape](count)
    names = [name for name in ("retort", "ninja", "make", "samu") if bench.has(name)]
    if shape == "tree" and bench.has("snakemake"):
        names.append("snakemake")
    folders = make_folders(bench, graph, shape, names)
    known = commands(bench, count)
    bench.report.title("Nothing to do: %s of %d stages" % (shape, count))
    samples = alternate(bench.timer, [Contender(n, folders[n], known[n][0], known[n][1]) for n in names], bench.rounds)
    bench.report.table(samples)
    for field, word in (("wall_s", "wall"), ("cpu_s", "CPU")):
        bench.report.goal_ratio("nothing to do, %s: %s / ninja's" % (shape, word), samples, "retort", "ninja", field, 1.0)
    if shape == "wide":
        bench.report.title("One input of %d changed" % count)
        contenders = [Contender(n, folders[n], known[n][0], known[n][2], prepare=change(folders[n], graph)) for n in names]
        samples = alternate(bench.timer, contenders, bench.rounds)
        bench.report.table(samples)
        bench.report.goal_ratio("one input changed: wall / ninja's", samples, "retort", "ninja", "wall_s", 3.0)


def measure_matrix(bench):
    count = bench.size("MATRIX", 100000)
    folder = bench.folder("noop", "matrix")
    filled.make(bench, folder, count)
    bench.report.title("Nothing to do: %d instances of a matrix" % count)
    contenders = [Contender("plan", folder, [bench.tools["retort"], "plan", "bench.json"], "^%d known, 0 to run, 0 waiting" % count),
                  Contender("run", folder, [bench.tools["retort"], "run", "bench.json"], "^%d known, 0 finished, 0 failed" % count)]
    samples = alternate(bench.timer, contenders, bench.rounds)
    for name, runs in samples.items():
        bench.report.say("  %-22s wall %.2f s, CPU %.2f s" % (name, median(runs, "wall_s"), median(runs, "cpu_s")))
        bench.report.goal("nothing to do, matrix of %d: %s, wall s" % (count, name), median(runs, "wall_s"), 1.0)


def run(bench):
    measure_shape(bench, "tree")
    measure_shape(bench, "wide")
    measure_matrix(bench)

"""Memory and time of planning, and the limits of a file."""
import json
import os

import filled
import graphs
from report import seconds, size
from timing import Contender, TooLong, Wrong, alternate, median

WORDS = (20000, 200000)
FILE_STAGES = 100000
FILE_BYTES = 63 << 20


def measure(bench, folder, command, expect):
    """The samples of one command, or None and the reason."""
    try:
        return alternate(bench.timer, [Contender("retort", folder, [bench.tools["retort"], *command], expect,
                                                 limit_s=bench.limit_s)], bench.rounds)["retort"], ""
    except TooLong as e:
        bench.report.say("  %s" % e)
        return None, str(e)


def measure_plans(bench):
    bench.report.title("Memory: plan of one matrix, nothing known")
    bench.report.say("%14s %10s %10s %10s   %s" % ("instances", "wall", "CPU", "peak", "bytes an instance beyond the first"))
    first, value, cpu_s, why = None, None, None, ""
    for count in bench.counts():
        folder = bench.folder("memory", "matrix-%d" % count)
        filled.write_matrix(folder, count)
        runs, why = measure(bench, folder, ["plan", "bench.json"], "^0 known, %d to run, 0 waiting" % count)
        if not runs:
            break
        peak, cpu_s = median(runs, "peak_bytes"), median(runs, "cpu_s")
        first = first or (count, peak)
        value = (peak - first[1]) / (count - first[0]) if count > first[0] else None
        bench.report.say("%14d %10s %10s %10s   %s" % (count, seconds(median(runs, "wall_s")), seconds(cpu_s), size(peak),
                                                       "-" if value is None else "%.0f" % value))
    bench.report.goal("memory: KiB an instance, %d instances" % count, None if why else value / 1024, 1.0, why)
    bench.report.goal("plan of %d instances: CPU s" % count, None if why else cpu_s, 5.0, why)


def measure_words(bench):
    bench.report.title("check: one command of many words")
    times, why = [], ""
    for count in WORDS:
        folder = bench.folder("memory", "words-%d" % count)
        os.makedirs(folder)
        graphs.write(os.path.join(folder, "bench.json"), json.dumps(
            {"retort": 1, "name": "bench", "params": {"words": ["w%d" % i for i in range(count)]},
             "stages": {"s": {"cmd": ["echo", "${params.words}"]}}}))
        runs, why = measure(bench, folder, ["check", "bench.json"], "sound: 1 stage")
        if runs:
            times.append(median(runs, "cpu_s"))
            bench.report.say("%14d words %10s CPU" % (count, seconds(times[-1])))
    bench.report.goal("check, %d words / %d words: CPU" % WORDS[::-1], None if why else times[1] / times[0],
                      WORDS[1] / WORDS[0] * 1.2, why)


def measure_limits(bench):
    """A file of 100,000 stages that is 63 MiB long must be taken."""
    bench.report.title("check: a file of %d stages, %s" % (FILE_STAGES, size(FILE_BYTES)))
    folder = bench.folder("memory", "limits")
    graph = graphs.tree(FILE_STAGES)
    graphs.lay_out(graph, folder, "retort")
    path = os.path.join(folder, "bench.json")
    with open(path) as f:
        text = f.read()
    graphs.write(path, text.rstrip() + " " * (FILE_BYTES - len(text)))
    try:
        runs, why = measure(bench, folder, ["check", "bench.json"], "sound: %d stages" % FILE_STAGES)
    except Wrong as e:
        runs, why = None, str(e).splitlines()[1][:120]
    bench.report.goal("check, %d stages: CPU s" % FILE_STAGES, median(runs, "cpu_s") if runs else None, bench.limit_s, why)


def run(bench):
    measure_plans(bench)
    measure_words(bench)
    measure_limits(bench)

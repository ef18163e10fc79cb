"""Start-up: --version, and a plan of three stages."""
import graphs
from timing import Contender, alternate, median

TIMES = 10  # as many rounds as elsewhere: each is milliseconds


def run(bench):
    graph = graphs.chain(3)
    folders = {name: bench.folder("startup", name) for name in ("retort", "ninja", "samu")}
    for name, folder in folders.items():
        graphs.lay_out(graph, folder, name)
    for title, ours, theirs, expect in (
            ("--version", ["--version"], ["--version"], ("^retort ", r"^\d+\.\d+")),
            ("plan of three stages, beside ninja -n", ["plan", "bench.json"], ["-n"], ("1 to run, 2 waiting", r"^\[3/3\] "))):
        contenders = [Contender("retort", folders["retort"], [bench.tools["retort"], *ours], expect[0])]
        contenders += [Contender(name, folders[name], [bench.tools[name], *theirs], expect[1])
                       for name in ("ninja", "samu") if bench.has(name)]
        bench.report.title("Start-up: %s" % title)
        samples = alternate(bench.timer, contenders, bench.rounds * TIMES)
        bench.report.table(samples)
        bench.report.goal("start-up, %s: wall ms" % title.split(",")[0], median(samples["retort"], "wall_s") * 1e3, 5.0)

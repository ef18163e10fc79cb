"""Prints tables of times and ratios, and whether each goal is met."""
import time

from bounds import bound_of
from timing import median, ratio


def seconds(value):
    """Three digits and a unit."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            break
    value /= size
    return "%.*f %s" % (0 if value >= 100 else 1 if value >= 10 else 2, value, unit)


def size(value):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return "%.*f %s" % (0 if unit == "B" or value >= 100 else 1, value, unit)
        value /= 1024


class Report:
    def __init__(self):
        self.goals = []
        self.began_s = time.monotonic()

    def say(self, text):
        print(text, flush=True)

    def title(self, text):
        self.say("\n" + text)

    def table(self, samples, count=1, of=""):
        """Medians, a `count`th each (`of`: "a stage"), and Retort's ratio to each peer. The first one is Retort."""
        ours = next(iter(samples))
        self.say("%-24s %10s %10s   %s" % (of, "wall", "CPU", "%s / this: wall, CPU" % ours))
        for name, runs in samples.items():
            line = "  %-22s %10s %10s" % (name, *(seconds(median(runs, f) / count) for f in ("wall_s", "cpu_s")))
            if name != ours:
                line += "   %8.2f %8.2f" % tuple(ratio(samples, ours, name, f) for f in ("wall_s", "cpu_s"))
            self.say(line)

    def goal(self, text, value, limit, why=""):
        """At most `limit` is asked for. `value` None: it could not be measured, for which `why` may give the reason. A
        missed goal names its bound."""
        verdict = ("MISSED" if why else "not measured") if value is None else "met" if value <= limit else "MISSED"
        line = "%-58s %10s, at most %8.2f: %s" % (text, "-" if value is None else "%.2f" % value, limit, verdict)
        why = why or (bound_of(text) if verdict == "MISSED" else "")
        self.goals.append(line + (" (%s)" % why if why else ""))
        self.say("  goal: " + self.goals[-1])

    def goal_ratio(self, text, samples, ours, theirs, field, limit):
        """Ours is to take at most `limit` times as much as theirs, which may be missing."""
        known = ours in samples and theirs in samples
        self.goal(text, ratio(samples, ours, theirs, field) if known else None, limit)

    def close(self):
        self.title("Goals (%.0f s in all)" % (time.monotonic() - self.began_s))
        for line in self.goals:
            self.say("  " + line)

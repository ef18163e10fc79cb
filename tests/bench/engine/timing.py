"""Runs commands and measures them: wall time, and CPU time, peak memory and bytes of the whole process tree."""
import collections
import os
import re
import signal
import statistics
import subprocess

Sample = collections.namedtuple("Sample", "wall_s cpu_s peak_bytes read_bytes written_bytes output")


class Wrong(Exception):
    """A command did not do what is measured."""


class TooLong(Exception):
    """A command was still running at its time limit."""


def environment():
    """The caller's, without what would direct Retort, or a make below `make bench-engine`, elsewhere."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("RETORT", "MAKE", "MFLAGS"))}


class Timer:
    def __init__(self, program, folder):
        self.program = program
        self.folder = folder

    def run(self, command, folder, stdin=None, limit_s=None):
        """Runs to the end. The status must be 0."""
        figures, output = (os.path.join(self.folder, name) for name in ("figures", "output"))
        with open(output, "wb") as o, open(stdin or os.devnull, "rb") as i:
            process = subprocess.Popen([self.program, figures, *command], cwd=folder, stdin=i, stdout=o, stderr=o,
                                       env=environment(), start_new_session=True)
            try:
                process.wait(limit_s)
            except BaseException as e:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if not isinstance(e, subprocess.TimeoutExpired):
                    raise
                raise TooLong("%s: not done after %g s" % (" ".join(command[:3]), limit_s)) from None
        with open(output, errors="replace") as f:
            text = f.read()
        with open(figures) as f:
            status, *values = [int(word) for word in f.read().split()] or [process.returncode]
        if status:
            raise Wrong("%s: status %d\n%s" % (" ".join(command), status, text[-2000:]))
        wall_ns, cpu_us, peak_kib, read, written = values
        return Sample(wall_ns * 1e-9, cpu_us * 1e-6, peak_kib * 1024, read, written, text)


class Contender:
    """A program that does the work in a folder of its own. `expect`: a pattern that its output must hold. `prepare(round)`
    and `check()` run before and after each measured run. One that takes longer than `limit_s` is killed: TooLong."""

    def __init__(self, name, folder, command, expect="", stdin=None, prepare=None, check=None, limit_s=None):
        self.name, self.folder, self.command, self.expect, self.stdin = name, folder, command, expect, stdin
        self.prepare, self.check, self.limit_s = prepare, check, limit_s

    def measure(self, timer, number):
        if self.prepare:
            self.prepare(number)
            os.sync()  # nobody pays for what another left to be written
        sample = timer.run(self.command, self.folder, self.stdin, self.limit_s)
        if not re.search(self.expect, sample.output, re.M):
            raise Wrong("%s: %s not in its output:\n%s" % (self.name, self.expect, sample.output[-2000:]))
        if self.check:
            self.check()
        return sample


def alternate(timer, contenders, rounds):
    """Measures A B C A B C ...; {name: [Sample of each round]}."""
    samples = {c.name: [] for c in contenders}
    for number in range(rounds):
        for c in contenders:
            samples[c.name].append(c.measure(timer, number))
    return samples


def median(samples, field):
    return statistics.median(getattr(s, field) for s in samples)


def ratio(samples, ours, theirs, field):
    """The median over the rounds of ours / theirs within one round: what disturbs the machine for longer disturbs both."""
    return statistics.median(getattr(a, field) / getattr(b, field) for a, b in zip(samples[ours], samples[theirs]))

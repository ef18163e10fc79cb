#!/usr/bin/env python3
"""Runs the six-stage study while the clock jumps by hours, forward and back, each time that a program reads it.
The machine sleeps now and then (clocklib.c).

  clock.py [--rounds 1] [--seed N]

The study is killed at random and run again. It ends with the records and results of an undisturbed run. No record or run
ends before it began, and no duration or energy is negative. Runs are listed in their order. The time that the machine slept
makes no stage late.
"""
import argparse
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from study import Place, Wrong, check_gone, check_mended, undisturbed

KILLS = 3
LATE = {"retort": 1, "name": "late", "stages": {"slow": {
    "matrix": {"n": list(range(8))}, "timeout": "5m", "outs": {"o": "o"},
    "cmd": ["sh", "-c", "sleep 0.3; echo \"$1\" >\"$2\"", "sh", "${matrix.n}", "${outs.o}"]}}}


def negative(value, path=""):
    """The paths of the negative durations and energies in a JSON value."""
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in negative(v, path + "/" + k)]
    if isinstance(value, list):
        return [p for k, v in enumerate(value) for p in negative(v, path + "/%d" % k)]
    measured = path.endswith(("_s", "_ns", "_ms", "_j", "_w"))
    return [path] if measured and isinstance(value, (int, float)) and value < 0 else []


def check_times(store):
    """Checks the times of every record and run of a store."""
    for path in glob.glob(store + "/actions/*.jsonl"):
        for line in open(path):
            record = json.loads(line[line.index("{"):]) if line.endswith("\n") else {}
            made = record.get("provenance", {})
            if record and not made["start"] <= made["end"]:
                raise Wrong("%s ended before it began: %s" % (record["stage"], made))
            if negative(record):
                raise Wrong("%s: negative %s" % (record["stage"], negative(record)))
    for path in glob.glob(store + "/runs/*.json") + glob.glob(store + "/attempts/*.json"):
        run = json.load(open(path))
        if "ended" in run and run["ended"] < run["began"]:
            raise Wrong("%s ended before it began: %s, %s" % (path, run["began"], run["ended"]))
        if negative(run):
            raise Wrong("%s: negative %s" % (path, negative(run)))


class Clocks:
    def __init__(self, programs, place, generator):
        self.programs, self.place, self.generator = programs, place, generator
        self.runs = []  # in their order
        self.set_clock()

    def set_clock(self):
        library = os.path.join(self.programs, "tests/fault/clocklib.so")
        self.place.extra = {"LD_PRELOAD": library, "RETORT_CLOCK": str(self.generator.randrange(1 << 32))}

    def note_run(self):
        """Adds the run that appeared since the last call to the list."""
        found = {os.path.basename(p)[:-5] for p in glob.glob(self.place.store + "/runs/*.json")}
        self.runs += sorted(found - set(self.runs))

    def killed(self):
        process = self.place.start()
        time.sleep(self.generator.uniform(0.02, 0.4))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        check_gone(self.place)
        self.note_run()
        self.set_clock()

    def check(self, right):
        for _ in range(KILLS):
            self.killed()
        check_mended(self.place, right)
        self.note_run()
        check_times(self.place.store)
        said = subprocess.run([os.path.join(self.programs, "retort"), "runs", "--json", "--store", self.place.store],
                              capture_output=True, text=True, check=True).stdout
        listed = [run["run"] for run in json.loads(said)]
        if listed != self.runs[::-1]:
            raise Wrong("runs are not listed in their order: %s, not %s" % (listed, self.runs[::-1]))

    def check_late(self):
        """Runs a stage of a second with a timeout of minutes, on a machine that sleeps for hours."""
        with open(self.place.file("late.json"), "w") as out:
            json.dump(LATE, out)
        command = [os.path.join(self.programs, "retort"), "run", "late.json", "--store", self.place.store]
        environment = dict(os.environ, **self.place.extra)
        done = subprocess.run(command, cwd=self.place.path, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise Wrong("exit status %d: %s" % (done.returncode, done.stdout + done.stderr))
        check_times(self.place.store)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("BUILD", "build/release"))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", 1)))
    arguments = parser.parse_args()
    programs, scratch = os.path.abspath(arguments.build), tempfile.mkdtemp(prefix="retort-clock-")
    generator = random.Random(arguments.seed)
    print("# seed %d" % arguments.seed)
    right = undisturbed(programs, os.path.join(scratch, "undisturbed"))
    failures = number = 0
    for round_ in range(arguments.rounds):
        clocks = Clocks(programs, Place(programs, os.path.join(scratch, str(round_))), generator)
        for name, check in (("clocks that jump, %d kills" % KILLS, lambda: clocks.check(right)),
                            ("timeouts while the machine sleeps", clocks.check_late)):
            number += 1
            try:
                check()
                print("ok %d - %s" % (number, name), flush=True)
            except Wrong as wrong:
                failures += 1
                print("not ok %d - %s: %s" % (number, name, wrong), flush=True)
    print("1..%d" % number)
    if not failures:
        shutil.rmtree(scratch)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Runs gc with one fault after another, and checks what must always hold. Its options are those of sweep.py.

The store holds two runs of the six-stage study that share some stages, and a third whose engine was killed. A gc keeps the
second and the third. After a gc with a fault:

  - It was killed, or ended with 0, or ended with 3 and a message that names the refused call and a path.
  - fsck finds nothing wrong, so no record lacks its objects.
  - No stage of the kept run is executed again, and its results are right.
  - For half of the cases the dropped run is executed again, with right results.
  - For the other half the next gc ends as an undisturbed one does.
  - For a tenth an engine executed a stage beside it: the engine still has its work and its claim, and ends well.
"""
import glob
import json
import os
import shutil
import sys
import time
import zlib

from study import LIMIT_S, NO_FAULT, Place, Wrong, check_gone, sanitizer, undisturbed
from sweep import CHANGED, FAULTS, Sweep, check_message, main

KILLED_AT = 150  # of some 300 calls of the run that leaves something behind
GC = ("gc", "--grace", "0s", "--keep-runs", "1")


class Beside:
    """An engine with a stage that waits for a file."""

    def __init__(self, programs, path, store):
        self.place = Place(programs, path, store)
        self.place.extra["RETORT_ISOLATION"] = "off"  # its stage waits for a file of the test
        self.go = self.place.file("go")
        command = ["sh", "-c", "until [ -e \"$1\" ]; do sleep 0.02; done; echo well >out.txt", "sh", self.go]
        study = {"retort": 1, "name": "beside", "stages": {"wait": {"cmd": command, "outs": {"out": "out.txt"}}}}
        with open(self.place.file("beside.json"), "w") as out:
            json.dump(study, out)
        before, self.runs = self.held(), self.run_files()
        self.process = self.place.start(command=("run", "beside.json", "--progress", "json"))
        end = time.monotonic() + LIMIT_S
        while {os.path.basename(os.path.dirname(path)) for path in self.held() - before} != {"work", "claims"}:
            if self.process.poll() is not None or time.monotonic() > end:
                self.end()
                raise Wrong("the engine beside did not start: " + self.place.said()[1])
            time.sleep(0.02)
        self.own = self.held() - before

    def held(self):
        return {path for folder in ("work", "claims") for path in glob.glob("%s/%s/*" % (self.place.store, folder))}

    def run_files(self):
        return set(glob.glob(self.place.store + "/runs/*"))

    def check(self):
        """Checks that its work and claim are there, and that it ends well."""
        lost = self.own - self.held()
        if lost:
            raise Wrong("taken from the engine beside: " + " ".join(sorted(lost)))
        open(self.go, "w").close()
        if self.process.wait(LIMIT_S) != 0:
            raise Wrong("the engine beside: exit status %d: %s" % (self.process.returncode, self.place.said()[1]))

    def end(self):
        """Removes its run, which a later gc would count."""
        open(self.go, "w").close()
        self.process.kill()
        self.process.wait()
        check_gone(self.place)
        for path in self.run_files() - self.runs:
            os.remove(path)
        shutil.rmtree(self.place.path)


class Collection(Sweep):
    actions = FAULTS
    libraries = []
    command = GC

    def __init__(self, programs, scratch):
        self.programs, self.scratch = programs, scratch
        if sanitizer(programs):
            self.actions = [a for a in self.actions if a != "memory"]
        self.old = undisturbed(programs, os.path.join(scratch, "undisturbed"))
        self.kept = undisturbed(programs, os.path.join(scratch, "changed"), CHANGED)
        self.store = self.make_store()
        place = self.place("right")
        self.collect(place)
        self.right = stands(place)
        left = [path for path in place.left() if "/claims/" not in path and "/checkpoints/" not in path]
        if left:  # claims and checkpoints of unfinished work stay
            raise Wrong("left behind by an undisturbed gc: " + " ".join(left))
        self.counts = {action: self.count(action) for action in self.actions}
        self.actions = [action for action in self.actions if self.counts[action] > 0]  # gc makes no process

    def make_store(self):
        place = Place(self.programs, os.path.join(self.scratch, "store"))
        for options in ((), CHANGED):
            if place.run(options=options)[0] != 0:
                raise Wrong("the store could not be made")
        if place.run("kill:%d" % KILLED_AT, ("--set", "params.lines=99"))[0] != -9:
            raise Wrong("the third run was not killed")
        newest = max(glob.glob(place.store + "/runs/*.json"))
        if "exit" in json.load(open(newest)):
            raise Wrong("the third run had ended before it was killed")
        check_gone(place)
        os.remove(place.log)
        return place.store

    def place(self, name):
        """Copies the store to a path of its own."""
        place = Place(self.programs, os.path.join(self.scratch, name))
        shutil.copytree(self.store, place.store)
        return place

    def collect(self, place, fault=None):
        status, _, message = place.run(fault, command=self.command)
        if fault is None and status != 0:
            raise Wrong("%s ended with %d: %s" % (self.command[0], status, message))
        return status, message

    def count(self, action):
        place = self.place("count-" + action)
        self.collect(place, action + ":0")
        return place.calls()

    def check_hits(self):
        return 0  # each case is held to it: the calls are the same each time, but beside an engine

    def beside(self, case):
        return zlib.crc32(case.encode()) // 2 % 10 == 0

    def check(self, case):
        """Returns None, or a text that says what is wrong."""
        place = self.place(case.replace("+", "p").replace(":", "-"))
        try:
            self.check_case(case, place)
            if place.fault_line() == NO_FAULT and not self.beside(case):
                raise Wrong("the call is counted, and was not hit")
        except Wrong as wrong:
            return "after %s: %s" % (place.fault_line(), wrong)
        shutil.rmtree(place.path)
        return None

    def collect_beside(self, case, place):
        """Runs gc with the fault, for a tenth of the cases beside an engine."""
        if not self.beside(case):
            return self.collect(place, case)
        beside = Beside(self.programs, place.path + "-beside", place.store)
        try:
            ended = self.collect(place, case)
            beside.check()
        finally:
            beside.end()
        return ended

    def check_case(self, case, place):
        action = case.split(":")[0]
        status, message = self.collect_beside(case, place)
        if status not in ((-9, 0) if action == "kill" else (0, 3)):
            raise Wrong("exit status %d: %s" % (status, message))
        if status == 3:
            check_message(case, place, message)
        place.fsck()
        check_known(place, self.kept)
        if zlib.crc32(case.encode()) % 2:
            status, _, message = place.run()
            if status != 0 or place.results() != self.old[1]:
                raise Wrong("what was dropped is not made again: exit status %d: %s" % (status, message))
        else:
            self.collect(place)
            if stands(place) != self.right:
                raise Wrong("the next gc ends otherwise: %s" % sorted(stands(place) ^ self.right))
        place.fsck()


def check_known(place, kept):
    """Checks that a run executes nothing. Removes that run, which a later gc would count."""
    before = set(os.listdir(place.store + "/runs"))
    status, events, message = place.run(options=CHANGED)
    for name in set(os.listdir(place.store + "/runs")) - before:
        os.remove(place.store + "/runs/" + name)
    started = [e["stage"] for e in events if e.get("state") == "started"]
    if status != 0 or started or place.results() != kept[1]:
        raise Wrong("what is kept is not known: exit status %d, executed %s: %s" % (status, started, message))


def stands(place):
    """All that a store holds, except its index and the segments that its records are in."""
    found = {("record",) + record for record in place.records()}
    for folder, _, names in os.walk(place.store):
        where = os.path.relpath(folder, place.store)
        if where not in ("actions", "."):
            found |= {("file", os.path.join(where, name)) for name in names if name != ".gc"}
    return found


if __name__ == "__main__":
    sys.exit(main(Collection, __doc__))

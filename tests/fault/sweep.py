#!/usr/bin/env python3
"""Runs the six-stage study with one fault after another, and checks what must always hold.

  sweep.py --seconds 30 [--seed N]     an allocation of each library, and random cases, each a line of TAP
  sweep.py --cases 100 [--seed N]      100 random cases, however long they take
  sweep.py --shard 2/8 --done FILE     every eighth of all cases; FILE holds those that passed, which are skipped
  sweep.py --case EIO:17+              that one; --case memory:2@libuv.so

A case is ACTION:N or ACTION:N+ as faultlib.c takes it. retort-keeper/ACTION:N hits every keeper, retort-stage/ACTION:N
every built-in kind, in place of the engine. After the run with the fault come a run without one, and an fsck:

  - No process is left two seconds after a kill. A run that was not killed ended with 0 and the right results, or with 1 or
    3 and a message that names the refused call and a path.
  - Every record holds what an undisturbed run recorded.
  - The second run ends well, with the same records (one for each key) and results. It executes no stage that the first
    run had reported as finished.
  - fsck finds nothing wrong. No work, temporary file, checkpoint or claim is left.

A counted call may be absent in another run. The last line says how many faults hit nothing, and more than a tenth fails.
If the fault hit the publishing of results, the second run is of a changed study, and a third is of the first study again.
"""
import argparse
import os
import random
import re
import shutil
import sys
import tempfile
import time
import zlib

from study import NO_FAULT, Place, Wrong, check_gone, check_mended, sanitizer, undisturbed

FAULTS = ["kill", "EIO", "look", "ENOSPC", "EMFILE", "ENOMEM", "EAGAIN", "short", "memory"]
NOT_OF_KINDS = ("look", "EAGAIN")  # the study's looks at no file and makes no thread
ACTIONS = (FAULTS + ["retort-keeper/" + fault for fault in FAULTS] +
           ["retort-stage/" + fault for fault in FAULTS if fault not in NOT_OF_KINDS])
MESSAGES = {
    "EIO": "input/output error",
    "look": "input/output error",
    "ENOSPC": "no space left",
    "EMFILE": "too many open files",
    "ENOMEM": "cannot allocate memory",
    "EAGAIN": "resource temporarily unavailable",
    "memory": "out of memory",
}
ELSEWHERE = ["out of memory", "disk i/o error", "unable to open database", "unable to open a temporary database", "disk is full",
             "readonly database"]  # the libraries' own words
TWO_NAMES = ("link", "linkat", "rename", "renameat", "renameat2")  # the message may name either
NOT_ITS_OWN = ("/proc/", "/sys/", "/dev/null")  # questions of the engine to the system: the message names their purpose
NO_PATH = ("a pipe cannot be made", "a keeper cannot be connected")  # if later calls are refused too
CHANGED = ("--set", "params.steps=5")
ALONE = ("run", "six.json", "-j", "1", "--progress", "json")  # one keeper has all attempts, and makes the same calls each time
LIBRARIES = ["retort", "libsqlite3.so", "libcjson.so", "libuv.so", "libgit2.so"]  # each allocates in its own way
FEW_MISSED = 5
MEMORY_STRIDE = 23  # of some 20000 allocations the full sweep takes one in so many
DRAWS = 5  # the last allocations of a run that was counted may not come in another
FEW_ALLOCATIONS = 100  # of a library that has no more it takes each


def names_place(place, message, refused):
    """Whether the message holds a path of this study or of its programs, a folder above them, a file of the system, or the
    end of the path that was refused, as of an out in its stage's directory."""
    homes = (place.path, place.programs, "/proc", "/etc")
    named = re.findall(r"(?<![^\s(])/[^\s:;,]+", message)
    files = re.findall(r"(?<![^\s(])[\w.][^\s:;,]*", message)
    return (any((home + "/").startswith(path.rstrip("/") + "/") or path.startswith(home + "/")
                for path in named for home in homes)
            or any(os.path.isfile(os.path.join(place.project, name)) or refused.endswith("/" + name) for name in files))


def check_message(case, place, message):
    """Checks that the message names the refused call, and its path or folder where only one call failed and it had a path."""
    action, line = case.split(":")[0], place.fault_line()
    parts = line.split(" ", 3)
    call, path = (parts[2], parts[3].strip()) if len(parts) > 3 else ("", "")
    said = message.lower()
    library = any(text in said for text in ELSEWHERE)
    words = [MESSAGES.get(action, "")]
    if action == "memory":  # for a call of the C library that allocates
        words.append(MESSAGES["ENOMEM"])
    if not library and not any(text in said for text in words):
        raise Wrong("its message does not say what was refused: %s" % message)
    if not path or path.startswith("pipe:") or action == "memory":
        return
    if action == "EAGAIN" and case.endswith("+"):  # the next refused call may make a thread, which has no path
        return
    if case.endswith("+") and any(text in said for text in NO_PATH):
        return
    if not names_place(place, message, path):
        raise Wrong("its message names no path of the study's, nor of the system's: %s" % message)
    if case.endswith("+") or library or call in TWO_NAMES or path.startswith(NOT_ITS_OWN):
        return
    if not any(text in message for text in (path, os.path.dirname(path), os.path.relpath(path, place.project))):
        raise Wrong("its message names another path than %s: %s" % (path, message))


def check_end(case, place, right, status, message):
    action = case.split(":")[0]
    keeper = "/" in action
    allowed = (-9, 0) if action == "kill" else (0, 1, 3)
    if status not in allowed:
        raise Wrong("exit status %d: %s" % (status, message))
    if status > 0 and keeper and ": " not in message:
        raise Wrong("its message gives no reason: %s" % message)
    if status > 0 and not keeper:
        check_message(case, place, message)
    if status == 0 and (place.records(), place.results()) != right:
        raise Wrong("exit status 0 and wrong results: %s" % message)


def check_published(place, right, changed):
    """A run that failed while it published leaves no file that a changed study takes for a file of the user's."""
    for options, results in ((CHANGED, changed[1]), ((), right[1])):
        status, _, message = place.run(options=options)
        if status != 0:
            raise Wrong("the next run ended with %d: %s" % (status, message))
        if place.results() != results:
            raise Wrong("wrong results")
        if place.unpublished():
            raise Wrong("left behind: " + " ".join(place.unpublished()))
    place.fsck()


def command(action):
    return {"command": ALONE} if action.startswith("retort-keeper/") else {}


def check_case(case, place, right, changed):
    status, events, message = place.run(case, **command(case))
    check_gone(place)
    check_end(case, place, right, status, message)
    wrong = [r for r in place.records() if r not in right[0]]
    if wrong:
        raise Wrong("a wrong record: %s" % wrong)
    if "/results/" in place.fault_line():
        return check_published(place, right, changed)
    check_mended(place, right, {e["stage"] for e in events if e.get("state") == "finished"})


class Sweep:
    actions = ACTIONS
    libraries = LIBRARIES  # of which a sample lets an allocation fail

    def __init__(self, programs, scratch):
        self.programs, self.scratch = programs, scratch
        if sanitizer(programs):  # the sanitizer has its own malloc
            self.libraries, self.actions = [], [a for a in self.actions if not a.endswith("memory")]
        self.right = undisturbed(programs, os.path.join(scratch, "undisturbed"))
        self.changed = undisturbed(programs, os.path.join(scratch, "changed"), CHANGED)
        self.cases = self.missed = 0
        self.counts = {action: self.count(action) for action in self.actions}
        never = [action for action in self.actions if self.counts[action] == 0]
        if never:
            raise Wrong("nothing is counted for " + ", ".join(never))

    def count(self, action):
        place = Place(self.programs, os.path.join(self.scratch, "count-" + action.replace("/", "-")))
        place.run(action + ":0", **command(action))
        return place.calls()

    def check(self, case, library=""):
        """Returns None, or a text that says what is wrong. It is also wrong when the fault hit another library."""
        name = case.replace("+", "p").replace(":", "-").replace("/", "-")
        place = Place(self.programs, os.path.join(self.scratch, name))
        try:
            check_case(case, place, self.right, self.changed)
        except Wrong as wrong:
            return "after %s: %s" % (place.fault_line(), wrong)
        self.cases += 1
        line = place.fault_line()
        shutil.rmtree(place.path)
        self.missed += line == NO_FAULT
        if not library or line.split(" ")[-1].startswith(library):
            return None
        return line if line == NO_FAULT else "another library was hit: " + line

    def check_hits(self):
        """Prints how many cases hit nothing, and returns 1 when they are too many. A run polls and has threads, so the last
        calls of one run may be absent in another. Of few cases a larger share may miss."""
        print("# %d of %d cases hit nothing" % (self.missed, self.cases), flush=True)
        return int(self.missed > max(FEW_MISSED, self.cases // 10))

    def allocations(self, library):
        with open(os.path.join(self.scratch, "count-memory", "fault.log")) as log:
            return sum(line.startswith("allocation") and line.split()[2].startswith(library) for line in log)

    def check_library(self, generator, library):
        """Fails one of the library's allocations."""
        count = self.allocations(library)
        if count == 0:
            return "it allocates nothing"
        for _ in range(DRAWS):
            case = "memory:%d@%s" % (generator.randint(1, count), library)
            wrong = self.check(case, library)
            if wrong != NO_FAULT:
                break
        return wrong and "%s: %s" % (case, wrong)

    def all_cases(self):
        for action in self.actions:
            for n in range(1, self.counts[action] + 1, MEMORY_STRIDE if action.endswith("memory") else 1):
                yield "%s:%d" % (action, n)
                if not action.endswith("kill"):
                    yield "%s:%d+" % (action, n)
        for library, count in [(library, self.allocations(library)) for library in self.libraries]:
            if count <= FEW_ALLOCATIONS:
                yield from ("memory:%d@%s" % (n, library) for n in range(1, count + 1))

    def random_case(self, generator, action):
        n = generator.randint(1, self.counts[action])
        return "%s:%d%s" % (action, n, generator.choice(["", "+"]) if not action.endswith("kill") else "")


def run_sample(sweep, seed, cases):
    generator = random.Random(seed)
    print("# seed %d; calls: %s" % (seed, sweep.counts))
    number = failures = 0
    for library in sweep.libraries:
        wrong = sweep.check_library(generator, library)
        number += 1
        failures += wrong is not None
        print("%s %d - memory for %s%s" % ("not ok" if wrong else "ok", number, library, ": " + wrong if wrong else ""),
              flush=True)
    while number < cases:
        action = sweep.actions[number // 2 % len(sweep.actions)] if number % 2 else "kill"
        case = sweep.random_case(generator, action)
        wrong = sweep.check(case)
        number += 1
        failures += wrong is not None
        print("%s %d - %s%s" % ("not ok" if wrong else "ok", number, case, ": " + wrong if wrong else ""), flush=True)
    print("1..%d" % number)
    return failures


def run_shard(sweep, shard, done_path):
    index, count = (int(x) for x in shard.split("/"))
    done = set(open(done_path).read().split()) if os.path.exists(done_path) else set()
    cases = [c for c in sweep.all_cases() if zlib.crc32(c.encode()) % count == index % count]
    print("# shard %s: %d cases, %d done before" % (shard, len(cases), sum(c in done for c in cases)), flush=True)
    began, failures = time.monotonic(), 0
    with open(done_path, "a") as out:
        for case in cases:
            if case in done:
                continue
            wrong = sweep.check(case)
            if wrong:
                failures += 1
                print("not ok - %s: %s" % (case, wrong), flush=True)
            else:
                print(case, file=out, flush=True)
    print("# shard %s: %d failures in %.0f s" % (shard, failures, time.monotonic() - began))
    return failures


def main(kind=Sweep, description=__doc__):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("BUILD", "build/release"))
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", 1)))
    parser.add_argument("--shard")
    parser.add_argument("--done")
    parser.add_argument("--case")
    arguments = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix="retort-sweep-")
    sweep = kind(os.path.abspath(arguments.build), scratch)
    if arguments.case:
        wrong = sweep.check(arguments.case)
        print(wrong or "well", "(%s)" % scratch if wrong else "")
        failures = wrong is not None
    elif arguments.shard:
        failures = run_shard(sweep, arguments.shard, arguments.done) + sweep.check_hits()
    else:
        failures = run_sample(sweep, arguments.seed, arguments.cases) + sweep.check_hits()
    if not failures:
        shutil.rmtree(scratch)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

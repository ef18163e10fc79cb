#!/usr/bin/env python3
"""Kills an engine and all its keepers at once, as `pkill -9 retort` does, while long stages run.

  keepers.py [--rounds 3] [--seed N]      each round a line of TAP

Each stage has its own process, one in the background, and a daemon in a session of its own. All programs of Retort are
stopped first, so that none of them sees another die, and then killed in a random order. No process of the place is left
after two seconds. The next run ends well, and leaves no work in the store.
"""
import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time

from study import Place, Wrong, check_gone, processes

LIMIT_S = 60


def comm(pid):
    return open("/proc/%s/comm" % pid).read().strip()


def ours(place):
    """The process ids of the engine, the keepers, and every other program of Retort that runs there."""
    found = []
    for line in processes(place.path):
        pid = int(line.split(" ")[0])
        try:
            if comm(pid).startswith("retort"):
                found.append(pid)
        except OSError:
            pass
    return found


def write_pipeline(place):
    """A file that is no input says whether the stages take long, so that their keys stay."""
    script = ("[ -e %(at)s/go ] || { sleep 1007 & setsid sh -c 'sleep 1008 & exec sleep 1009' & echo $1 >>%(at)s/begun; "
              "exec sleep 1010; }; echo stage $1 >o" % {"at": place.path})
    pipeline = {"retort": 1, "name": "long", "stages": {
        "long": {"matrix": {"n": [1, 2]}, "cmd": ["sh", "-c", script, "sh", "${matrix.n}"], "outs": {"o": "o"}}}}
    with open(place.file("long.json"), "w") as out:
        json.dump(pipeline, out)


def await_begun(place):
    end = time.monotonic() + LIMIT_S
    while not os.path.exists(place.file("begun")) or len(open(place.file("begun")).readlines()) < 2:
        if time.monotonic() > end:
            raise Wrong("the stages did not begin within %d s" % LIMIT_S)
        time.sleep(0.05)


def kill_all(place, generator):
    stopped = set()
    while set(ours(place)) - stopped:  # the next round finds a keeper that is just starting
        for pid in set(ours(place)) - stopped:
            stopped.add(pid)
            try:
                os.kill(pid, signal.SIGSTOP)
            except ProcessLookupError:
                pass
    order = sorted(stopped)
    generator.shuffle(order)
    for pid in order:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def check(place, generator):
    command = ("run", "long.json", "-j", "2", "--progress", "json")
    write_pipeline(place)
    process = place.start(command=command)
    try:
        await_begun(place)
        time.sleep(generator.uniform(0, 0.3))
    finally:
        kill_all(place, generator)
        process.wait()
    check_gone(place)
    open(place.file("go"), "w").close()
    status, _, message = place.run(command=command)
    if status != 0:
        raise Wrong("the next run ended with %d: %s" % (status, message))
    place.fsck()
    if place.left():
        raise Wrong("left behind: " + " ".join(place.left()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("BUILD", "build/release"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", 1)))
    arguments = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix="retort-keepers-")
    generator = random.Random(arguments.seed)
    print("# seed %d" % arguments.seed)
    failures = 0
    for number in range(1, arguments.rounds + 1):
        place = Place(os.path.abspath(arguments.build), os.path.join(scratch, str(number)))
        place.extra["RETORT_ISOLATION"] = "off"  # its stages write where the test waits
        try:
            check(place, generator)
            print("ok %d - engine and keepers killed at once" % number, flush=True)
        except Wrong as wrong:
            failures += 1
            print("not ok %d - engine and keepers killed at once: %s" % (number, wrong), flush=True)
            for line in processes(place.path):  # they would run for a quarter of an hour
                os.kill(int(line.split(" ")[0]), signal.SIGKILL)
        shutil.rmtree(place.path, ignore_errors=True)
    print("1..%d" % arguments.rounds)
    shutil.rmtree(scratch)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

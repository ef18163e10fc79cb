#!/usr/bin/env python3
"""Runs the six-stage study with its store on a file system that is too small. The run stops and says so, and the next run
goes on when there is room.

  space.py [--cases 6] [--seed N]      sizes between 64 KiB and 8 MiB, each a line of TAP

Needs root, to mount a tmpfs.
"""
import argparse
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile

from study import Place, Wrong, check_gone, check_mended, undisturbed

SMALLEST_KIB, LARGEST_KIB, ENOUGH_KIB = 64, 8192, 65536
OPTIONS = ["--set", "params.lines=60000"]  # 4 MB
SAYS = ["No space left", "disk is full", "no space left", "are left on its file system"]


def mount(options, path):
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], capture_output=True, text=True)
    return done.returncode == 0


def says_so(status, events, message):
    """Checks that the engine (status 3) or each failed stage (status 1) speaks of room. A stage may have freed some since."""
    told = [message] if status == 3 else [e["detail"] for e in events if e.get("state") == "failed"]
    return bool(told) and all(any(text in one for text in SAYS) for one in told)


def check_size(place, kib, right):
    if not mount("size=%dk" % kib, place.store):
        raise Wrong("no tmpfs could be mounted")
    try:
        status, events, message = place.run(options=OPTIONS)
        check_gone(place)
        if status not in (0, 1, 3):
            raise Wrong("exit status %d: %s" % (status, message))
        if status and not says_so(status, events, message):
            raise Wrong("exit status %d, and it does not say that there is no space: %s" % (status, message))
        if status == 0 and (place.records(), place.results()) != right:
            raise Wrong("exit status 0 and wrong results")
        if not mount("remount,size=%dk" % ENOUGH_KIB, place.store):
            raise Wrong("the tmpfs could not be made larger")
        check_mended(place, right, {e["stage"] for e in events if e.get("state") == "finished"}, OPTIONS)
        return status
    finally:
        subprocess.run(["umount", place.store], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("BUILD", "build/release"))
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", 1)))
    arguments = parser.parse_args()
    programs, scratch = os.path.abspath(arguments.build), tempfile.mkdtemp(prefix="retort-space-")
    generator = random.Random(arguments.seed)
    print("# seed %d" % arguments.seed)
    trial = os.path.join(scratch, "trial")
    os.mkdir(trial)
    if not mount("size=64k", trial):
        print("ok 1 - # SKIP a small file system can be mounted only by root\n1..1")
        return 0
    subprocess.run(["umount", trial], check=True)
    right = undisturbed(programs, os.path.join(scratch, "undisturbed"), OPTIONS)
    failures = 0
    for number in range(1, arguments.cases + 1):
        kib = int(SMALLEST_KIB * math.exp(generator.random() * math.log(LARGEST_KIB / SMALLEST_KIB)))
        place = Place(programs, os.path.join(scratch, "%d-%d" % (number, kib)))
        os.mkdir(place.store)
        try:
            end = "it ends well" if check_size(place, kib, right) == 0 else "it stops, says so, and goes on"
            print("ok %d - %d KiB: %s" % (number, kib, end), flush=True)
            shutil.rmtree(place.path)
        except Wrong as wrong:
            failures += 1
            print("not ok %d - %d KiB: %s" % (number, kib, wrong), flush=True)
    print("1..%d" % arguments.cases)
    if not failures:
        shutil.rmtree(scratch)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

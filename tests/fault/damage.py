#!/usr/bin/env python3
"""Damages an object in the store of the six-stage study and runs the study again, with or without an fsck before. Half of
the damages leave the size and the times of the object as they were.

  damage.py [--cases 6] [--seed N]     each case a line of TAP

Every run ends well. It publishes the undisturbed results anew and records what an undisturbed run records. An fsck finds the
damage. After the runs and one more nothing is damaged. Only that object may be missing, and the directory that holds it,
where no run needed them.
"""
import argparse
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

from study import Place, Wrong, undisturbed

AGAIN = ("--set", "params.lines=99")  # a study of which something is known and something is not


def flip(path, generator, quietly):
    status = os.stat(path)
    data = bytearray(open(path, "rb").read())
    if data:
        data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
    else:
        data += b"x"
    os.chmod(path, 0o644)
    with open(path, "wb") as out:
        out.write(data)
    os.chmod(path, status.st_mode & 0o777)
    if quietly:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def fsck(place, what):
    """Returns the exit status of fsck, and its counts."""
    command = [os.path.join(place.programs, "retort"), "fsck", "--json", "--store", place.store]
    done = subprocess.run(command, cwd=place.path, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise Wrong("%s: fsck ended with %d: %s" % (what, done.returncode, done.stderr))
    return done.returncode, json.loads(done.stdout)


def check_found(place, what):
    """Checks that fsck finds the damage. It reads every byte, so it finds a change of the same size and times too."""
    status, counts = fsck(place, what)
    if status != 1 or counts["damaged"] != 1:
        raise Wrong("%s: fsck ended with %d and found %s" % (what, status, counts))


def check_mended(place, what):
    """fsck finds damage that no run met. Afterwards nothing is damaged. At most that object is missing, and the directory
    that holds it, because no run needed them."""
    fsck(place, what)
    status, counts = fsck(place, what)
    damage = sum(counts[name] for name in ("damaged", "bad_lines", "lost_segments", "damaged_files", "rebuilt"))
    if damage > 0 or counts["missing"] > 2 or status != (counts["missing"] > 0):
        raise Wrong("%s: the last fsck ended with %d and found %s" % (what, status, counts))


def check(place, right, changed, generator):
    status, _, message = place.run()
    if status != 0:
        raise Wrong("the first run ended with %d: %s" % (status, message))
    shutil.rmtree(place.file("results"))
    path = generator.choice(sorted(glob.glob(place.store + "/objects/[0-9a-f][0-9a-f]/*")))
    quietly = generator.choice([True, False])
    flip(path, generator, quietly)
    what = "%s%s" % (path[len(place.store) + 9:], ", quietly" if quietly else "")
    if generator.choice([True, False]):
        check_found(place, what)
    for options, results in ((AGAIN, changed[1]), ((), right[1])):
        status, _, message = place.run(options=options)
        if status != 0:
            raise Wrong("%s: exit status %d: %s" % (what, status, message))
        if place.results() != results:
            raise Wrong("%s: wrong results" % what)
    wrong = [r for r in place.records() if r not in right[0] + changed[0]]
    if wrong:
        raise Wrong("%s: wrong records: %s" % (what, wrong))
    check_mended(place, what)
    return what


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("BUILD", "build/release"))
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", 1)))
    arguments = parser.parse_args()
    programs, scratch = os.path.abspath(arguments.build), tempfile.mkdtemp(prefix="retort-damage-")
    generator = random.Random(arguments.seed)
    print("# seed %d" % arguments.seed)
    right = undisturbed(programs, os.path.join(scratch, "undisturbed"))
    changed = undisturbed(programs, os.path.join(scratch, "changed"), AGAIN)
    failures = 0
    for number in range(1, arguments.cases + 1):
        place = Place(programs, os.path.join(scratch, str(number)))
        try:
            print("ok %d - %s" % (number, check(place, right, changed, generator)), flush=True)
            shutil.rmtree(place.path)
        except Wrong as wrong:
            failures += 1
            print("not ok %d - %s" % (number, wrong), flush=True)
    print("1..%d" % arguments.cases)
    if not failures:
        shutil.rmtree(scratch)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

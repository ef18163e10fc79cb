#!/usr/bin/env python3
"""Runs several engines at once over one store, with the six-stage study, and kills them at random. Each starts again until
it ends well. Either each has a project of its own, or all share one and replace the results of another study there.

The same is done beside one gc after another, which are killed too. The store holds an earlier run of the
study and a newer run of another one. So everything that the engines look up is garbage.

  engines.py [--engines 2,8] [--rounds 1] [--seed N]      each number of engines a line of TAP

All engines end with the records and results of an undisturbed run, one record for each key. Without kills and gc every stage
is executed once.
"""
import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time

from study import Place, Wrong, check_gone, undisturbed

KILLS = 3      # kills of each engine
ROUNDS = ((0, False, False), (KILLS, False, False), (0, False, True), (KILLS, False, True), (0, True, False), (KILLS, True, True))
LIMIT_S = 120
CHANGED = ("--set", "params.steps=5")
BUSY = "try again when it is done"  # gc says it when an engine starts or ends for longer than gc waits
GC = ("gc", "--grace", "0s", "--keep-runs", "1")


class Collector:
    """Runs one gc after another, and kills some."""

    def __init__(self, place, generator):
        self.place, self.generator = place, generator
        self.process = self.start()

    def start(self):
        return self.place.start(command=GC)

    def step(self):
        status = self.process.poll()
        if status is None and self.generator.random() < 0.3:
            self.process.kill()
            self.process.wait()
        elif status is None:
            return
        elif status != 0 and not (status == 3 and BUSY in self.place.said()[1]):
            raise Wrong("gc: exit status %d: %s" % (status, self.place.said()[1]))
        self.process = self.start()

    def end(self):
        self.process.kill()
        self.process.wait()


def follow(places, generator, kills, collector):
    """Starts all engines, kills them and starts them again. Returns the events of each place's runs. At least one is killed:
    if none was when the first ended, that one starts again and is killed at once, because it may find all known."""
    left = {place: kills for place in places}
    running = {place: place.start() for place in places}
    events = {place: [] for place in places}

    def kill(place):
        left[place] -= 1
        running[place].kill()
        status = running[place].wait()
        if status not in (-signal.SIGKILL, 0):
            raise Wrong("exit status %d: %s" % (status, place.said()[1]))
        events[place] += place.said()[0]
        running[place] = place.start()

    end = time.monotonic() + LIMIT_S
    while running:
        if time.monotonic() > end:
            raise Wrong("did not end within %d s: %s" % (LIMIT_S, "; ".join(place.path for place in running)))
        time.sleep(generator.uniform(0.02, 0.25))
        if collector:
            collector.step()
        for place, process in list(running.items()):
            status = process.poll()
            if status is None and left[place] > 0 and generator.random() < 0.4:
                kill(place)
            elif status == 0:
                events[place] += place.said()[0]
                if kills > 0 and all(left[other] == kills for other in places):
                    running[place] = place.start()
                    time.sleep(generator.uniform(0, 0.01))
                    kill(place)
                else:
                    del running[place]
            elif status is not None:
                raise Wrong("exit status %d: %s" % (status, place.said()[1]))
    return events


def prepare(programs, home, store):
    """Makes a store with an old run of the study, so that all is known and garbage. Returns a place for gc."""
    place = Place(programs, os.path.join(home, "gc"), store)
    for options in ((), CHANGED):
        if place.run(options=options)[0] != 0:
            raise Wrong("the store could not be made")
    return place


def publish_other(programs, home, project):
    """Publishes the results of a changed study, from a store of its own."""
    place = Place(programs, os.path.join(home, "before"), os.path.join(home, "before-store"), project)
    if place.run(options=CHANGED)[0] != 0:
        raise Wrong("the results to be replaced could not be made: " + place.said()[1])


def check_records(places, right, keeper):
    found = places[0].records()
    if keeper:  # the next gc removes records that a killed gc wrote twice; it keeps the newest run
        if keeper.run(command=GC)[0] != 0:
            raise Wrong("the last gc failed: %s" % keeper.said()[1])
        keys = {record[0] for record in right[0]}
        found = [record for record in places[0].records() if record[0] in keys]
    if found != right[0]:
        raise Wrong("other records than undisturbed: %s" % found)


def check(places, right, generator, kills, keeper=None):
    collector = Collector(keeper, generator) if keeper else None
    try:
        events = follow(places, generator, kills, collector)
    finally:
        if collector:
            collector.end()
    for place in places:
        check_gone(place)
        if place.results() != right[1]:
            raise Wrong("other results than undisturbed")
        if place.unpublished():
            raise Wrong("left behind: " + " ".join(place.unpublished()))
    check_records(places, right, keeper)
    finished = [e["stage"] for place in places for e in events[place] if e.get("state") == "finished"]
    if len(finished) != len(set(finished)):
        raise Wrong("reported finished twice: %s" % sorted(finished))
    started = [e["stage"] for place in places for e in events[place] if e.get("state") == "started"]
    if kills == 0 and sorted(started) != sorted(finished):
        raise Wrong("executed more than once: %s" % sorted(started))
    places[0].fsck()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("BUILD", "build/release"))
    parser.add_argument("--engines", default="2,8")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", 1)))
    arguments = parser.parse_args()
    programs, scratch = os.path.abspath(arguments.build), tempfile.mkdtemp(prefix="retort-engines-")
    generator = random.Random(arguments.seed)
    print("# seed %d" % arguments.seed)
    right = undisturbed(programs, os.path.join(scratch, "undisturbed"))
    number = failures = 0
    for round_ in range(arguments.rounds):
        for count in (int(word) for word in arguments.engines.split(",")):
            for kills, collected, together in ROUNDS:
                number += 1
                name = "%d engines%s, %d kills each%s" % (count, " in one project" if together else "", kills,
                                                          ", and gc" if collected else "")
                home = os.path.join(scratch, "%d-%d-%d-%d-%d" % (round_, count, kills, collected, together))
                store = os.path.join(home, "store")
                project = os.path.join(home, "project") if together else None
                places = [Place(programs, os.path.join(home, str(k)), store, project) for k in range(count)]
                try:
                    if together:  # the engines replace these results
                        publish_other(programs, home, project)
                    check(places, right, generator, kills, prepare(programs, home, store) if collected else None)
                    print("ok %d - %s" % (number, name), flush=True)
                    shutil.rmtree(home)
                except Wrong as wrong:
                    failures += 1
                    print("not ok %d - %s: %s" % (number, name, wrong), flush=True)
    print("1..%d" % number)
    if not failures:
        shutil.rmtree(scratch)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

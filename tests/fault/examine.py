#!/usr/bin/env python3
"""Runs fsck on a whole store with one fault after another. It must call nothing damaged. Its options are those of sweep.py.

After an fsck with a fault:

  - It was killed, or ended with 0, or ended with 3 and a message that names the refused call and a path. It never ends
    with 1, which means damage.
  - The next fsck finds nothing wrong, and nothing was set aside.
  - The run is known: no stage is executed again, and its results are right.
"""
import os
import sys

from collect import Collection
from study import Place, Wrong, sanitizer, undisturbed
from sweep import check_message, main

MALFORMED = "store/state.db: database disk image is malformed"  # SQLite's message for an EIO while it reads a page


class Examination(Collection):
    command = ("fsck",)

    def __init__(self, programs, scratch):
        self.programs, self.scratch = programs, scratch
        if sanitizer(programs):
            self.actions = [a for a in self.actions if a != "memory"]
        self.right = undisturbed(programs, os.path.join(scratch, "undisturbed"))
        self.store = Place(programs, os.path.join(scratch, "undisturbed")).store
        self.counts = {action: self.count(action) for action in self.actions}
        self.actions = [action for action in self.actions if self.counts[action] > 0]  # fsck makes no process

    def beside(self, case):
        return False

    def check_case(self, case, place):
        status, message = self.collect(place, case)
        if status not in ((-9, 0) if case.startswith("kill") else (0, 3)):
            raise Wrong("exit status %d: %s" % (status, message))
        if status == 3 and MALFORMED not in message:
            check_message(case, place, message)
        place.fsck()
        if place.left():
            raise Wrong("set aside, or left behind: " + " ".join(place.left()))
        status, events, message = place.run()
        started = [e["stage"] for e in events if e.get("state") == "started"]
        if status != 0 or started or place.results() != self.right[1]:
            raise Wrong("it is not known: exit status %d, executed %s: %s" % (status, started, message))


if __name__ == "__main__":
    sys.exit(main(Examination, __doc__))

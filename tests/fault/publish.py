#!/usr/bin/env python3
"""A publishing that is killed, or refused what it asks of the system, at each of its calls, one after the other.

  publish.py [--every N] [--seed K]      each Nth call alone, from one that the seed chooses

Every stage is known beforehand, so that a run only publishes. The new generation replaces a file and a folder, adds one file
of a list, drops another, and keeps a third as it is. Each kind of fault is a line of TAP.
"""
import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from study import Wrong, check_gone, sanitizer

LIMIT_S = 60
OLD, NEW = (), ("--set", "params.text=new", "--set", "params.keys=[2,3]")
PART = ("same", "--set", "params.text=never-made")  # two of four results are not known then; nothing is executed
MANIFEST = ".retort-results.json"
PIPELINE = {
    "retort": 1, "name": "q", "params": {"text": "old", "keys": [1, 2]},
    "stages": {
        "same": {"cmd": ["sh", "-c", "echo same >o"], "outs": {"o": "o"}},
        "file": {"cmd": ["sh", "-c", "echo \"$1\" >o", "sh", "${params.text}"], "outs": {"o": "o"}},
        "tree": {"cmd": ["sh", "-c", "mkdir -p d/e && for n in 1 2 3; do echo \"$1\" >d/e/$n; done", "sh", "${params.text}"],
                 "outs": {"d": {"path": "d", "type": "directory"}}},
        "list": {"matrix": {"key": "${params.keys}"}, "cmd": ["sh", "-c", "echo \"$1\" >o", "sh", "${matrix.key}"],
                 "outs": {"o": "o"}}},
    "results": {"same": "${stages.same.outs.o}", "file": "${stages.file.outs.o}", "deep/tree": "${stages.tree.outs.d}",
                "list/": "${stages.list[*].outs.o}"}}


class Study:
    """A project in which both generations are known and the old one, or none, is published."""

    def __init__(self, programs, path, published):
        self.programs, self.path, self.kept = programs, path + "/project", path + "/kept"
        self.log = path + "/fault.log"
        os.makedirs(self.path)
        with open(self.path + "/q.json", "w") as out:
            json.dump(PIPELINE, out)
        self.generations = {}
        for name, options in (("new", NEW), ("old", OLD)):
            self.run_well(options)
            self.generations[name] = self.published()
        if not published:
            self.remove("results")
        self.save(self.kept)

    def remove(self, name):
        shutil.rmtree(os.path.join(self.path, name), ignore_errors=True)

    def save(self, path):
        shutil.rmtree(path, ignore_errors=True)
        subprocess.check_call(["cp", "-a", self.path, path])  # inode times stay, and with them what is remembered of files

    def restore(self, path):
        shutil.rmtree(self.path)
        subprocess.check_call(["cp", "-a", path, self.path])

    def run(self, options, fault=None):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RETORT")}
        if fault:
            if os.path.exists(self.log):
                os.remove(self.log)
            environment["LD_PRELOAD"] = " ".join(sanitizer(self.programs) + [self.programs + "/tests/fault/faultlib.so"])
            environment["ASAN_OPTIONS"] = environment["UBSAN_OPTIONS"] = "exitcode=99"  # none of ours
            environment.update(RETORT_FAULT=fault, RETORT_FAULT_LOG=self.log)
        done = subprocess.run([self.programs + "/retort", "run", "q.json", *options], cwd=self.path, env=environment,
                              capture_output=True, text=True, timeout=LIMIT_S)
        return done.returncode, done.stderr

    def run_well(self, options):
        status, message = self.run(options)
        if status != 0:
            raise Wrong("the next run ended with %d: %s" % (status, message))

    def published(self, folder="q"):
        """Digests of the files, without the manifest."""
        found, top = {}, "%s/results/%s" % (self.path, folder)
        for directory, _, names in os.walk(top):
            for name in names:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, top)] = hashlib.sha256(file.read()).hexdigest()
        found.pop(MANIFEST, None)
        return found

    def manifest(self):
        path = "%s/results/q/%s" % (self.path, MANIFEST)
        return json.load(open(path)) if os.path.exists(path) else None

    def calls(self, action, part="/results"):
        """Numbers of the calls to which that can happen, with a path that holds the part, while it publishes NEW."""
        self.restore(self.kept)
        self.run(NEW, action + ":0")
        lines = [line.split(" ", 3) for line in open(self.log) if line.startswith("call ")]
        return [int(line[1]) for line in lines if part in line[3]]

    def cut_off(self):
        """Begins with a publishing that was killed between two renames."""
        number = self.calls("kill", "/results/.q.staging/1\n")[-1]
        self.restore(self.kept)
        if self.run(NEW, "kill:%d" % number)[0] != -9 or "coming" not in self.manifest():
            raise Wrong("it was not killed between two renames")
        self.save(self.kept)

    # ---- checks ----

    def check_stands(self):
        """One whole generation, or the manifest says that it is incomplete."""
        found, manifest = self.published(), self.manifest()
        if manifest is None and not found:
            return
        if manifest and "coming" in manifest:
            return
        if manifest is None or found not in self.generations.values():
            raise Wrong("no generation, and nothing says so: %s" % sorted(found))

    def check_clean(self):
        left = sorted(set(os.listdir(self.path + "/results")) - {"q", "q@partial", ".q.lock", "q.energy.md", "q.energy.csv"})
        if left or "coming" in (self.manifest() or {}):
            raise Wrong("left behind: %s, %s" % (left, self.manifest()))
        if self.manifest() is None and self.published():
            raise Wrong("files without a manifest are left")

    def check_next(self):
        """A run that knows all results ends as if none had been disturbed."""
        self.run_well(NEW)
        if self.published() != self.generations["new"]:
            raise Wrong("the next run publishes something else: %s" % self.published())
        self.check_clean()
        for page in ("q.energy.md", "q.energy.csv"):
            if "list/key=3" not in open("%s/results/%s" % (self.path, page)).read():
                raise Wrong("%s is not of what is published" % page)

    def check_next_partial(self):
        """A run that does not know all results leaves one whole generation, too."""
        self.run_well(PART)
        if self.published() not in [*self.generations.values(), {}]:
            raise Wrong("after a run that publishes a part: %s" % self.published())
        if sorted(self.published("q@partial")) != ["list/key=1", "list/key=2", "same"]:
            raise Wrong("the part: %s" % self.published("q@partial"))
        self.check_clean()


def check_fault(study, fault, saved):
    study.restore(study.kept)
    status, message = study.run(NEW, fault)
    check_gone(study.path)
    if status not in ((-9, 0) if fault.startswith("kill") else (0, 3)):
        raise Wrong("exit status %d: %s" % (status, message))
    if status == 3 and "results" not in message:
        raise Wrong("its message names no place: %s" % message)
    if status == 0 and study.published() != study.generations["new"]:
        raise Wrong("exit status 0 and something else is published")
    study.check_stands()
    study.save(saved)
    study.check_next()
    study.restore(saved)
    study.check_next_partial()


def check_all(study, action, suffix, every, seed, saved):
    """Says how many calls were hit, and what went wrong."""
    numbers = study.calls(action)[seed % every::every]
    wrong = []
    for n in numbers:
        fault = "%s:%d%s" % (action, n, suffix)
        try:
            check_fault(study, fault, saved)
        except Wrong as what:
            line = next((line for line in open(study.log) if line.startswith("fault")), "no fault").strip()
            wrong.append("%s: after %s: %s" % (fault, line, what))
    return len(numbers), wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("BUILD", "build/release"))
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", 1)))
    arguments = parser.parse_args()
    fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    scratch = tempfile.mkdtemp(prefix="retort-publish-", dir=fast)
    print("# seed %d" % arguments.seed)
    number = failures = 0
    for what in ("a publishing", "the first publishing", "a publishing after one that was killed"):
        study = Study(os.path.abspath(arguments.build), os.path.join(scratch, what.replace(" ", "-")), "first" not in what)
        if "killed" in what:
            study.cut_off()
        for action, suffix, name in (("kill", "", "killed at"), ("EIO", "", "refused"), ("ENOSPC", "+", "on a disk that is full from")):
            calls, wrong = check_all(study, action, suffix, arguments.every, arguments.seed, os.path.join(scratch, "saved"))
            number += 1
            failures += bool(wrong) or calls == 0
            print("%s %d - %s that is %s each of its calls leaves one whole generation after the next run (%d calls)" %
                  ("not ok" if wrong or calls == 0 else "ok", number, what, name, calls), flush=True)
            for line in wrong[:10]:
                print("# " + line.replace("\n", "\n# "))
    print("1..%d" % number)
    shutil.rmtree(scratch)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

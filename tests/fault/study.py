"""The six-stage study, run with faults and without, and what its store holds afterwards. For sweep.py and its like.

  study.py gone PATH      waits until no process of a place is left, two seconds at most: exit status 1 when one is
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import time

LIMIT_S = 60
NO_FAULT = "no fault"  # the call that was to fail did not come
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "six")


class Wrong(Exception):
    pass


def sanitizer(programs):
    """The sanitizer's library, which must be loaded first. Its malloc is used then."""
    if not programs.endswith("asan"):
        return []
    return [subprocess.check_output(["cc", "-print-file-name=libasan.so"], text=True).strip()]


def make_repository(path):
    """The least that is a git repository: a run asks libgit2 only where there is one."""
    os.makedirs(os.path.join(path, "objects"))
    os.makedirs(os.path.join(path, "refs"))
    with open(os.path.join(path, "HEAD"), "w") as head:
        head.write("ref: refs/heads/main\n")


class Place:
    """A copy of the study, with a store of its own unless it is told another; or one more engine in a project that others
    have too: then only what the engine says is in `path`."""

    def __init__(self, programs, path, store=None, project=None):
        self.programs = programs
        self.path = path
        self.project = project or path
        self.store = store or os.path.join(self.project, "store")
        self.log = os.path.join(path, "fault.log")
        self.extra = {}  # of the environment
        if not os.path.exists(self.project):
            shutil.copytree(SOURCE, self.project)
            make_repository(os.path.join(self.project, ".git"))
        os.makedirs(path, exist_ok=True)

    def file(self, name):
        return os.path.join(self.path, name)

    def start(self, fault=None, options=(), command=("run", "six.json", "-j", "2", "--progress", "json"),
              **kept):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RETORT")}
        environment["RETORT_TEST_PLACE"] = self.path  # keepers inherit it: nothing else of theirs names the place
        environment.update(self.extra)
        if fault and "/" in fault:
            environment["RETORT_FAULT_PROGRAM"], fault = fault.split("/")
        if fault:
            environment["LD_PRELOAD"] = " ".join(sanitizer(self.programs) +
                                                 [os.path.join(self.programs, "tests/fault/faultlib.so")])
            environment["ASAN_OPTIONS"] = environment["UBSAN_OPTIONS"] = "exitcode=99"  # none of ours
            environment["RETORT_FAULT"] = fault
            environment["RETORT_FAULT_LOG"] = self.log
        command = [os.path.join(self.programs, "retort"), *command, "--store", self.store, *options]
        with open(self.file("out.txt"), "wb") as out, open(self.file("err.txt"), "wb") as err:
            return subprocess.Popen(command, cwd=self.project, env=environment, stdout=out, stderr=err, **kept)

    def said(self):
        """The events of the last run, and all that it says of what went wrong."""
        events = [json.loads(line) for line in open(self.file("out.txt")) if line.endswith("}\n")]
        message = open(self.file("err.txt")).read()
        message += "".join(e["stage"] + ": " + e["detail"] + "\n" for e in events if e.get("state") == "failed")
        return events, message

    def run(self, fault=None, options=(), **kept):
        process = self.start(fault, options, **kept)
        try:
            status = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Wrong("it did not end within %d s; %s" % (LIMIT_S, self.fault_line()))
        return (status,) + self.said()

    def fault_line(self):
        lines = open(self.log).read().splitlines() if os.path.exists(self.log) else []
        return next((line for line in lines if line.startswith("fault")), NO_FAULT)

    def calls(self):
        """Of the process that made most of them."""
        return max([int(line.split()[1]) for line in open(self.log) if line.startswith("calls")], default=0)

    def records(self):
        found = []
        for path in sorted(glob.glob(self.store + "/actions/*.jsonl")):
            for line in open(path):
                if not line.endswith("\n"):
                    continue  # torn
                record = json.loads(line[line.index("{"):])
                outs = tuple(sorted((n, o["sha256"], o["size"], o["mode"]) for n, o in record["outs"].items()))
                found.append((record["key"], outs, json.dumps(record["metrics"], sort_keys=True)))
        return sorted(found)

    def results(self):
        found = {}
        for path in sorted(glob.glob(self.project + "/results/six/*")):
            found[os.path.basename(path)] = open(path, "rb").read()
        return found

    def unpublished(self):
        """The temporaries of a publishing that was cut off."""
        return glob.glob(self.project + "/results/.*.staging") + glob.glob(self.project + "/results/.*.tmp-*")

    def fsck(self):
        command = [os.path.join(self.programs, "retort"), "fsck", "--store", self.store, "--json"]
        done = subprocess.run(command, cwd=self.project, capture_output=True, text=True)
        if done.returncode != 0 or done.stderr:
            raise Wrong("fsck: exit status %d: %s%s" % (done.returncode, done.stdout, done.stderr))

    def left(self):
        found = [p for folder in ("work", "objects/tmp", "objects/damaged", "checkpoints", "claims", "leases")
                 for p in glob.glob("%s/%s/*" % (self.store, folder))]
        return found

    def processes(self):
        return processes(self.path) + (processes(self.project) if self.project != self.path else [])


def belongs(process, path):
    """Whether it names a place, runs in it, or has the environment of a keeper or a stage there: a daemon has nothing else
    left."""
    def read(name):
        return open(os.path.join(process, name), "rb").read().decode(errors="replace")
    return (path in read("cmdline") or (os.readlink(process + "/cwd") + "/").startswith(path + "/") or
            any(word.startswith("RETORT_") and path in word for word in read("environ").split("\0")))


def processes(path):
    """Those of a place, that have not ended: one that nobody has waited for yet has no words."""
    found = []
    for process in glob.glob("/proc/[0-9]*"):
        try:
            if process != "/proc/%d" % os.getpid() and belongs(process, path):
                words = open(process + "/cmdline", "rb").read().decode(errors="replace")
                found.append(process[6:] + " " + words.replace("\0", " "))
        except OSError:
            pass
    return found


def check_gone(place):
    """`place` may be a path too. A second is promised; a busy machine gets two."""
    for _ in range(40):
        left = processes(place) if isinstance(place, str) else place.processes()
        if not left:
            return
        time.sleep(0.05)
    raise Wrong("processes are left: " + "; ".join(left))


def undisturbed(programs, path, options=()):
    """Records and results of a run that nothing disturbs."""
    place = Place(programs, path)
    status, _, message = place.run(options=options)
    if status != 0:
        raise Wrong("the undisturbed run failed: " + message)
    return place.records(), place.results()


def check_mended(place, right, finished=(), options=()):
    """A run without faults ends as if there had been none, executes nothing of `finished`, and leaves nothing."""
    status, events, message = place.run(options=options)
    if status != 0:
        raise Wrong("the next run ended with %d: %s" % (status, message))
    started = {e["stage"] for e in events if e.get("state") == "started"}
    if started & set(finished):
        raise Wrong("finished, and executed again: " + ", ".join(sorted(started & set(finished))))
    found = place.records()
    if "/actions" in place.fault_line():  # an unsynced line is written again; twice counts as once
        found = sorted(set(found))
    if found != right[0]:
        raise Wrong("other records than undisturbed: %s" % found)
    if place.results() != right[1]:
        raise Wrong("other results than undisturbed")
    place.fsck()
    if started and place.left():  # a run that finds all known looks no further
        raise Wrong("left behind: " + " ".join(place.left()))


if __name__ == "__main__":
    try:
        check_gone(sys.argv[2])
    except Wrong as wrong:
        sys.exit(str(wrong))

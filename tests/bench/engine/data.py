"""Large files and many files."""
import json
import os
import re
import shutil

import graphs
from report import seconds
from timing import Contender, Wrong, alternate, median

BLOCK = 1 << 20
MOST_CALLS = 10


def write_pipeline(folder, stages, results=None):
    graphs.write(os.path.join(folder, "bench.json"),
                 json.dumps({"retort": 1, "name": "bench", "stages": stages, "results": results or {}}))


def forget(folder, *names):
    """A function that empties the store, and removes what else a round leaves."""
    def prepare(_):
        for name in (".retort", "results", *names):
            path = os.path.join(folder, name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)
    return prepare


def count_lines(source):
    """A stage that reads its input once and writes next to nothing."""
    return {"cmd": ["sh", "-c", 'wc -l <"$1" >"$2"', "sh", "${in.x}", "${outs.o}"], "in": {"x": source}, "outs": {"o": "o"}}


def write_random(path, blocks):
    with open(path, "wb") as f:
        for _ in range(blocks):
            f.write(os.urandom(BLOCK))


def measure_file(bench):
    """in.bin -> copied -> read once; the copy is published. The commands read twice and write once."""
    blocks = bench.size("DATA_MIB", 1024)
    folders = {name: bench.folder("data", name) for name in ("copy", "read")}
    for folder in folders.values():
        os.makedirs(folder)
    write_random(os.path.join(folders["copy"], "in.bin"), blocks)
    os.link(os.path.join(folders["copy"], "in.bin"), os.path.join(folders["read"], "in.bin"))
    write_pipeline(folders["copy"], {
        "copy": {"cmd": ["cp", "${in.x}", "${outs.o}"], "in": {"x": "in.bin"}, "outs": {"o": "o"}},
        "use": count_lines("${stages.copy.outs.o}")}, {"out.bin": "${stages.copy.outs.o}"})
    write_pipeline(folders["read"], {"use": count_lines("in.bin")})
    copy, read = folders["copy"], folders["read"]

    def check():
        digest = bench.timer.run(["openssl", "dgst", "-sha256", "-r", "in.bin"], copy).output.split()[0]
        published = os.path.getsize(os.path.join(copy, "results/bench/out.bin"))
        if bench.record(copy, "copy")["outs"]["o"]["sha256"] != digest or published != blocks * BLOCK:
            raise Wrong("the out is no copy")
    run = [bench.tools["retort"], "run", "bench.json"]
    contenders = [
        Contender("retort: copy, use, publish", copy, run, "^0 known, 2 finished", prepare=forget(copy), check=check),
        Contender("retort: read once", read, run, "^0 known, 1 finished", prepare=forget(read)),
        Contender("cp", copy, ["cp", "in.bin", "copy.bin"], prepare=forget(copy, "copy.bin")),
        Contender("openssl dgst -sha256", copy, ["openssl", "dgst", "-sha256", "in.bin"]),
        Contender("sha256sum", copy, ["sha256sum", "in.bin"])]
    bench.report.title("A file of %d MiB" % blocks)
    samples = alternate(bench.timer, contenders, bench.rounds)
    bench.report.say("%-28s %10s %10s %14s %14s" % ("", "wall", "CPU", "passes read", "passes written"))
    for name, runs in samples.items():
        passes = [median(runs, f) / blocks / BLOCK for f in ("read_bytes", "written_bytes")]
        bench.report.say("  %-26s %10s %10s %14.2f %14.2f" % (
            name, *(seconds(median(runs, f)) for f in ("wall_s", "cpu_s")), *passes))
        if name == "retort: copy, use, publish":
            bench.report.goal("a large file: passes of reading (2 are the commands')", passes[0], 4.05)
            bench.report.goal("a large file: passes of writing (1 is the commands')", passes[1], 1.05)
    bench.report.goal_ratio("a large input: wall / openssl's", samples, "retort: read once", "openssl dgst -sha256",
                            "wall_s", 1.1)


def count_calls(bench, folder):
    """{system call: how often} of a run and its descendants."""
    forget(folder)(0)
    path = os.path.join(folder, "calls")
    bench.timer.run(["strace", "-f", "-c", "-o", path, bench.tools["retort"], "run", "bench.json"], folder)
    with open(path) as f:
        rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", f.read(), re.M)
    return {name: int(calls) for calls, name in rows}


def measure_files(bench, title, name, names, source, command):
    """A stage with many small files as input: time a file beside `cp -r`, and system calls a file."""
    folder = bench.folder("data", name)
    for i, path in enumerate(names):
        path = os.path.join(folder, "in", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        graphs.write(path, "%d\n" % i)
    write_pipeline(folder, {"use": {"cmd": command, "in": {"x": source}, "outs": {"o": "o"}}})
    bench.report.title("%s: time and calls a file" % title)
    samples = alternate(bench.timer, [
        Contender("retort", folder, [bench.tools["retort"], "run", "bench.json"], "^0 known, 1 finished",
                  prepare=forget(folder), check=lambda: bench.check_out(folder, "use", "%d\n" % len(names))),
        Contender("cp -r", folder, ["cp", "-r", "in", "copy"], prepare=forget(folder, "copy"))], bench.rounds)
    bench.report.table(samples, len(names), "a file")
    if not shutil.which("strace"):
        return bench.report.say("  system calls: not counted, strace is not installed")
    calls = count_calls(bench, folder)
    often = sorted(calls, key=calls.get, reverse=True)[:12]
    total = calls.pop("total") / len(names)
    bench.report.say("  system calls: %.1f; %s" % (total, ", ".join(
        "%s %.1f" % (call, calls[call] / len(names)) for call in often if call in calls)))
    bench.report.goal("%s: system calls a file" % title.lower(), total, MOST_CALLS)


def run(bench):
    measure_file(bench)
    count = bench.size("FOLDER_FILES", 50000)
    measure_files(bench, "A folder of %d files" % count, "folder", ["%d/%d" % (i // 500, i) for i in range(count)], "in",
                  ["sh", "-c", 'find "$1" -type f | wc -l >"$2"', "sh", "${in.x}", "${outs.o}"])
    count = bench.size("LIST_FILES", 10000)
    names = ["%d" % i for i in range(count)]
    measure_files(bench, "A list of %d files" % count, "list", names, ["in/" + name for name in names],
                  ["sh", "-c", 'echo "$#" >"$0"', "${outs.o}", "${in.x}"])

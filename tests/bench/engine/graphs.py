"""Graphs of stages that copy one file each, as files for Retort and its peers.

Stage i copies inputs[i], a source file "s<k>" or the out "o<k>" of an earlier stage, to "o<i>".
"""
import json
import os


class Graph:
    def __init__(self, inputs):
        self.inputs = inputs
        self.sources = [name for name in dict.fromkeys(inputs) if name.startswith("s")]

    def __len__(self):
        return len(self.inputs)

    def root(self, i):
        """The source file whose bytes end up in the out of stage i."""
        name = self.inputs[i]
        while name.startswith("o"):
            name = self.inputs[int(name[1:])]
        return name


def tree(count):
    """One source; each out is copied by ten stages."""
    return Graph(["s0"] + ["o%d" % ((i - 1) // 10) for i in range(1, count)])


def wide(count):
    """Each stage has a source of its own."""
    return Graph(["s%d" % i for i in range(count)])


def chain(count):
    """Each stage copies the out of the one before."""
    return Graph(["s0"] + ["o%d" % (i - 1) for i in range(1, count)])


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def retort(graph, folder):
    """Each stage has an environment of its own, or those that copy the same bytes would be one."""
    def stage(i, name):
        source = name if name.startswith("s") else "${stages.c%s.outs.o}" % name[1:]
        return {"cmd": ["cp", "${in.x}", "${outs.o}"], "in": {"x": source}, "outs": {"o": "o"}, "env": {"I": str(i)}}
    write(os.path.join(folder, "bench.json"), json.dumps(
        {"retort": 1, "name": "bench", "stages": {"c%d" % i: stage(i, name) for i, name in enumerate(graph.inputs)}}))


def ninja(graph, folder):
    lines = ["build o%d: copy %s\n" % item for item in enumerate(graph.inputs)]
    write(os.path.join(folder, "build.ninja"), "rule copy\n  command = cp $in $out\n" + "".join(lines))


def make(graph, folder):
    """-rR: no search for built-in rules."""
    rules = ["o%d: %s\n\tcp %s o%d\n" % (i, name, name, i) for i, name in enumerate(graph.inputs)]
    write(os.path.join(folder, "Makefile"),
          "MAKEFLAGS += -rR\nall: %s\n%s" % (" ".join("o%d" % i for i in range(len(graph))), "".join(rules)))


def snakemake(graph, folder):
    write(os.path.join(folder, "Snakefile"), """INPUTS = %r
rule all:
    input: ["o%%d" %% i for i in range(len(INPUTS))]
rule copy:
    input: lambda wildcards: INPUTS[int(wildcards.i)]
    output: "o{i,[0-9]+}"
    shell: "cp {input} {output}"
""" % graph.inputs)


def copies(graph, folder):
    write(os.path.join(folder, "copies"), "".join("%s o%d\n" % (name, i) for i, name in enumerate(graph.inputs)))


WRITERS = {"retort": retort, "ninja": ninja, "samu": ninja, "make": make, "snakemake": snakemake, "posix_spawn": copies}


def lay_out(graph, folder, program):
    """Makes a folder with the sources and the program's own file."""
    os.makedirs(folder)
    for name in graph.sources:
        write(os.path.join(folder, name), name + "\n")
    WRITERS[program](graph, folder)

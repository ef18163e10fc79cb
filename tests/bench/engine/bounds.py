"""The bound of each goal: what stops it where it is missed, in one line. README.md of the folder above explains them."""

# Begins with the first words of the goal. The first one that fits counts.
BOUNDS = (
    ("start-up, plan", "an empty store is made and synced"),
    ("start-up", "the dynamic linker"),
    ("nothing to do, matrix", "one stat for each out; digests are looked up in tables larger than the caches"),
    ("nothing to do", "two stats a stage, as in ninja; beside them JSON is read, and its tree faults its pages in"),
    ("one input changed", "a guard, a keeper and a program that tells the platform start; some twenty syncs in turn"),
    ("cold, wide", "each stage stores an object: a sync, a rename, and up to 256 folders"),
    ("cold", "cp itself is half of it; the engine's record and directory are the rest"),
    ("a chain", "six wake-ups a link between keeper, loop and worker; the syncs of a new store"),
    ("memory", "states, keys and names of the instances that are shown"),
    ("plan of", "SHA-256 of the keys, and the format of the names"),
    ("check", "the JSON is read and each member checked"),
    ("growth", "rows and keys no longer fit into the caches"),
    ("a second select", "metrics are read from the records"),
    ("why of", "the rows of one stage are looked up in a large index"),
    ("show of", "the rows of one stage are looked up in a large index"),
    ("metrics of", "the rows of one stage are looked up in a large index"),
    ("runs of", "each run file is read"),
    ("a large file", "read for its key, for the digest of the out, and for the results; no reflinks here"),
    ("a large input", "the commands read it too, and the run starts and syncs"),
    ("a list", "each file is hashed from an open descriptor, copied into a folder of its own, and stamped before and after"),
    ("a folder", "each file is hashed from an open descriptor, and copied or bound"),
)


def bound_of(goal):
    return next((bound for words, bound in BOUNDS if goal.startswith(words)), "unknown: profile it")

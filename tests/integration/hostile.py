"""Makes hostile repositories, one for each case, and says how each has to be met.

  hostile.py FOLDER

Below FOLDER it makes repositories/<case>, and the table "cases". A line holds the case, the commit, the path of the part,
"refused" or "held", and a word that the message of a refusal has. "held": it may run once it is allowed, and does no harm.
"""
import json
import os
import subprocess
import sys

EVIL = "\x1b]0;owned\x07\x1b[31mred\u009b1m\u202eltr"
SECRET = "the-secret-outside"


class Repository:
    def __init__(self, folder):
        self.folder = folder
        subprocess.run(["git", "init", "-q", "--bare", folder], check=True)

    def git(self, *words, data=b""):
        done = subprocess.run(["git", "-C", self.folder, *words], input=data, stdout=subprocess.PIPE, check=True)
        return done.stdout.decode().strip()

    def object(self, kind, data):
        return self.git("hash-object", "-t", kind, "--literally", "-w", "--stdin", data=data)

    def blob(self, text):
        return self.object("blob", text if isinstance(text, bytes) else text.encode())

    def tree(self, entries):
        """Entries in this order: mode, name, id."""
        return self.object("tree", b"".join(m.encode() + b" " + n.encode() + b"\0" + bytes.fromhex(i) for m, n, i in entries))

    def files(self, files):
        """A tree of names and texts; a text may be a mode and an id."""
        entries = [(*(v if isinstance(v, tuple) else ("100644", self.blob(v))), n) for n, v in files.items()]
        return self.tree(sorted(((m, n, i) for m, i, n in entries), key=lambda e: e[1] + ("/" if e[0] == "40000" else "")))

    def commit(self, tree):
        who = "a <a@example.org> 1700000000 +0000"
        made = self.object("commit", ("tree %s\nauthor %s\ncommitter %s\n\nx\n" % (tree, who, who)).encode())
        self.git("update-ref", "refs/heads/main", made)
        return made


def part(inputs=None, **more):
    """A part whose stage copies what it is given."""
    stage = {"cmd": ["sh", "-c", "cat \"$@\" >o 2>/dev/null || ls -R \"$@\" >o", "sh", "${in.x}"], "outs": ["o"], **more.pop("stage", {})}
    if inputs is not None:
        stage["in"] = {"x": inputs}
    return json.dumps({"retort": 1, "name": "evil", "stages": {"s": stage}, **more})


def include(**fields):
    return json.dumps({"retort": 1, "name": "evil", "include": {"x": fields}, "stages": {}})


def link(r, target):
    return ("120000", r.blob(target))


def folder(r, *entries):
    return ("40000", r.tree(list(entries)))


def cases(outside):
    """Of each: its name, how it is met, a word of the message, and what makes the files."""
    secret, name = outside + "/secret.txt", os.path.basename(outside)
    id40, one = "1" * 40, lambda r: r.blob("1\n")
    yield "absolute-link", "refused", "leads out of", lambda r: {"part.json": part("x"), "x": link(r, secret)}
    yield "relative-link", "refused", "leads out of", lambda r: {"part.json": part("x"), "x": link(r, "../../../" + name + "/secret.txt")}
    yield "link-in-folder", "refused", "leads out of", lambda r: {"part.json": part("d"), "d": folder(r, ("120000", "x", r.blob(secret)))}
    yield "linked-folder", "refused", "leads out of", lambda r: {"part.json": part("d/secret.txt"), "d": link(r, outside)}
    yield "linked-part", "refused", "leads out of", lambda r: {"part.json": link(r, outside + "/secret.json")}
    yield "circle-of-links", "refused", "too many symbolic links", lambda r: {"part.json": part("x"), "x": link(r, "y"), "y": link(r, "x")}
    yield "folder-in-itself", "refused", "", lambda r: {"part.json": part("d"), "d": folder(r, ("120000", "x", r.blob("../d")))}
    yield "link-to-git", "refused", ".git", lambda r: {"part.json": part("x"), "x": link(r, ".git/config")}
    yield "link-to-nothing", "refused", "damaged", lambda r: {"part.json": part("x"), "x": link(r, "")}
    yield "submodule", "refused", "submodule", lambda r: {"part.json": part("x"), "x": ("160000", id40)}
    yield "submodule-in-folder", "refused", "submodule", lambda r: {"part.json": part("d"), "d": folder(r, ("160000", "x", id40))}
    for i, bad in enumerate([".git", ".GIT", "git~1", "..", "."]):
        yield "name-%d" % i, "refused", "refused", lambda r, bad=bad: {"part.json": part("d"), "d": folder(r, ("100644", bad, one(r)))}
    yield "slash-in-name", "refused", "refused", lambda r: {"part.json": part("d"), "d": folder(r, ("100644", "../../x", one(r)))}
    yield "backslash-in-name", "refused", "refused", lambda r: {"part.json": part("d"), "d": folder(r, ("100644", "..\\x", one(r)))}
    yield "name-of-git-as-input", "refused", "", lambda r: {"part.json": part(".git/config")}
    yield "case-collision", "refused", "case", lambda r: {"part.json": part("d"), "d": folder(r, ("100644", "A", one(r)), ("100644", "a", one(r)))}
    yield "twice-the-same-name", "refused", "", lambda r: {"part.json": part("d"), "d": folder(r, ("100644", "a", one(r)), ("120000", "a", r.blob("/etc")))}
    yield "missing-object", "refused", "", lambda r: {"part.json": part("x"), "x": ("100644", "2" * 40)}
    yield "tree-as-file", "refused", "", lambda r: {"part.json": ("100644", r.tree([]))}
    yield "commit-as-file", "refused", "", lambda r: {"part.json": part("x"), "x": ("100644", r.commit(r.tree([])))}
    yield "absolute-input", "refused", "leads out of", lambda r: {"part.json": part(secret)}
    yield "input-above", "refused", "leads out of", lambda r: {"part.json": part("../../" + name + "/secret.txt")}
    yield "absolute-input-of-the-matrix", "refused", "leads out of", lambda r: {"part.json": part("${matrix.m}", stage={"matrix": {"m": [secret]}})}
    yield "absolute-include", "refused", "leads out of", lambda r: {"part.json": include(path=outside + "/secret.json")}
    yield "include-above", "refused", "leads out of", lambda r: {"part.json": include(path="../" + name + "/secret.json")}
    yield "rows-above", "refused", "leads out of", lambda r: {"part.json": part(stage={"matrix": {"r": {"rows": "../x.csv"}}, "cmd": ["echo", "${matrix.r}"]})}
    yield "glob-above", "refused", "", lambda r: {"part.json": part("${matrix.r.path}", stage={"matrix": {"r": {"glob": "../" + name + "/*"}}})}
    yield "params-above", "refused", "leads out of", lambda r: {"part.json": part(params="../" + name + "/secret.json")}
    for i, url in enumerate(["file://" + outside, outside, "ext::sh -c touch% " + outside + "/ran", "-oProxyCommand=touch ran", "http://example.org/x.git",
                             "ssh://-oProxyCommand=touch/x", "git@-oProxyCommand=touch:x", "git://example.org/x"]):
        yield "url-%d" % i, "refused", "", lambda r, url=url: {"part.json": include(git=url, rev=id40, path="p.json")}
    for i, path in enumerate(["../x", "/tmp/x", "a/../../x", ".git/x"]):
        yield "out-%d" % i, "refused", "", lambda r, path=path: {"part.json": part(stage={"outs": {"o": path}, "cmd": ["true"]})}
    yield "place-above", "refused", "", lambda r: {"part.json": part({"path": "x", "as": "../x"}), "x": "1\n"}
    yield "circle-of-parts", "refused", "", lambda r: {"part.json": include(path="part.json")}
    yield "thousand-parts", "refused", "", lambda r: {"part.json": json.dumps({"retort": 1, "name": "evil", "stages": {}, "include": {"a": {"path": "1.json"}, "b": {"path": "1.json"}}}), **{
        "%d.json" % i: json.dumps({"retort": 1, "name": "evil", "stages": {}, "include": {"a": {"path": "%d.json" % (i + 1)}, "b": {"path": "%d.json" % (i + 1)}}}) for i in range(1, 40)}}
    yield "deep-json", "refused", "", lambda r: {"part.json": "[" * 100000}
    yield "large-part", "refused", "", lambda r: {"part.json": part(description="x" * (70 << 20))}
    yield "nul-in-part", "refused", "", lambda r: {"part.json": part() + "\0"}
    yield "escapes-in-a-fault", "refused", "\\u202e", lambda r: {"part.json": json.dumps({"retort": 1, "name": "evil", "stages": {EVIL: {"cmd": []}}}, ensure_ascii=False)}
    yield "escapes-in-a-path", "refused", "does not exist", lambda r: {"part.json": part(EVIL)}
    yield "escapes-in-a-name", "held", "", lambda r: {"part.json": part("d"), "d": folder(r, ("100644", EVIL, one(r)))}
    yield "escapes-in-values", "held", "", lambda r: {"part.json": part(description=EVIL, stage={"description": EVIL, "matrix": {"m": [EVIL]}, "cmd": ["sh", "-c", "echo >o", "${matrix.m}", EVIL], "env": {"X": EVIL}})}
    yield "escapes-in-requests", "held", "", lambda r: {"part.json": part(stage={"cmd": ["true"], "pass_env": ["HOME"], "toolchain": {"prefix": "/" + EVIL}})}
    yield "filter", "held", "", lambda r: {"part.json": part("x"), "x": "1\n", ".gitattributes": "* filter=evil diff=evil merge=evil text eol=crlf ident\n"}
    yield "configuration", "held", "", lambda r: {"part.json": part("x"), "x": "1\n", ".gitmodules": "[submodule \"x\"]\n\tpath = x\n\turl = ext::sh -c 'touch ran'\n\tupdate = !touch ran\n"}
    yield "own-yes", "held", "", lambda r: {"part.json": part("x"), "x": "1\n", ".retort": folder(r, ("100644", "state.db", one(r)))}
    yield "ignore-rules", "held", "", lambda r: {"part.json": part("d"), "d": folder(r, ("100644", "a", one(r))), ".retortignore": "!../..\n[\n" + "*" * 5000 + "\n/\n"}
    yield "many-stars", "held", "", lambda r: {"part.json": part("d"), "d": folder(r, ("100644", "a" * 200, one(r))), ".retortignore": "/d/" + "*a" * 60 + "b\n"}
    yield "odd-modes", "held", "", lambda r: {"part.json": part("d"), "d": folder(r, ("100777", "a", one(r)), ("104755", "b", one(r)))}
    yield "named-as-mine", "held", "", lambda r: {"part.json": json.dumps({"retort": 1, "name": "t", "stages": {"own": {"cmd": ["sh", "-c", "echo evil >o"], "outs": ["o"]}}, "results": {"mine.txt": "${stages.own.outs.o}"}})}


def main(folder):
    outside = folder + "/outside"
    os.makedirs(folder + "/repositories")
    with open(folder + "/cases", "w") as table:
        for name, how, word, make in cases(outside):
            r = Repository(folder + "/repositories/" + name)
            commit = r.commit(r.files(make(r)))
            r.git("config", "core.fsmonitor", outside + "/program")
            r.git("config", "uploadpack.packObjectsHook", outside + "/program")
            os.symlink(outside + "/program", r.folder + "/hooks/post-upload-pack")
            table.write("%s\t%s\tpart.json\t%s\t%s\n" % (name, commit, how, word))


if __name__ == "__main__":
    main(sys.argv[1])

#!/usr/bin/env python3
"""Makes archives that break one rule of bundles each, out of a good one.

  bundle_attacks.py GOOD.zip FOLDER    writes FOLDER/<name>.zip or .tar.zst, and FOLDER/<name>.says: a part of the message
"""
import hashlib
import io
import json
import os
import stat
import struct
import sys
import tarfile
import zipfile

good, folder = sys.argv[1:]
with zipfile.ZipFile(good) as z:
    FILES = {name: z.read(name) for name in z.namelist()}
MANIFEST, RECORDS = "retort-bundle.json", "records.jsonl"
OBJECT = next(name for name in FILES if name.startswith("objects/"))
PIPELINE = json.loads(FILES[MANIFEST])["pipeline"]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def manifest(files, **changes):
    """The manifest of these files, made here and not by the engine."""
    made = json.loads(FILES[MANIFEST])
    made["files"] = {name: {"sha256": sha256(data), "size": len(data)} for name, data in files.items() if name != MANIFEST}
    made["files"].update(changes)
    return json.dumps(made).encode()


def whole(changes):
    """The files with some changed or added (None: removed), under a manifest that fits."""
    files = {name: data for name, data in {**FILES, **changes}.items() if data is not None}
    return {MANIFEST: manifest(files), **{name: data for name, data in files.items() if name != MANIFEST}}


def path(name, says):
    with open(os.path.join(folder, name.rsplit(".tar", 1)[0].rsplit(".zip", 1)[0] + ".says"), "w") as f:
        f.write(says)
    return os.path.join(folder, name)


def put_zip(name, says, entries, compress=zipfile.ZIP_DEFLATED):
    """entries: (name, data, mode)"""
    with zipfile.ZipFile(path(name + ".zip", says), "w", compress) as z:
        for entry, data, mode in entries:
            info = zipfile.ZipInfo(entry)
            info.filename = entry  # ZipInfo cleans names
            info.create_system = 3
            info.external_attr = mode << 16
            info.compress_type = compress
            z.writestr(info, data)


def plain(files):
    return [(name, data, stat.S_IFREG | 0o644) for name, data in files.items()]


def zstd(data, repeated=0):
    """A frame of zstd (RFC 8878) without compression; then `repeated` blocks of 128 KiB of zeros."""
    blocks, step = [], 1 << 17
    for at in range(0, len(data), step):
        part = data[at:at + step]
        blocks.append((len(part) << 3, part))
    blocks += [(step << 3 | 1 << 1, b"\0")] * repeated
    out = bytearray(struct.pack("<IBB", 0xFD2FB528, 0, 7 << 3))  # a window of 128 KiB
    for i, (head, body) in enumerate(blocks):
        out += struct.pack("<I", head | (i == len(blocks) - 1))[:3] + body
    return bytes(out)


def put_tar(name, says, files, extra=(), repeated=0):
    """extra: (TarInfo, data) behind the files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for entry, data in files.items():
            info = tarfile.TarInfo(entry)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
        for info, data in extra:
            t.addfile(info, io.BytesIO(data) if data is not None else None)
        size = t.offset
    with open(path(name + ".tar.zst", says), "wb") as f:
        f.write(zstd(out.getvalue()[:size] if repeated else out.getvalue(), repeated))


def entry(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def named(name):
    return whole({name: b"x"})


# Names
for case, name, says in (
        ("traversal", "pipeline/../../escaped", 'a part "." or ".."'),
        ("traversal-inside", "pipeline/a/../b", 'a part "." or ".."'),
        ("dot", "pipeline/./b", 'a part "." or ".."'),
        ("absolute", "/tmp/retort-escaped", "it is absolute"),
        ("backslash", "pipeline/..\\..\\escaped", "a backslash"),
        ("empty-part", "pipeline//b", "an empty part"),
        ("folder-entry", "pipeline/b/", "an empty part"),
        ("control", "pipeline/a\nb", "a control character"),
        ("long", "pipeline/" + "n" * 1100, "longer than 1024 bytes"),
        ("repository", "pipeline/.git/config", "leads into a repository or a store"),
        ("repository-inside", "pipeline/a/.Git/hooks/post-checkout", "leads into a repository or a store"),
        ("store", "pipeline/.retort/format", "leads into a repository or a store"),
        ("elsewhere", "etc/passwd", "has no place in a bundle"),
        ("no-object", "objects/ab/not-a-digest", "has no place in a bundle")):
    put_zip("zip-" + case, says, plain(named(name)))
    put_tar("tar-" + case, says, named(name))
put_zip("case-collision", "are one name where upper and lower case are the same", plain(whole({PIPELINE.upper().replace("PIPELINE/", "pipeline/"): b"x"})))
put_zip("case-folder", "are one name where upper and lower case are the same", plain(whole({"pipeline/Q/a": b"x", "pipeline/q/b": b"x"})))
put_zip("file-and-folder", "are one name where upper and lower case are the same", plain(whole({PIPELINE + "/a": b"x"})))
put_tar("umlaut-collision", "are one name where upper and lower case are the same", whole({"pipeline/\u00c4": b"x", "pipeline/\u00e4": b"x"}))

# Types. The manifest lists the entry, as an empty file.
def listed(name):
    files = whole({name: b""})
    del files[name]
    return files


put_zip("zip-symlink", "no regular file", plain(listed("pipeline/link")) + [("pipeline/link", b"/etc", stat.S_IFLNK | 0o777)])
for case, kind, link in (
        ("symlink", tarfile.SYMTYPE, "/etc"), ("symlink-inside", tarfile.SYMTYPE, "study"),
        ("hardlink", tarfile.LNKTYPE, "/etc/passwd"), ("hardlink-inside", tarfile.LNKTYPE, PIPELINE),
        ("device", tarfile.CHRTYPE, ""), ("block-device", tarfile.BLKTYPE, ""), ("fifo", tarfile.FIFOTYPE, "")):
    put_tar(case, "no regular file", listed("pipeline/entry"), [(entry("pipeline/entry", kind, link), None)])
put_tar("symlink-then-file", "no regular file", listed("pipeline/l/x"), [(entry("pipeline/l", tarfile.SYMTYPE, "/tmp"), None), (entry("pipeline/l/x", tarfile.REGTYPE), b"")])
put_tar("folder", "an empty part", whole({}), [(entry("pipeline/folder", tarfile.DIRTYPE), None)])

# Duplicates, and what the manifest does not say
put_tar("duplicate", "stands in it twice", whole({}), [(entry(OBJECT, tarfile.REGTYPE), None)])
put_zip("zip-duplicate", "stands in it twice", plain(whole({})) + [(PIPELINE, FILES[PIPELINE], stat.S_IFREG | 0o644)])
put_zip("second-manifest", "is not in its manifest", plain(whole({})) + [(MANIFEST, FILES[MANIFEST], stat.S_IFREG | 0o644)])
put_zip("unlisted", "is not in its manifest", plain(whole({})) + [("pipeline/more", b"x", stat.S_IFREG | 0o644)])
put_zip("missing", "of its manifest is missing", plain({n: d for n, d in whole({}).items() if n != OBJECT}))
put_zip("manifest-last", "does not begin with " + MANIFEST, plain({n: d for n, d in FILES.items() if n != MANIFEST} | {MANIFEST: FILES[MANIFEST]}))
put_zip("empty", "neither a zip nor a tar.zst", [])
put_zip("manifest-lists-itself", "lists itself", plain({**whole({}), MANIFEST: manifest(FILES, **{MANIFEST: {"sha256": "0" * 64, "size": 1}})}))
put_zip("manifest-twice", "is given twice", plain({**whole({}), MANIFEST: manifest(FILES)[:-1] + b',"run":"a"}'}))
put_zip("no-records", "lists no " + RECORDS, plain(whole({RECORDS: None})))
put_zip("no-pipeline", "does not list its pipeline", plain(whole({PIPELINE: None})))
newer = json.loads(FILES[MANIFEST]) | {"retort_bundle": 2}
put_zip("newer", "a newer engine wrote it", plain({**FILES, MANIFEST: json.dumps(newer).encode()}))

# Sizes and digests
lie = {OBJECT: {"sha256": sha256(FILES[OBJECT]), "size": len(FILES[OBJECT]) - 1}}
put_zip("size-too-small", "bytes that its manifest says", plain({**FILES, MANIFEST: manifest(FILES, **lie)}))
lie = {OBJECT: {"sha256": sha256(FILES[OBJECT]), "size": len(FILES[OBJECT]) + 1}}
put_tar("size-too-large", "bytes that its manifest says", {**FILES, MANIFEST: manifest(FILES, **lie)})
lie = {OBJECT: {"sha256": sha256(FILES[OBJECT]), "size": -1}}
put_tar("size-negative", "needs a digest", {**FILES, MANIFEST: manifest(FILES, **lie)})
huge = entry("pipeline/zeros", tarfile.REGTYPE)
huge.size = 1 << 31
lie = {huge.name: {"sha256": "0" * 64, "size": huge.size}}
put_tar("bomb", "made to fill a disk", {**FILES, MANIFEST: manifest(FILES, **lie)}, [(huge, None)], huge.size >> 17)
lie = {huge.name: {"sha256": "0" * 64, "size": 5}}
put_tar("bomb-that-lies", "bytes that its manifest says", {**FILES, MANIFEST: manifest(FILES, **lie)}, [(huge, None)], huge.size >> 17)
huge_manifest = entry(MANIFEST, tarfile.REGTYPE)
huge_manifest.size = 1 << 27
put_tar("bomb-manifest", "has more than", {}, [(huge_manifest, None)], huge_manifest.size >> 17)
put_zip("wrong-digest", "digest that its manifest says", plain({**FILES, OBJECT: bytes(len(FILES[OBJECT]))}))
put_tar("wrong-object", "\"objects/", whole({OBJECT: b"other bytes"}))

# Records
lines = FILES[RECORDS].decode().splitlines()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def records(name, says, change):
    record = json.loads(lines[0])
    change(record)
    replaced(name, says, canonical(record))


def replaced(name, says, line):
    put_zip(name, says, plain(whole({RECORDS: "\n".join([line, *lines[1:], ""]).encode()})))


# The text stays in canonical form.
key = json.loads(lines[0])["key"]
for case, old, new in (("key", f'"key":"{key}"', f'"key":"{"0" * 64}"'), ("component", '"argv.0":"sh"', '"argv.0":"zz"'),
                       ("components", '"components":{', '"components":{"a":1,')):
    assert old in lines[0]
    replaced("record-other-" + case, "its key is not the digest of its own components", lines[0].replace(old, new))
records("record-no-components", "its key is not the digest of its own components", lambda r: r.pop("components"))
records("record-no-key", "\"key\" must be", lambda r: r.pop("key"))
records("record-out-digest", "\"sha256\" must be", lambda r: [o.update(sha256="../../x") for o in r["outs"].values()])
withdrawal = canonical({"key": json.loads(lines[0])["key"], "record": "0" * 64, "retort_withdrawal": 1, "run": "r"})
put_zip("withdrawal", "it is a withdrawal", plain(whole({RECORDS: "\n".join([*lines, withdrawal, ""]).encode()})))
put_zip("record-not-canonical", "canonical form", plain(whole({RECORDS: json.dumps(json.loads(lines[0])).encode() + b"\n"})))
put_zip("record-no-json", RECORDS + ", line 1", plain(whole({RECORDS: b"{\n"})))

# Damage
data = open(good, "rb").read()
with open(path("truncated.zip", "it is damaged"), "wb") as f:
    f.write(data[:len(data) * 2 // 3])
put_tar("whole", "", whole({}))
data = open(os.path.join(folder, "whole.tar.zst"), "rb").read()
os.unlink(os.path.join(folder, "whole.tar.zst"))
os.unlink(os.path.join(folder, "whole.says"))
with open(path("cut-off.tar.zst", "it is damaged"), "wb") as f:
    f.write(data[:len(data) // 2])
with open(path("text.zip", "neither a zip nor a tar.zst"), "w") as f:
    f.write("hello\n")

"""Pipelines against the JSON Schema, by the jsonschema package (draft 2020-12).

validate.py good SCHEMA FILE...        the schema is one, and finds no fault in any file
validate.py bad LEAST SCHEMA FILE...   it finds faults in at least LEAST of these files, and none where `retort check`
                                       finds none: FILE's .expect holds what that says
"""
import json
import re
import sys

import jsonschema


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (ValueError, UnicodeError, RecursionError):
        return None  # no JSON: nothing that a schema is asked about


def faults(validator, document):
    for error in validator.iter_errors(document):
        yield "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path), error.message


def good(validator, paths):
    bad = 0
    for path in paths:
        document = json.load(open(path, encoding="utf-8"))
        for pointer, message in faults(validator, document):
            print(f"{path}: {pointer or '(whole)'}: {message[:300]}")
            bad += 1
    return bad == 0 and len(paths) > 0


def reported(path):
    """The pointers of the errors that `retort check` reports; "" where it names none."""
    with open(re.sub(r"json$", "expect", path), encoding="utf-8") as file:
        lines = [line for line in file if ": error: " in line]
    return [match.group(1) if (match := re.search(r"\(at (/.*)\)$", line)) else "" for line in lines]


def bad(validator, least, paths):
    rejected, alarms = 0, 0
    for path in paths:
        found = [] if (document := load(path)) is None else list(faults(validator, document))
        rejected += bool(found)
        known = reported(path)
        for pointer, message in found:  # a schema blames the object in which a key is missing or wrong
            if not any(at == pointer or at == "" or at.startswith(pointer + "/") for at in known):
                print(f"{path}: {pointer}: the schema alone finds a fault: {message[:300]}")
                alarms += 1
    print(f"the schema rejects {rejected} of {len(paths)}")
    return rejected >= least and alarms == 0


def main(mode, *rest):
    least, rest = (int(rest[0]), rest[1:]) if mode == "bad" else (0, rest)
    schema = load(rest[0])
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    return good(validator, rest[1:]) if mode == "good" else bad(validator, least, rest[1:])


sys.exit(0 if main(*sys.argv[1:]) else 1)

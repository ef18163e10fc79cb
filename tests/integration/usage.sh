#!/bin/sh
# Wrong use is told what is right, with exit status 2, and nothing is made.
. tests/integration/lib.inc
cd "$work" || exit 1
says() { "$retort" "$@" 2>said.err; same "exit status $?" "exit status 2"; }
check "an unknown command" says rnu
check "and the nearest one" has said.err 'did you mean "run"?'
check "an unknown option" says run --keep-goin x.json
check "and the nearest one" has said.err "did you mean --keep-going?"
check "no pipeline in the folder" says plan
check "a number that is none" says run -j zero x.json
check "an option without its value" says run x.json --set
check "a missing file" exits 3 "$retort" check nowhere.json
printf '{"retort": 1, "name": "x", "stages": {"a": {"cmd": ["true"], "cdm": 1}}}' >bad.json
check "a bad file is refused before anything runs" says run bad.json
check "with its place" has said.err 'bad.json:1:'
check "and its pointer" has said.err '/stages/a/cdm'
check "no store was made" test ! -e .retort
for c in run plan why check graph show log runs metrics energy kinds exec fsck; do
    "$retort" $c --help >help.txt
    check "$c --help says how to call it" has help.txt "usage: retort $c"
    "$retort" --man $c >man.1
    check "$c has a man page" has man.1 ".SH EXIT STATUS"
done
finish

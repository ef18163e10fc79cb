#!/bin/sh
# A small C program: compiled, linked and tested.
. tests/integration/lib.inc
cp -r tests/ports/build "$work/project" && cd "$work/project" || exit 1
command -v cc >/dev/null || skip "there is no C compiler"
run() { "$retort" run --progress json "$@" >run.json 2>run.err || { cat run.err run.json; return 1; }; }
check "the file is sound" "$retort" check
check "the program is built and tested" run
check "every stage finishes" same "$(counts run.json)" '{"event":"end","known":0,"finished":4,"failed":0,"interrupted":0,"skipped":0}'
check "the published program runs" same "$(results/build/program)" 5
echo '/* a comment more */' >>sum.c
check "a comment more compiles anew" run
check "an object of the same bytes stops there" same "$(counts run.json)" '{"event":"end","known":3,"finished":1,"failed":0,"interrupted":0,"skipped":0}'
check "other flags compile all anew" run --set 'params.flags=["-O2"]'
check "both units are compiled with them" sh -c 'grep -c "compile.*finished" run.json | grep -qx 2'
finish

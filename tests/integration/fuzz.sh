#!/bin/sh
# The corpora of the fuzzers, given to the parsers again: seeds, and every input that ever broke one.
. tests/integration/lib.inc
for corpus in tests/fuzz/corpus/*; do
    target=${corpus##*/}
    check "$target: $(ls "$corpus" | wc -l) inputs" "$BUILD/tests/fuzz/$target" "$corpus"
done
for source in tests/fuzz/*.c; do
    target=$(basename "$source" .c)
    case $target in fuzz | replay | tree) continue ;; esac
    check "$target has a corpus" test -n "$(ls "tests/fuzz/corpus/$target")"
done
finish

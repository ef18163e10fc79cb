#!/bin/sh
# Gives the corpora of the fuzzers to the parsers: seeds, and every input that ever broke a parser.
. tests/integration/lib.inc
for corpus in tests/fuzz/corpus/*; do
    target=${corpus##*/}
    check "$target takes the $(ls "$corpus" | wc -l) inputs of its corpus"$corpus" | wc -l) inputs" "$BUILD/tests/fuzz/$target" "$corpus"
done
for source in tests/fuzz/*.c; do
    target=$(basename "$source" .c)
    case $target in fuzz | replay | tree) continue ;; esac
    check "$target has a corpus" test -n "$(ls "tests/fuzz/corpus/$target")"
done
finish

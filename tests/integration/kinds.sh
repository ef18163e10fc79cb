#!/bin/sh
# A built-in kind is one row of the registry, the file that describes it and the file that runs it.
. tests/integration/lib.inc
rows=$(sed -n 's/^ *ROW(\([a-z_]*\)).*/\1/p' stages/kinds/registry.h)

named_elsewhere() { grep -rlwE --include='*.[ch]' "kind_$1|run_$1" engine kernels stages store | grep -v "/$1\.[ch]$"; }
holds() { grep -xE "$1" "$work/texts"; }
not() { ! "$@"; }

"$retort" kinds | sed 's/@.*//; s,/,_,' >"$work/kinds"
strings "$retort" "$BUILD/retort-stage" >"$work/texts"
check "retort kinds lists the rows of the registry in their order" same "$(cat "$work/kinds")" "$rows"
for id in $rows; do
    kind=$(echo "$id" | tr _ /)
    check "only its description and its code name the symbols of $kind" not named_elsewhere "$id"
    check "the programs hold the name of $kind" holds "$kind"
    check "the programs hold no text with the version of $kind" not holds "$kind@[0-9]+"
done
finish

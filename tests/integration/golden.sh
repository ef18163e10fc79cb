#!/bin/sh
# Every kind writes the same bytes as before on the portable platform (tests/golden/README.md).
# RECORD=1 writes the digests of a case that has none. It never changes digests that exist.
. tests/integration/lib.inc
stage=$BUILD/retort-stage golden=$repository/tests/golden/kinds
platform=$("$stage" platform --platform portable) || exit 1
gnuplot=$(/usr/bin/gnuplot --version) || exit 1
outs=$work/outs

# Makes the outs of a case, after those of the cases that it reads from. Each case runs once.
make_outs() (
    [ ! -d "$outs/$1" ] || exit 0
    for before in $(grep -o '"\.\./[^/"]*' "$golden/$1.json" | sort -u | sed 's|.*/||'); do
        make_outs "$before" || exit 1
    done
    mkdir -p "$outs/$1" && cd "$outs/$1" || exit 1
    "$stage" kind --platform portable "$golden/$1.json" || { rm -r "${outs:?}/$1"; exit 1; }
)

digests() ( cd "$outs/$1" && sha256sum -- * )
recorded() { sed -n "s/^# $2: //p" "$golden/$1.expect"; }
kind_of() { sed -n 's/^  "kind": "\(.*\)",$/\1/p' "$golden/$1.json"; }

record() {
    [ -d "$outs/$1" ] && [ ! -e "$golden/$1.expect" ] || return 0
    {
        echo "# Digests of what $1.json gives. They change only together with the kind's version."
        echo "# kind: $(kind_of "$1")"
        echo "# platform: $platform"
        [ ! -e "$outs/$1/plot.svg" ] || echo "# gnuplot: $gnuplot"
        digests "$1"
    } >"$golden/$1.expect"
}

# Another gnuplot may draw other bytes from the same data.
comparable() { if [ "$(recorded "$case" gnuplot)" = "$gnuplot" ]; then cat; else grep -v '\.svg$'; fi; }

unchanged() {
    [ -e "$golden/$1.expect" ] || { echo "no digests; RECORD=1 $0 writes them"; return 1; }
    same "$(recorded "$1" kind)" "$(kind_of "$1")" || {
        echo "the version was raised: delete $1.expect, and RECORD=1 $0 writes it anew"
        return 1
    }
    case=$1
    sed '/^#/d' "$golden/$1.expect" | comparable >"$work/expected"
    digests "$1" | comparable | diff "$work/expected" - || {
        echo "raise the version of $(kind_of "$1") or find out why its results changed"
        return 1
    }
}

for file in "$golden"/*.json; do
    case=$(basename "$file" .json)
    check "$case runs" make_outs "$case"
    [ -z "$RECORD" ] || record "$case"
    was=$([ ! -e "$golden/$case.expect" ] || recorded "$case" platform)
    if [ -n "$was" ] && [ "$was" != "$platform" ]; then
        number=$((number + 1))
        echo "ok $number - $case # SKIP recorded on $was; this is $platform"
        continue
    fi
    check "$case gives the bytes that it gave" unchanged "$case"
    drawn=$([ ! -e "$golden/$case.expect" ] || recorded "$case" gnuplot)
    [ -z "$drawn" ] || [ "$drawn" = "$gnuplot" ] || echo "# $case: data only; drawn by $drawn, this is $gnuplot"
done

# A kind that measures the machine gives other bytes each time.
covered() {
    grep -q "\"kind\": \"$1\"" "$golden"/*.json || "$retort" kinds "$1" --json | grep -q '"measures_machine": *true'
}
for kind in $("$retort" kinds | cut -f1); do
    check "there is a case of $kind, or it measures this machine" covered "$kind"
done
finish

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
echo '{"retort": 1,}' >slip.json
check "the only file of the folder, with a slip in it" says plan
check "tells the slip" has said.err "slip.json:1:13: error: "
rm slip.json
check "a kind that is not there" says kinds deeprx/trai
check "and the nearest one" has said.err 'did you mean "deeprx/train@1"?'
check "a kind needs no version to be looked up" "$retort" kinds deeprx/train
check "a number that is none" says run -j zero x.json
check "an option without its value" says run x.json --set
check "an operand that nothing looks at" says check x.json y.json
check "is named" has said.err 'one operand too many, "y.json"; usage: retort check [OPTION...] [PIPELINE]'
check "a missing file" exits 3 "$retort" check nowhere.json
printf '{"retort": 1, "name": "x", "stages": {"a": {"cmd": ["true"], "cdm": 1}}}' >bad.json
check "a bad file is refused before anything runs" says run bad.json
check "with its place" has said.err 'bad.json:1:'
check "and its pointer" has said.err '/stages/a/cdm'
check "no store was made" test ! -e .retort
cat >good.json <<'EOT'
{ "retort": 1, "name": "x", "stages": {
  "a": { "matrix": { "v": ["a b", 1, "b"] }, "cmd": ["sh", "-c", "echo '{\"m\": 1}' >m; : $0", "${matrix.v}"],
         "outs": { "m": { "path": "m", "type": "metrics" } } },
  "s": { "select": { "from": "a", "group_by": ["v"], "minimize": "metrics.m" } } } }
EOT
"$retort" run good.json --store store >run.txt 2>&1
check "a tie is told" has run.txt 'a tie, the earlier one counts: v=1'
for target in 'a[v=a b]' 'a[v="a b"]' 'a[v=1.0]' 'a[v=*]'; do
    check "why $target" sh -c '"$1" why good.json "$2" --store store | grep -q ": known: "' sh "$retort" "$target"
done
check "why of a part shows nothing else" same "$("$retort" why good.json 'a[v=b]' --store store | wc -l)" 1
check "a select has no record" exits 3 sh -c '"$1" show good.json s --store store 2>said.err' sh "$retort"
check "and that is said" has said.err "a select makes none"
check "data that cannot be written is a failure" exits 3 sh -c '"$1" run good.json --store store --progress json >/dev/full' sh "$retort"
mkdir by-hand && echo '{"mine": 1}' >by-hand/spec.json
check "exec writes over no file of the user's" says exec deeprx/profile --with '{"architecture": "deeprx"}' --out by-hand
check "which it names" has said.err "by-hand/spec.json is there already"
check "and leaves as it was" same "$(cat by-hand/spec.json)" '{"mine": 1}'
echo '{"retort_spec": 1}' >by-hand/spec.json
check "the spec of a call before is its own" "$retort" exec deeprx/profile --with '{"architecture": "deeprx"}' --out by-hand
for c in run plan why check graph show log runs metrics energy kinds exec fsck; do
    "$retort" $c --help >help.txt
    check "$c --help says how to call it" has help.txt "usage: retort $c"
    "$retort" --man $c >man.1
    check "$c has a man page" has man.1 ".SH EXIT STATUS"
done
finish

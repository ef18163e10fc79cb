#!/bin/sh
# Wrong use ends with exit status 2 and a message that says how to do it right. Nothing is made.
. tests/integration/lib.inc
cd "$work" || exit 1
says() { "$retort" "$@" 2>said.err; same "exit status $?" "exit status 2"; }
check "an unknown command is refused" says rnu
check "the message names the nearest command" has said.err 'did you mean "run"?'
check "a command of another tool is refused" says status
check "the message names ours" has said.err 'did you mean "plan"?'
check "a dry run is refused" says run --dry-run x.json
check "the message names plan" has said.err "retort plan shows what would run"
check "an unknown option is refused" says run --keep-goin x.json
check "the message names the nearest option" has said.err "did you mean --keep-going?"
check "plan is refused in a folder without a pipeline" says plan
echo '{"retort": 1,}' >slip.json
check "plan refuses the only file of the folder, which has a slip" says plan
check "the message names the place of the slip" has said.err "slip.json:1:13: error: "
rm slip.json
check "an unknown kind is refused" says kinds deeprx/trai
check "the message names the nearest kind" has said.err 'did you mean "deeprx/train@1"?'
check "a kind is found without its version" "$retort" kinds deeprx/train
check "a number that is none is refused" says run -j zero x.json
check "an option without its value is refused" says run x.json --set
check "an operand too many is refused" says check x.json y.json
check "the message names the operand and the usage" has said.err 'one operand too many, "y.json"; usage: retort check [OPTION...] [PIPELINE]'
check "show without a stage is refused" says show x.json
check "the message names the missing operand" has said.err 'show: STAGE is missing; usage: retort show [OPTION...] [PIPELINE] STAGE...'
check "a missing file is refused" says check nowhere.json
check "the message names the missing file" has said.err "there is no file nowhere.json"
printf '{"retort": 1, "name": "x", "stages": {"a": {"cmd": ["true"], "cdm": 1}}}' >bad.json
check "a bad pipeline is refused" says run bad.json
check "the message names the line" has said.err 'bad.json:1:'
check "the message names the JSON Pointer" has said.err '/stages/a/cdm'
check "a bad pipeline makes no store" test ! -e .retort
cat >good.json <<'EOT'
{ "retort": 1, "name": "x", "stages": {
  "a": { "matrix": { "v": ["a b", 1, "b"] }, "cmd": ["sh", "-c", "echo '{\"m\": 1}' >m; : $0", "${matrix.v}"],
         "outs": { "m": { "path": "m", "type": "metrics" } } },
  "s": { "select": { "from": "a", "group_by": ["v"], "minimize": "metrics.m" } } } }
EOT
"$retort" run good.json --store store >run.txt 2>&1
check "the run reports a tie" has run.txt 'a tie, the earlier one counts: v=1'
check "a stage may be named without the only pipeline" sh -c 'rm bad.json; "$1" why "a[v=1]" --store store' sh "$retort"
check "a slip in the name of the only pipeline is refused" exits 2 sh -c '"$1" run good.jsn --store store 2>said.err' sh "$retort"
check "the message names the file" has said.err 'did you mean "good.json"?'
if [ "$BUILD" = "$repository/build/release" ] && command -v readelf >/dev/null; then
    hardened() { for program in retort retort-stage retort-keeper; do readelf -dlW "$BUILD/$program" >elf && grep -q GNU_RELRO elf && grep -q BIND_NOW elf && readelf -sW "$BUILD/$program" | grep -q __stack_chk_fail || return 1; done; }
    check "the programs are hardened: relro, immediate binding, stack protector" hardened
fi
piped() { "$retort" plan - --store store <good.json >piped.txt 2>said.err || { cat said.err; return 1; }; has piped.txt "3 known"; }
check "a pipeline is read from standard input" piped
mkfifo pipe
streamed() { cat good.json >pipe & "$retort" plan pipe "$@" --store store >piped.txt 2>said.err || { cat said.err; return 1; }; has piped.txt "known    a[v=1]"; }
check "a pipeline is read from a named pipe" streamed
check "a stage is named beside a pipeline from a named pipe" streamed "a[v=1]"
check "a fault of standard input is refused" sh -c 'echo "{" | "$1" check - 2>said.err; test $? -eq 2' sh "$retort"
check "the message names standard input" has said.err "<stdin>:2:1: error: "
for target in 'a[v=a b]' 'a[v="a b"]' 'a[v=1.0]' 'a[v=*]'; do
    check "why finds $target" sh -c '"$1" why good.json "$2" --store store | grep -q ": known: "' sh "$retort" "$target"
done
check "why of one instance prints one line" same "$("$retort" why good.json 'a[v=b]' --store store | wc -l)" 1
check "a run that cannot write its events ends with exit status 3" exits 3 sh -c '"$1" run good.json --store store --progress json >/dev/full' sh "$retort"
mkdir by-hand && echo '{"mine": 1}' >by-hand/spec.json
check "exec refuses to replace a file of the user's" says exec deeprx/profile --with '{"architecture": "deeprx"}' --out by-hand
check "the message names the file" has said.err "by-hand/spec.json exists"
check "the file of the user's is unchanged" same "$(cat by-hand/spec.json)" '{"mine": 1}'
echo '{"retort_spec": 1}' >by-hand/spec.json
check "exec replaces a spec that an earlier call wrote" "$retort" exec deeprx/profile --with '{"architecture": "deeprx"}' --out by-hand
for c in run plan why check graph show log runs metrics energy kinds exec fsck; do
    "$retort" $c --help >help.txt
    check "$c --help says how to call it" has help.txt "usage: retort $c"
    "$retort" --man $c >man.1
    check "$c has a man page" has man.1 ".SH EXIT STATUS"
done
finish

#!/bin/sh
# "access" decides by hand whether an input is the project's own file or a copy.
. tests/integration/lib.inc
mkdir -p "$work/home" "$work/project" && cd "$work/project" || exit 1
export HOME="$work/home"
mkdir .git cached && echo s >small && head -c 3000000 /dev/zero >large && truncate -s 65M huge && echo x >cached/x && mkdir cached/__pycache__
cat >a.json <<'END'
{ "retort": 1, "name": "a", "stages": {
    "own": { "cmd": ["sh", "-c", "stat -Lc %i small >o; cat small >>o"], "in": [{ "path": "small", "access": "in-place" }], "outs": ["o"] },
    "kind": { "cmd": ["sh", "-c", "stat -c %F small large huge cached >o"], "outs": ["o"],
              "in": [{ "path": "small", "access": "in-place" }, { "path": "cached", "access": "in-place" }, "large", "huge"] },
    "copy": { "cmd": ["sh", "-c", "stat -Lc %i large huge >o"], "in": [{ "path": "large", "access": "copy" }, { "path": "huge", "access": "copy" }], "outs": ["o"] },
    "write": { "cmd": ["sh", "-c", "echo x >>small"], "in": [{ "path": "small", "access": "in-place" }] } },
  "results": { "own": "${stages.own.outs.o}", "kind": "${stages.kind.outs.o}", "copy": "${stages.copy.outs.o}" } }
END
lines() { tr '\n' ' ' <"$1"; }
keys() { "$retort" plan "$1" --json | grep -o '"key":"[^"]*"'; }
sed 's/, "access": "[a-z-]*"//g' a.json >plain.json
check "access is no part of a key" same "$(keys a.json)" "$(keys plain.json)"
sleep 2.1 # a file that changed just now is copied
RETORT_ISOLATION=on "$retort" run a.json own copy kind --store "$work/on" --progress plain >run.err 2>&1
if [ "$("$retort" show a.json own --json --store "$work/on" | sed -n 's/^ *"isolation": "\(.*\)",*$/\1/p')" = namespace ]; then
    check "a small input in place is the project's own file" same "$(lines results/a/own)" "$(stat -c %i small) s "
    check "in an isolated directory it is no link" has results/a/kind "regular file"
    check "a large input that is copied is another file" exits 1 grep -qx "$(stat -c %i large)" results/a/copy
fi
rm -rf results
"$retort" run a.json own copy kind --progress plain >run.err 2>&1
check "without isolation a small input in place is the project's own file" same "$(lines results/a/own)" "$(stat -c %i small) s "
check "it is a link, and so is one of more than 64 MiB; a folder with a cache is not" same "$(lines results/a/kind)" \
    "symbolic link regular file symbolic link directory "
check "a huge input that is copied is another file" exits 1 grep -qx "$(stat -c %i huge)" results/a/copy
"$retort" run a.json write --progress plain >run.err 2>&1
check "a command that writes through the link fails" grep -q "failed  *write" run.err
check "the failure names the input" has run.err 'its input "small" was changed while it ran; a stage cannot change one: let it write to a copy'
check "the kept directory has no way to the file" test ! -e .retort/failed/a/write/dir/small
bad() { echo "{ \"retort\": 1, \"name\": \"b\", \"stages\": { \"a\": { \"cmd\": [\"true\"], \"in\": { \"i\": $1 } } } }" >bad.json; "$retort" check bad.json >bad.err 2>&1; has bad.err "$2"; }
check "another word is refused" bad '{ "path": "small", "access": "link" }' '"access" is "in-place" or "copy"; found the text "link"'
echo 'a: 1' >p.yaml
check "members of a file are never in place" bad '{ "path": "p.yaml", "only": ["a"], "access": "in-place" }' '"only" makes a file of its own'

# A script that searches upward finds another project where commands are not isolated.
mkdir src && echo 'import rootutils; rootutils.setup_root(__file__)' >src/up.py && echo 'print(1)' >src/plain.py
cat >u.json <<'END'
{ "retort": 1, "name": "u", "stages": {
    "up": { "cmd": ["python3", "src/up.py"], "in": ["src/up.py"] }, "named": { "cmd": ["python3", "${in.s}"], "in": { "s": "src/up.py" } },
    "folder": { "cmd": ["python3", "src/up.py"], "in": ["src"] },
    "plain": { "cmd": ["python3", "src/plain.py"], "in": ["src/plain.py"] } } }
END
"$retort" check u.json >check.err 2>&1
check "check warns of an upward search without isolation" has check.err 'warning: "src/up.py" searches upward for the project (rootutils)'
check "for each stage that runs such a script" same "$(grep -c 'searches upward' check.err)" 3
check "it does not where commands are isolated" sh -c 'RETORT_ISOLATION=on "$1" check u.json 2>&1 | grep -c "searches upward" | grep -qx 0 || ! unshare -m true' sh "$retort"
sed -i 's/"cmd": \["python3", "src\/up.py"\], "in": \["src"\]/"isolation": false, &/' u.json
check "isolation of one stage may be off" sh -c 'RETORT_ISOLATION=on "$1" check u.json 2>&1 | grep -c "searches upward" | grep -qx "[13]"' sh "$retort"
finish

#!/bin/sh
# Words of commands: programs that are not there, and files of the project that a stage does not see, are told beforehand.
. tests/integration/lib.inc
cd "$work" || exit 1
echo 'echo hi' >train.sh && chmod +x train.sh && mkdir -p src && echo 1 >src/a.py
pipeline() { echo "{\"retort\": 1, \"name\": \"p\", \"stages\": {\"first\": {\"cmd\": [\"touch\", \"x\"]}, \"a\": $1}}" >p.json; }
warned() { "$retort" check p.json >said.txt 2>said.err || { cat said.err; return 1; }; has said.err "$1"; }
quiet() { "$retort" check p.json >said.txt 2>said.err && same "$(cat said.err)" ""; }

pipeline '{"cmd": ["no-such-program"], "after": ["first"]}'
check "check warns of a program that is not there" warned 'p.json:1:86: warning: there is no program "no-such-program" on the PATH of the stage'
refused() { "$retort" run p.json --progress json >run.json 2>/dev/null; same "exit status $?" "exit status 3"; }
check "run refuses it" refused
check "nothing was started" sh -c '! grep -q started run.json'
check "the other stage runs with --keep-going" sh -c '"$1" run p.json -k --progress json 2>/dev/null | grep -q "\"finished\":1,\"failed\":1"' sh "$retort"
pipeline '{"cmd": ["/no/such/program"]}'
check "check warns of a program that is named by its whole path" warned 'there is no program "/no/such/program"'
check "run refuses it too" refused
pipeline '{"cmd": ["no-such-program"], "env": {"PATH": "/opt/x"}}'
check "check leaves a PATH of the stage's own to the attempt" quiet
pipeline '{"cmd": ["./train.sh"]}'
check "check warns of a script that is no input" warned 'the file "./train.sh" will not stand in the stage'
check "the message shows how to declare it" has said.err '"in": ["train.sh"]'
pipeline '{"cmd": ["./train.sh"], "in": ["train.sh"]}'
check "a declared script is no warning" quiet
pipeline '{"cmd": ["sh", "src/a.py"], "in": ["src"]}'
check "a script in a declared folder is no warning" quiet
pipeline '{"cmd": ["sh", "src/a.py"], "in": {"s": "src/a.py"}}'
check "check warns of a script that stands elsewhere" warned 'name a declared one as ${in.NAME}'
pipeline '{"cmd": ["sh", "b.py"], "in": {"s": {"path": "src/a.py", "as": "b.py"}}}'
check "a script with a place of its own is no warning" quiet
pipeline '{"cmd": ["sh", "-c", "src/a.py"], "outs": {"o": "src/a.py"}}'
check "a word that names an out is no warning" quiet
# Values that make no word.
pipeline '{"matrix": {"v": [null, 1]}, "cmd": ["echo", "${matrix.v}"]}'
fault() { "$retort" check p.json 2>said.err; same "exit status $?" "exit status 2" && has said.err "$1"; }
check "null in a matrix is no word, as in params" fault "null cannot be written into text; only text, numbers, true and false can (at /stages/a/cmd/1, in a[v=null])"
pipeline '{"matrix": {"v": [null, 1]}, "cmd": ["env"], "env": {"V": "v${matrix.v}"}}'
check "nor a variable" fault "null cannot be written into text"
pipeline '{"cmd": ["ls"], "in": ["https://example.org/x"]}'
check "a URL as a path is told how to write it" fault 'a file to fetch is {"url": ..., "sha256": ..., "as": its place}'
finish

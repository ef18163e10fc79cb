#!/bin/sh
# Optional inputs and outs may be absent.
. tests/integration/lib.inc
cd "$work" || exit 1
run() { "$retort" run "$@" --progress json >run.json 2>run.err; }
ended() { counts run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
words='for w; do printf "%s " "$w"; done >o'
cat >t.json <<EOT
{ "retort": 1, "name": "t", "params": { "hurt": "no" }, "stages": {
    "make": { "matrix": { "n": [1, 2] }, "cmd": ["sh", "-c", "echo \$0 >x; if [ \$0 = 2 ]; then echo \$0 >y; fi", "\${matrix.n}"],
      "outs": { "x": "x", "y": { "path": "y", "optional": true }, "m": { "path": "m.json", "type": "metrics", "optional": true } } },
    "one": { "in": { "x": "\${stages.make[n=1].outs.x}", "y": "\${stages.make[n=1].outs.y}", "m": "\${stages.make[n=1].outs.m}" },
      "cmd": ["sh", "-c", "$(echo "$words" | sed 's/"/\\"/g')", "sh", "\${in.x}", "\${in.y}", "end"], "outs": ["o"] },
    "all": { "in": { "y": "\${stages.make[*].outs.y}" }, "cmd": ["sh", "-c", "cat \"\$@\" >o", "sh", "\${in.y}"], "outs": ["o"] },
    "own": { "in": ["\${stages.make[n=1].outs.y}", { "path": "gone.txt", "optional": true }],
      "cmd": ["sh", "-c", "ls >o"], "outs": ["o"] },
    "file": { "in": { "f": { "path": "there.txt", "optional": true } }, "cmd": ["sh", "-c", "echo \$# >o", "sh", "\${in.f}"], "outs": ["o"] },
    "when": { "when": [{ "value": "\${params.hurt}", "equals": "yes" }], "cmd": ["sh", "-c", "echo >o"], "outs": ["o"] },
    "spare": { "in": { "o": { "from": "\${stages.when.outs.o}", "optional": true } }, "cmd": ["sh", "-c", "echo \$# >o", "sh", "\${in.o}"], "outs": ["o"] } },
  "results": { "one": "\${stages.one.outs.o}", "all": "\${stages.all.outs.o}", "own": "\${stages.own.outs.o}", "file": "\${stages.file.outs.o}",
    "spare": "\${stages.spare.outs.o}", "y1": "\${stages.make[n=1].outs.y}", "y2": "\${stages.make[n=2].outs.y}" } }
EOT
check "the file is sound" "$retort" check t.json
check "a stage may leave an optional out unwritten" run t.json
check "everything ran" same "$(counts run.json)" '{"event":"end","known":0,"finished":7,"failed":0,"interrupted":0,"skipped":0}'
check "the word of an absent out vanishes" same "$(cat results/t/one)" "in/x/x end "
check "a list has those that are there" same "$(cat results/t/all)" 2
check "absent inputs leave nothing in the directory" same "$(cat results/t/own)" o
check "so does a file that is not there" same "$(cat results/t/file)" 0
check "and an instance that when leaves out" same "$(cat results/t/spare)" 0
check "a result of an absent out is left out" test ! -e results/t/y1
check "a result of a written one is published" same "$(cat results/t/y2)" 2
check "the second run executes nothing" run t.json
check "all is known" same "$(ended known)" 7
"$retort" run t.json 2>run.err
check "each run says which result is left out" has run.err 'the result "y1" is left out: there is no out to publish'
"$retort" show t.json 'make[n=1]' >out.txt
check "show says what was not written" has out.txt 'out y                was not written'
"$retort" show t.json 'make[n=1]' --json >out.txt
check "the record says so too" sh -c 'tr -d " \n" <out.txt | grep -qF "\"absent\":[\"m\",\"y\"]"'
"$retort" show t.json one --json >out.txt
check "the absence is in the key of what refers to it" sh -c 'tr -d " \n" <out.txt | grep -q "\"in.y\":\[\]"'
check "verify finds the same absence" "$retort" verify t.json
check "gc keeps what is needed" "$retort" gc
check "fsck finds no fault" "$retort" fsck
check "after both all is known" run t.json
check "nothing runs again" same "$(ended known)" 7
echo here >there.txt
check "a file that is there now" run t.json
check "runs one stage again" same "$(ended known)$(ended finished)" 61
check "the stage gets it" same "$(cat results/t/file)" 1
check "an instance that is there now" run t.json --set params.hurt=yes
check "runs what may use it" same "$(ended finished)" 2
check "the stage gets its out" same "$(cat results/t/spare)" 1

# Another result than the recorded absence is a difference.
echo no >flag
cat >v.json <<EOT
{ "retort": 1, "name": "v", "stages": { "a": { "cmd": ["sh", "-c", "grep -q no \$0 || echo 1 >o", "$work/flag"], "isolation": false,
  "outs": { "o": { "path": "o", "optional": true } } } } }
EOT
check "a stage that writes nothing yet" run v.json
echo yes >flag
check "verify finds an out that was absent" exits 1 "$retort" verify v.json

# An out that must be written is another out.
printf '{ "retort": 1, "name": "k", "stages": { "a": { "cmd": ["true"], "outs": { "o": { "path": "o"%s } } } } }' ', "optional": true' >k.json
check "without the out" run k.json
printf '{ "retort": 1, "name": "k", "stages": { "a": { "cmd": ["true"], "outs": { "o": { "path": "o"%s } } } } }' '' >k.json
check "a stage that must write it fails" exits 1 run k.json
check "and says what is missing" has run.json 'it did not write its out'
finish

#!/bin/sh
# A part of a folder out as an input: scatter and gather run again only for the piece that changed.
. tests/integration/lib.inc
cd "$work" || exit 1
ended() { counts run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
run() { "$retort" run "$@" --progress json >run.json 2>run.err; }

for n in 1 2 3; do echo $n >in-$n; done
cat >t.json <<'EOF'
{ "retort": 1, "name": "t", "stages": {
    "split": { "cmd": ["sh", "-c", "for n in 1 2 3; do mkdir -p d/p$n/deep d/p$n/empty; cp in-$n d/p$n/deep/x; done; cp in-1 d/one; chmod +x d/one"],
               "in": ["in-1", "in-2", "in-3"], "outs": { "d": { "path": "d", "type": "directory" } } },
    "each": { "cmd": ["sh", "-c", "find p | sort >o; cat p/deep/x >>o"], "matrix": { "n": [1, 2, 3] }, "outs": ["o"],
              "in": [{ "from": "${stages.split.outs.d}", "part": "p${matrix.n}", "as": "p" }] },
    "named": { "cmd": ["sh", "-c", "find in d | sort >o; cat $1/x >>o; $2 2>&1; test -x $2 && echo x >>o", "sh", "${in.deep}", "${in.one}"], "outs": { "o": "o" },
               "in": { "deep": { "from": "${stages.split.outs.d}", "part": "p2/deep" }, "one": { "from": "${stages.split.outs.d}", "part": "one", "as": "d/one" } } },
    "gather": { "cmd": ["sh", "-c", "cat parts/*/o >o"], "in": [{ "from": "${stages.each[*].outs.o}", "as": "parts" }], "outs": ["o"] } },
  "results": { "each/": "${stages.each[*].outs.o}", "named": "${stages.named.outs.o}" } }
EOF
check "the pipeline is sound" "$retort" check t.json
check "stages that take parts of a folder" run t.json
check "a part that is a folder" same "$(tr '\n' ' ' <results/t/each/n=2)" "p p/deep p/deep/x p/empty 2 "
check "parts below others, and files" same "$(tr '\n' ' ' <results/t/named)" "d d/one in in/deep in/deep/deep in/deep/deep/x 2 x "
echo changed >in-3
check "a folder of which one part changed" run t.json
check "runs what takes that part, and what gathers" same "$(ended known)$(ended finished)" 33
rm -r .retort/work && "$retort" gc --keep-runs 1 --grace 0 >gc.out 2>&1
check "gc keeps what parts need" run t.json
check "all is known" same "$(ended finished)" 0
sed -i 's/"part": "one"/"part": "none"/' t.json
check "a part that the folder does not have is a fault of its stage" exits 2 run t.json -k
check "and is named" grep -q 'the folder has no .*none' run.err run.json
finish

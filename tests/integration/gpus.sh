#!/bin/sh
# Stages that hold GPUs get disjoint ones. No GPU is needed: the engine hands out numbers.
. tests/integration/lib.inc
cd "$work" || exit 1
unset CUDA_VISIBLE_DEVICES HIP_VISIBLE_DEVICES ZE_AFFINITY_MASK

# Each stage makes a folder for each GPU that it holds, which fails where another stage has it, and waits for the other one.
cat >both.sh <<'END'
for gpu in $(echo "$CUDA_VISIBLE_DEVICES" | tr , ' '); do mkdir "$1/held.$gpu" || exit 1; done
echo >"$1/here.$2"
for i in $(seq 400); do [ -e "$1/here.$3" ] && break; sleep 0.05; done
echo "$CUDA_VISIBLE_DEVICES $HIP_VISIBLE_DEVICES $ZE_AFFINITY_MASK $CUDA_DEVICE_ORDER" >o
[ -e "$1/here.$3" ]
END
cat >t.json <<END
{ "retort": 1, "name": "t", "stages": {
  "a": { "cmd": ["sh", "\${in.both}", "$work", "a", "b"], "in": { "both": "both.sh" }, "resources": { "gpus": 2 }, "outs": { "o": "o" } },
  "b": { "cmd": ["sh", "\${in.both}", "$work", "b", "a"], "in": { "both": "both.sh" }, "resources": { "gpus": 1 }, "outs": { "o": "o" } },
  "none": { "cmd": ["sh", "-c", "echo \"\${CUDA_VISIBLE_DEVICES-unset}\" >o"], "outs": { "o": "o" } } },
  "results": { "a": "\${stages.a.outs.o}", "b": "\${stages.b.outs.o}", "none": "\${stages.none.outs.o}" } }
END
sed -i 's/\\"\${CUDA/\\"$${CUDA/' t.json
check "stages that hold GPUs at the same time get different ones" "$retort" run t.json -j 2 --gpus 1,4,6 --progress none
cat results/t/a results/t/b | sort >told
check "every vendor's variable names them" same "$(cut -d' ' -f2,3 <told | tr '\n' ';')" "$(cut -d' ' -f1 told | sed 's/.*/& &/' | tr '\n' ';')"
check "all that were listed are held, each once" same "$(cut -d' ' -f1 told | tr ',' '\n' | sort | tr '\n' ' ')" "1 4 6 "
check "numbers count as nvidia-smi does" same "$(cut -d' ' -f4 told | sort -u)" PCI_BUS_ID
check "a stage without GPUs gets no variable" same "$(cat results/t/none)" unset
held() { "$retort" show t.json "$1" --json | python3 -c 'import json, sys; print(",".join(json.load(sys.stdin)["provenance"].get("gpus", [])))'; }
check "the record says which GPUs a stage held" same "$(held a)" "$(cut -d' ' -f1 results/t/a)"
"$retort" show t.json b >shown
check "show says it too" has shown "  gpu $(cut -d' ' -f1 results/t/b)"
check "the record of a stage without GPUs names none" same "$(held none)" ""

rm -rf held.* here.*
check "verify hands out GPUs too" "$retort" verify t.json -j 2 --gpus 1,4,6

# The outs take a while to be stored. Meanwhile the next stage has the GPU.
cat >one.json <<'END'
{ "retort": 1, "name": "one", "stages": {
  "s": { "matrix": { "n": [1, 2, 3, 4] }, "cmd": ["sh", "-c", "truncate -s 200M o; echo $1 >>o", "sh", "${matrix.n}"], "resources": { "gpus": 1 }, "outs": { "o": "o" } } } }
END
check "stages take turns with one GPU" "$retort" run one.json -j 4 --gpus 0 --progress none
# A stage that holds no GPUs chooses by hand; one that holds some is given them.
cat >own.json <<'END'
{ "retort": 1, "name": "own", "stages": {
  "hidden": { "cmd": ["sh", "-c", "echo \"${CUDA_VISIBLE_DEVICES-unset}\" >o"], "env": { "CUDA_VISIBLE_DEVICES": "-1" }, "outs": { "o": "o" } },
  "empty": { "cmd": ["sh", "-c", "echo \"${CUDA_VISIBLE_DEVICES-unset}\" >o"], "env": { "CUDA_VISIBLE_DEVICES": "" }, "outs": { "o": "o" } } },
  "results": { "hidden": "${stages.hidden.outs.o}", "empty": "${stages.empty.outs.o}" } }
END
sed -i 's/\\"\${CUDA/\\"$${CUDA/' own.json
"$retort" run own.json --gpus 0 --progress none
check "a stage without GPUs keeps its own CUDA_VISIBLE_DEVICES" same "$(cat results/own/hidden)" -1
check "an empty one hides all GPUs" same "$(cat results/own/empty)" ""
for variable in CUDA_VISIBLE_DEVICES HIP_VISIBLE_DEVICES ZE_AFFINITY_MASK; do
    echo '{ "retort": 1, "name": "both", "stages": { "s": { "cmd": ["true"], "env": { "'$variable'": "1" }, "resources": { "gpus": 1 } } } }' >both.json
    check "gpus beside $variable are refused" exits 2 "$retort" check both.json 2>said.err
    "$retort" check both.json 2>said.err
    check "the message says what to drop beside $variable" has said.err "$variable is set, and \"resources\" asks for gpus"
done
echo '{ "retort": 1, "name": "both", "defaults": { "pass_env": ["CUDA_VISIBLE_DEVICES"] }, "stages": { "s": { "cmd": ["true"], "resources": { "gpus": 1 } } } }' >both.json
check "gpus beside a default that passes the variable are refused" exits 2 "$retort" check both.json
rm -r .retort
check "only the caller's GPUs count" sh -c 'CUDA_VISIBLE_DEVICES=5 "$1" run one.json -j 2 --progress none' sh "$retort"
check "no stage gets another than the caller's" same "$("$retort" show one.json 's[n=1]' --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["provenance"]["gpus"])')" "['5']"
finish

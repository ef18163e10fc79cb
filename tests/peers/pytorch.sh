#!/bin/sh
# Models, log-likelihood ratios, losses and gradients against the same network written in PyTorch (python3-torch).
# Makes Retort's results here; pytorch.py compares them and prints TAP. Two shapes: depth multiplier 1 with 16-QAM, two
# pilots and matched-filter input, and DeepRx's multiplier 2 with 256-QAM, one pilot and raw input.
BUILD=${BUILD:-build/release}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bail() { echo "not ok 1 - $1"; echo "1..1"; exit 1; }
/usr/bin/python3 -c 'import torch' 2>/dev/null || bail "PyTorch is there (Debian: python3-torch)"

retort() {
    kind=$1; shift
    "$BUILD/retort" exec "$kind" "$@" >"$work/said" 2>&1 || { sed 's/^/# /' "$work/said"; bail "$kind runs"; }
}

# step FOLDER NAME CONFIG-JSON [ARGUMENT...]
step() {
    folder=$1 name=$2 config=$3; shift 3
    loss=$("$BUILD/tests/peers/gradients" "$folder/steps/$name.safetensors" "$folder/student/model.safetensors" \
        "$folder/data" "$@") || bail "gradients of $name"
    echo "{\"config\": $config, \"loss\": $loss}" >"$folder/steps/$name.json"
}

# shape NAME NETWORK LINK
shape() {
    folder=$work/$1 network=$2 link=$3
    mkdir -p "$folder/steps"
    training="$network,$link,\"steps\":40,\"batch\":6,\"validation\":{\"slots\":1}"
    retort deeprx/train --with "{\"size\":1,$training}" --out "$folder/student"
    retort deeprx/train --with "{\"size\":2,$training,\"seed\":9}" --out "$folder/teacher"
    retort link/dataset --with "{${network##*,},$link,\"slots\":5,\"seed\":3}" --out "$folder/data"
    retort deeprx/infer --in model="$folder/student/model.safetensors" --in x="$folder/data/x.npy" --out "$folder/llr"
    retort deeprx/infer --in model="$folder/teacher/model.safetensors" --in x="$folder/data/x.npy" \
        --out "$folder/teacher-llr"
    step "$folder" scratch '{}'
    for kd in bernoulli softmax; do
        for reduction in sum mean; do
            [ $reduction = sum ] && alpha=500 || alpha=0.05
            for squared in false true; do
                [ $squared = true ] && flag=1 || flag=0
                config="\"kd\":\"$kd\",\"reduction\":\"$reduction\",\"t_squared\":$squared,\"alpha\":$alpha"
                step "$folder" "$kd-$reduction-t_squared-$squared" "{$config,\"temperature\":3,\"clip\":0.2}" \
                    "$folder/teacher/model.safetensors" $kd $reduction $flag $alpha 3 0.2
            done
        done
    done
}

shape multiplier-1 '"ladder":{"1":4,"2":9},"blocks":[{"width":6},{"width":6,"dilation":[2,3]},
    {"scale":2,"dilation":[3,6]},{"width":5,"scale":1}],"features":"mrc"' '"link":{"resource_blocks":2,"pilots":2}'
shape multiplier-2 '"ladder":{"1":5,"2":8},"depth_multiplier":2,"blocks":[{"width":8},{"scale":1,"dilation":[2,3]},
    {"scale":1,"dilation":[2,3]},{"scale":2,"dilation":[3,6]}],"features":"raw"' \
    '"link":{"resource_blocks":3,"pilots":1,"qam":256,"antennas":3,"interference":true}'
/usr/bin/python3 -B tests/peers/pytorch.py "$work/multiplier-1" "$work/multiplier-2"

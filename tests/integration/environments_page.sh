#!/bin/sh
# The recipes of pipelines/ENVIRONMENTS.md: each is checked, and those that this machine can run give what the page says.
. tests/integration/lib.inc
awk -v to="$work/recipe" '/^```json$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > (to n ".json") }' pipelines/ENVIRONMENTS.md
cd "$work" || exit 1
unset CUDA_VISIBLE_DEVICES VIRTUAL_ENV CONDA_PREFIX

touch study.sif study.tar train.py
for recipe in recipe*.json; do
    name=$(sed -n 's/.*"name": "\(with-[a-z]*\)".*/\1/p' "$recipe")
    mv "$recipe" "$name.json"
    check "retort check accepts the recipe $name" "$retort" check "$name.json"
done
check "the page has a recipe for every environment" same "$(ls with-*.json | tr '\n' ' ')" \
    "with-apptainer.json with-caches.json with-conda.json with-gpus.json with-modules.json with-podman.json with-pyenv.json with-secrets.json with-venv.json "

run() { "$retort" run "$@" --progress none; }
/usr/bin/python3 -m venv --without-pip .venv
check "the recipe with a venv runs" run with-venv.json
check "its Python is that of the venv" same "$(cat results/with-venv/prefix.txt)" "$work/.venv"

# Made by hand, as conda lays an environment out.
mkdir -p envs/study/bin envs/study/conda-meta && touch envs/study/conda-meta/history && ln -s /usr/bin/python3 envs/study/bin/python
check "the recipe with conda runs" run with-conda.json
check "CONDA_PREFIX and PATH are those of the environment" same "$(cat results/with-conda/prefix.txt)" "$work/envs/study
$work/envs/study/bin/python"

# A Python that lies where pyenv puts one.
mkdir -p versions/3.11.7/bin && printf '#!/bin/sh\necho "%s" >prefix.txt\n' "$work/versions/3.11.7" >versions/3.11.7/bin/python3
chmod +x versions/3.11.7/bin/python3
check "the recipe with pyenv runs" run with-pyenv.json
check "its Python is that of the version's folder" same "$(cat results/with-pyenv/prefix.txt)" "$work/versions/3.11.7"

# A module adds a folder to PATH, and its name to LOADEDMODULES.
mkdir -p module/bin && printf '#!/bin/sh\necho simulated\n' >module/bin/simulate && chmod +x module/bin/simulate
check "the recipe with modules runs" env PATH="$work/module/bin:$PATH" LOADEDMODULES=gcc/12 "$retort" run with-modules.json --progress none
check "it has the module's name and its program" same "$(cat results/with-modules/loaded.txt)" "gcc/12
simulated"

check "the recipe with a secret runs" env API_TOKEN=swordfish "$retort" run with-secrets.json --progress none
check "the secret reaches the stage" same "$(cut -d' ' -f1 results/with-secrets/digest.txt)" "$(printf swordfish | sha256sum | cut -d' ' -f1)"
check "the secret stands in no file of the store" exits 1 grep -rq swordfish .retort results

check "the recipe with caches runs" run with-caches.json
check "the caches have the fixed places" same "$(cat results/with-caches/caches.txt)" "/tmp/shared/huggingface /tmp/shared/torch"

check "the recipe with GPUs runs" "$retort" run with-gpus.json -j 2 --gpus 0,1 --progress none
check "every seed ran on a GPU of the list" same "$(cat results/with-gpus/gpus/* | grep -c 'on [01]$')" 2
finish

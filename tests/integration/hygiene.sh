#!/bin/sh
# Caches, version control and the entries that .retortignore names are no part of a folder input.
. tests/integration/lib.inc
cd "$work" || exit 1
ended() { counts run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
run() { "$retort" run "$@" --progress json >run.json 2>run.err; }

mkdir -p src/deep data/keep data/tmp && echo 'x = 1' >src/m.py && echo one >data/keep/a && echo 'import m; print(m.x)' >src/main.py
touch src/deep/only.py
cat >t.json <<'EOF'
{ "retort": 1, "name": "t", "stages": {
    "py": { "cmd": ["sh", "-c", "python3 src/main.py >o; find src >>o"], "in": ["src"], "outs": ["o"] },
    "see": { "cmd": ["sh", "-c", "find data | sort >o"], "in": ["data"], "outs": ["o"] } },
  "results": { "py": "${stages.py.outs.o}", "see": "${stages.see.outs.o}" } }
EOF
check "a script that imports a module" run t.json
check "leaves no cache in its own folder" same "$(grep -c __pycache__ results/t/py)" 0
env -u PYTHONDONTWRITEBYTECODE -u PYTHONPYCACHEPREFIX PYTHONPATH=src python3 -c 'import m'
check "a module imported by hand leaves a cache" test -d src/__pycache__
mkdir -p src/.git src/deep/.ipynb_checkpoints data/__pycache__ && echo x >src/.git/HEAD && echo x >data/.DS_Store && echo x >data/__pycache__/y
mkfifo src/.git/pipe
check "caches, version control and notes" run t.json
check "change no input" same "$(ended known)$(ended finished)" 20
rm src/deep/only.py
check "a folder that is left with a cache alone" run t.json
check "is an empty folder" same "$(grep -c '^src/deep$' results/t/py)$(grep -c ipynb results/t/py)" 10
echo changed >src/m2.py
check "a new module" run t.json
check "changes the input" same "$(ended known)$(ended finished)" 11

# The project's own rules.
echo log >data/keep/run.log && echo big >data/tmp/big && echo y >data/keep/special.log
cat >.retortignore <<'EOF'
# rules as git has them
*.log
!special.log
/data/tmp/
EOF
printf 'keep\n' >.gitignore
check "files that .retortignore names" run t.json
check "are no part of a folder" same "$(tr '\n' ' ' <results/t/see)" "data data/keep data/keep/a data/keep/special.log "
echo more >>data/keep/run.log && echo more >data/tmp/other
check "a change of theirs" run t.json
check "executes nothing" same "$(ended known)$(ended finished)" 20
mkdir -p home/.config/git && echo 'a' >home/.config/git/ignore
check "the user's own rules for git do not count" env HOME="$work/home" XDG_CONFIG_HOME="$work/home/.config" \
    "$retort" run t.json --progress json
check "and change no input" same "$(env HOME="$work/home" XDG_CONFIG_HOME="$work/home/.config" "$retort" plan t.json --json | grep -c '"known"')" 2

# A kind or command that takes such a file by name gets it.
cat >f.json <<'EOF'
{ "retort": 1, "name": "f", "stages": { "a": { "cmd": ["cp", "data/keep/run.log", "o"], "in": ["data/keep/run.log"], "outs": ["o"] },
    "b": { "cmd": ["sh", "-c", "ls tmp >o"], "in": [{ "path": "data/tmp", "as": "tmp" }], "outs": ["o"] } },
  "results": { "o": "${stages.a.outs.o}", "b": "${stages.b.outs.o}" } }
EOF
check "a file that is named itself" run f.json
check "is given" same "$(cat results/f/o)" "log
more"
check "a folder that is named itself is given whole" same "$(tr '\n' ' ' <results/f/b)" "big other "
ln -s data linked
sed -i 's/"data\/tmp", "as": "tmp"/"linked", "as": "tmp"/' f.json
check "a folder behind a link" run f.json
check "has the same parts" same "$(tr '\n' ' ' <results/f/b)" "keep "
rm .retortignore && mkdir .retortignore
check "rules that cannot be read are an error" exits 3 run t.json
finish

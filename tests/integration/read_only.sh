#!/bin/sh
# A stage cannot change an input, whatever its size and age, and however it is given. One that does fails.
. tests/integration/lib.inc
unset RETORT_ISOLATION
mkdir -p "$work/home" "$work/project" && cd "$work/project" || exit 1
export HOME="$work/home"
mkdir .git folder many && echo old >small && head -c 3000000 /dev/zero >large && echo x >folder/x && echo 'a: 1' >params.yaml
for i in 1 2; do echo $i >many/$i; done
change() { # NAME INPUTS CHANGE: a stage that changes its input
    printf '"%s": { "cmd": ["sh", "-c", "%s"], "in": %s },\n' "$1" "$3" "$2"
}
{
    echo '{ "retort": 1, "name": "w", "stages": { "made": { "cmd": ["sh", "-c", "echo made >o; mkdir d; echo >d/y"], "outs": ["o", "d"] },'
    change small '["small"]' 'echo x >>small'
    change large '["large"]' 'echo x >>large'
    change mode '["small"]' 'chmod 777 small'
    change time '["small"]' 'touch -d 2001-01-01 small'
    change gone '["small"]' 'rm -f small'
    change other '["small"]' 'echo x >y && mv -f y small'
    change folder '["folder"]' 'echo x >>folder/x'
    change entry '["folder"]' 'echo x >folder/new'
    change named '{ "i": "small" }' 'echo x >>in/i/small'
    change item '{ "i": ["many/1", "many/2"] }' 'echo x >>in/i/1/2'
    change only '[{ "path": "params.yaml", "only": ["a"] }]' 'echo x >>params.yaml'
    change out '["${stages.made.outs.o}"]' 'chmod u+w o; echo x >>o'
    change dir '["${stages.made.outs.d}"]' 'touch d/z'
    cat <<'END'
    "beside": { "cmd": ["sh", "-c", "echo x >in/i/index && cat in/i/small in/i/index >o"], "in": { "i": "small" }, "outs": ["o"] },
    "tries": { "cmd": ["sh", "-c", "(echo x >>folder/x) 2>e; cat folder/x >o"], "in": ["folder"], "outs": ["o"] },
    "caches": { "cmd": ["sh", "-c", "mkdir folder/__pycache__ 2>e; cat folder/x >o"], "in": ["folder"], "outs": ["o"] } } }
END
} >w.json
names="small large mode time gone other folder entry named item only out dir"
refused() { # FLAGS: each stage that changes its input fails
    "$retort" run w.json -k --progress plain $1 >run.out 2>run.err
    for stage in $names; do
        grep -q "failed  *$stage" run.err || { echo "$stage did not fail"; sed -n 1,200p run.err; return 1; }
    done
}
files() { stat -c '%n %i %a %s %Y' small large folder folder/x many/1 many/2 params.yaml; cat small folder/x many/1 many/2 params.yaml; }
before=$(files)
check "a stage that changes a young input fails" refused
grep -q "Read-only file system" run.err &&
    check "the failure names the input that it could not change" has run.err "folder/x is an input of this stage, and a stage cannot change one; let it write to a copy"
sleep 2.1 # files that changed just now are given in another way
check "a stage that changes an old input fails" refused
check "the store is whole" "$retort" fsck
check "without isolation too" refused "--no-isolation --store $work/open"
check "the message names the input and the mend" has run.err 'it changed its input "small", which is read-only; let it write to a copy'
check "the message names an input of a name" has run.err 'it changed its input "i", which is read-only; let it write to a copy'
check "the message names an out of another stage" has run.err 'it changed its input "o", which is read-only'
check "the project is as it was" same "$(files)" "$before"
check "a file may be written beside an input" "$retort" run w.json beside --progress none
check "without isolation too" "$retort" run w.json beside --no-isolation --store "$work/open" --progress none
check "a cache in a folder is no change" "$retort" run w.json caches --no-isolation --store "$work/open" --progress none
cat >o.json <<'END'
{ "retort": 1, "name": "o", "stages": {
    "made": { "cmd": ["sh", "-c", "echo other >o"], "outs": ["o"] },
    "waits": { "cmd": ["sh", "-c", "echo >up; until [ -e stop ]; do sleep 0.05; done"], "in": ["${stages.made.outs.o}"], "timeout": "20s" } } }
END
"$retort" run o.json made --progress none
digest=$(echo other | sha256sum | cut -c1-64)
object=.retort/objects/$(echo $digest | cut -c1-2)/$(echo $digest | cut -c3-64)
"$retort" run o.json --progress none >run.err 2>&1 & engine=$!
until up=$(ls .retort/work/*/dir/up 2>/dev/null); do sleep 0.05; done
touch "$object"
touch "${up%up}stop"
check "an object that somebody else touches fails no isolated stage" wait $engine
check "a refused write changes nothing" "$retort" run w.json tries --progress none
finish

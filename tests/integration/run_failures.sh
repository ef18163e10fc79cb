#!/bin/sh
# Stages that fail, each in its own way, and what is said of it.
. tests/integration/lib.inc
cd "$work" || exit 1
store=0
# run PIPELINE-STAGES [OPTION...]: a store of its own each time unless SAME is set
run() {
    stages=$1; shift
    [ -n "$SAME" ] || store=$((store + 1))
    printf '{ "retort": 1, "name": "t", "stages": { %s } }\n' "$stages" >t.json
    "$retort" run t.json --progress json --store "store.$store" "$@" >run.json 2>run.err
}
ended() { counts run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }

bad='"bad": { "cmd": ["sh", "-c", "echo one >&2; echo two >&2; exit 3"], "outs": { "o": "o" } }'
check "a failing stage: exit status 1" exits 1 run "$bad"
check "its exit status is told" has run.json "exit status 3 (log: "
check "and the last lines of its stderr" has run.json '\n  one\n  two\n  its directory is kept: '
check "the log is there" same "$(cat "$(grep -o '/[^ ]*\.stderr' run.json)")" "one
two"
check "retort log shows it" sh -c '"$1" log t.json bad --store store.1 | grep -qx two' sh "$retort"
check "its record is kept among the attempts" same "$(grep -l '"state": "failed"' store.1/attempts/* | wc -l)" 1

# Logs of failed instances: each of its last attempt, whichever run made it.
some='"bad": { "cmd": ["sh", "-c", "cat word; echo $1; exit 1", "sh", "${matrix.i}"], "matrix": { "i": [1, 12, 2] }, "outs": { "o": "o" } }'
echo first >word
sed_word='s/"cat word/"cat '"$(pwd | sed 's,/,\\/,g')"'\/word/'
some=$(printf '%s' "$some" | sed "$sed_word")
run "$some" --keep-going
echo second >word
"$retort" run t.json "bad[i=1]" --store "store.$store" >run.json 2>run.err
# The output of the attempts, without the heads and the lines on their ends.
said() { "$retort" log t.json "$@" --store "store.$store" | grep -v '^=\|^-\|^ *failed at \|^ *the directory of ' | tr '\n' ' '; }
check "log shows the last attempt at an instance" same "$(said 'bad[i=1]')" "second 1 "
check "log finds an attempt that an earlier run made" same "$(said 'bad[i=12]')" "first 12 "
check "log of a stage shows the last attempt at each instance" same "$(said bad)" "second 1 first 12 first 2 "
run '"bad": { "cmd": ["sh", "-c", "kill -SEGV $$"] }'
check "a signal is named" has run.json "killed by signal 11 (Segmentation fault)"
run '"bad": { "cmd": ["no-such-program"], "env": { "PATH": "/usr/bin" } }'
check "a program that is not there" has run.json "no-such-program: no such program on the PATH of the stage"
run '"bad": { "cmd": ["true"], "outs": { "o": "here/o" } }'
check "an out that was not written" has run.json 'it did not write its out \"o\" (here/o)'
run '"bad": { "cmd": ["mkdir", "o"], "outs": { "o": "o" } }'
check "an out that is no file" has run.json 'its out \"o\" (o) is no regular file'
run '"bad": { "cmd": ["ln", "-s", "/etc/passwd", "o"], "outs": { "o": "o" } }'
check "an out that is a link" has run.json 'its out \"o\" (o) is no regular file'
mkdir mine && echo precious >mine/o
run '"bad": { "cmd": ["sh", "-c", "rmdir d; ln -s '"$work"'/mine d"], "outs": { "o": "d/o" } }'
check "an out behind a link" has run.json 'its out \"o\" (d/o) lies behind a symbolic link, d: write it into'
check "is not taken from its owner" same "$(cat mine/o)" precious
run '"bad": { "cmd": ["sh", "-c", "echo {\\\"ber\\\": NaM} >o"], "outs": { "o": { "path": "o", "type": "metrics" } } }'
check "a metric that is no number" has run.json 'out \"o\": o: 1:9: '
run '"bad": { "cmd": ["sh", "-c", "echo {\\\"ber\\\": 1} | tee a >b"],
     "outs": { "a": { "path": "a", "type": "metrics" }, "b": { "path": "b", "type": "metrics" } } }'
check "a metric that stands twice" has run.json 'the name \"ber\" is given twice'
run '"bad": { "cmd": ["sh", "-c", "exit 75"], "checkpoint": true }'
check "75 unasked is a failure" has run.json "exit status 75"
run '"bad": { "cmd": ["sleep", "1000"], "timeout": "1s" }'
check "a timeout is a failure that says so" has run.json "timed out: killed by signal 15"

# Its owner's rights bind root too little: the stage runs as nobody there.
other=; [ "$(id -u)" -ne 0 ] || other="setpriv --reuid=65534 --regid=65534 --clear-groups"
mkdir bin open && cp "$retort" "$BUILD/retort-stage" "$BUILD/retort-keeper" bin/ && chmod 711 . && chmod 755 bin bin/* && chmod 777 open
echo '{ "retort": 1, "name": "t", "stages": { "bad": { "cmd": ["sh", "-c", "echo 1 >o; chmod 0 o"], "outs": { "o": "o" } },
      "other": { "cmd": ["true"] } } }' >open/t.json
check "an out that cannot be read is the stage's fault, not the store's" exits 1 sh -c "cd open && $other ../bin/retort run t.json -j 1 \
    --keep-going --progress json >../run.json"
check "and stops nothing else" same "$(ended failed)$(ended finished)" 11
check "a stage that failed has its reason in the log of runs" has run.json 'its out \"o\" (o) cannot be read'
echo '{ "retort": 1, "name": "t", "stages": { "shut": { "cmd": ["sh", "-c", "mkdir -p d/s; echo 1 >d/s/f; chmod -R a-w d"],
      "outs": { "d": { "path": "d", "type": "directory" } } } } }' >open/t.json
check "an out whose folders may not be written to is taken" sh -c "cd open && $other ../bin/retort run t.json"
check "from its folder" test -d open/.retort/work
check "and nothing of it is left" same "$(ls open/.retort/work)" ""
if [ -n "$other" ]; then # files of a container that wrote as root
    dead=$(grep -ho '@[0-9a-f-]*' open/.retort/actions/*.jsonl | head -n 1)
    mkdir -p "open/.retort/work/x$dead/dir/cache" && echo 1 >"open/.retort/work/x$dead/dir/cache/f"
    sed -i 's/echo 1/echo 2/' open/t.json
    check "a run begins although it may not remove old files" sh -c "cd open && $other ../bin/retort run t.json >../told 2>&1"
    check "and is named" has told "it stays until a user with the permission removes it"
    check "nor a collection" sh -c "cd open && $other ../bin/retort gc"
fi

two='"bad": { "cmd": ["false"] }, "after": { "cmd": ["true"], "after": ["bad"] }, "other": { "cmd": ["true"] }'
run "$two" -j 1 --keep-going
check "keep-going: the rest runs" same "$(ended finished)" 1
check "dependents of the failed stage are skipped" same "$(ended skipped)$(ended failed)" 11
check "and says why" has run.json '"state":"skipped","detail":"needs bad, which failed"'
run '"bad": { "cmd": ["false"] }, "slow": { "cmd": ["sh", "-c", "until grep -q failed '"$work"'/run.json; do sleep 0.02; done"] }, "late": { "cmd": ["true"], "after": ["slow"] }' -j 2
check "without keep-going: what runs may end, nothing starts" same "$(ended finished)$(ended failed)" 11

none='"m": { "matrix": { "n": [1] }, "cmd": ["sh", "-c", "echo {\\\"ber\\\": ${matrix.n}} >o"], "outs": { "o": { "path": "o", "type": "metrics" } } },
    "pick": { "select": { "from": "m", "group_by": ["n"], "where": [{ "metric": "metrics.ber", "at_most": 0 }], "minimize": "metrics.ber" } },
    "late": { "cmd": ["true"], "after": ["m"] }'
check "a select that finds nothing is a failure" exits 1 run "$none" -j 1
check "after which nothing starts" same "$(ended finished)$(grep -c '"stage":"late".*"started"' run.json)" 10
SAME=1 check "nor in the next run, where all that it needs is known" exits 1 run "$none" -j 1
check "and it is the select again" has run.err "no group qualifies"
run "$none" -j 1 --keep-going
check "keep-going: the rest runs all the same" same "$(ended finished)" 2
run '"vast": { "cmd": ["true"], "resources": { "memory": "900TB" } }, "other": { "cmd": ["echo"] }' -j 1
check "a stage that needs more than there is keeps the others from starting" same "$(ended finished)$(ended failed)$(grep -c "started" run.json)" 000

run '"bad": { "cmd": ["sh", "-c", "exit 3"] , "retries": 9 }, "worse": { "cmd": ["sh", "-c", "until grep -q retrying '"$work"'/run.json; do sleep 0.02; done; exit 4"] }' -j 2
check "a stage that awaits its next attempt when the run ends is told as interrupted" \
    same "$(ended failed)$(ended interrupted)$(grep -c '"stage":"bad".*"state":"interrupted"' run.json)" 111

odd='"odd": { "cmd": ["sh", "-c", "rmdir $RETORT_CHECKPOINT && echo 5 >$RETORT_CHECKPOINT; exit 1"], "checkpoint": true }'
run "$odd"
check "a checkpoint that the stage made a file of keeps it from nothing" exits 1 sh -c '"$1" run t.json --store "store.$2" 2>told' sh "$retort" $store
check "it is dropped" has told "its checkpoint is dropped: the stage left something else than a directory there"

count='n=$(cat "$RETORT_CHECKPOINT/n" 2>/dev/null || echo 0)'
check "retries: a stage that succeeds at last" run \
    '"tough": { "cmd": ["sh", "-c", "'"$(printf %s "$count" | sed 's/"/\\"/g')"'; echo $((n + 1)) >\"$RETORT_CHECKPOINT/n\"; [ $n -eq 2 ]"],
      "checkpoint": true, "retries": 2 }'
check "was retried twice" same "$(grep -c '"state":"retrying"' run.json)" 2
check "and finished once" same "$(ended finished)$(ended failed)" 10
check "its checkpoint is gone" same "$(find store.$store/checkpoints -type f | wc -l)" 0
check "a checkpoint that leads nowhere is dropped" run \
    '"stuck": { "cmd": ["sh", "-c", "[ -e \"$1/tried\" ] && { [ -e \"$RETORT_CHECKPOINT/bad\" ] || exit 0; exit 1; }; touch \"$1/tried\" \"$RETORT_CHECKPOINT/bad\"; exit 1",
      "sh", "'"$work"'"], "checkpoint": true, "retries": 2 }'
check "after two attempts" same "$(grep -c '"state":"retrying"' run.json)" 2

# Equal work is done once; cache: false is done each time.
twice='"a": { "cmd": ["sh", "-c", "echo x >>$1/a.txt; echo 1 >o", "sh", "'"$work"'"], "outs": { "o": "o" } },
       "b": { "cmd": ["sh", "-c", "echo x >>$1/a.txt; echo 1 >o", "sh", "'"$work"'"], "outs": { "o": "o" } }'
run "$twice" -j 2
check "two stages of one key run once" same "$(wc -l <a.txt) $(ended known)$(ended finished)" "1 11"
run '"a": { "cmd": ["sh", "-c", "echo x >x; echo y >y"], "outs": { "x": "x", "y": "y" } },
     "b": { "cmd": ["sh", "-c", "echo x >x; echo y >y"], "outs": { "y": "y", "x": "x" } },
     "c": { "cmd": ["cat", "${in.x}"], "in": { "x": "${stages.b.outs.x}" } }'
check "and take each other's outs by name" same "$("$retort" log t.json c --store "store.$store" | tail -n 1) $(ended known)" "x 1"
always='"a": { "cmd": ["sh", "-c", "echo x >>$1/b.txt", "sh", "'"$work"'"], "cache": false }'
run "$always"; SAME=1 run "$always"
check "cache: false runs each time" same "$(wc -l <b.txt) $(ended known)$(ended finished)" "2 01"
both='"a": { "cmd": ["sh", "-c", "echo x >>$1/c.txt; echo >o", "sh", "'"$work"'"], "cache": false, "outs": { "o": "o" } },
      "b": { "cmd": ["sh", "-c", "echo x >>$1/c.txt; echo >o", "sh", "'"$work"'"], "outs": { "o": "o" } }'
run "$both" -j 2
check "beside one of its key that is cached it runs for both" same "$(wc -l <c.txt) $(ended known)$(ended finished)" "1 11"
check "that stage leaves a record" "$retort" show t.json b --store "store.$store"
SAME=1 run "$both" -j 2
check "that the cached one has the next time" same "$(wc -l <c.txt) $(ended known)$(ended finished)" "2 11"

# Variables that pass_env lets through are recorded by name alone.
SECRET_TOKEN=hunter2 run '"a": { "cmd": ["sh", "-c", "echo $SECRET_TOKEN >o"], "pass_env": ["SECRET_TOKEN"], "outs": { "o": "o" } }'
check "a variable is let through" same "$(cat "$(find store.$store/objects -type f)")" hunter2
check "and stands in no record" exits 1 grep -rq hunter2 store.$store/actions store.$store/runs store.$store/attempts
check "but for its name" grep -q SECRET_TOKEN store.$store/actions/*
printf '#!/bin/sh\n' >program && chmod 755 program
run '"a": { "cmd": ["'"$work"'/program"] }'
echo 'exit 0' >>program
check "a program that has changed re-runs nothing, but why tells it" sh -c \
    '"$1" why t.json a --store "$2" | grep -q "/program has changed since"' sh "$retort" "store.$store"
run '"a": { "cmd": ["sh", "-c", "sleep 0.1 & setsid sleep 1009 & echo $! >'"$work"'/daemon; exit 0"] }'
check "a stage that leaves a process behind ends well" same "$(ended finished)" 1
check "and the process is gone" exits 1 alive "$(cat daemon)"
burn='"burn": { "matrix": { "n": [1, 2, 3] }, "cmd": ["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo $1 >o", "sh", "${matrix.n}"],
    "outs": { "o": "o" }, "energy_budget": "0.001J" }'
check "an energy budget that is used up: exit status 4" exits 4 run "$burn" -j 1
check "the finished stage is kept, and no other starts" same "$(ended finished)$(grep -c '"started"' run.json)" 11
check "the message names the budget, the joules and their label" grep -qE 'budget of burn, 0.001 J, is used up: .*J (modelled|measured)' run.err
run '"a": { "cmd": ["true"], "resources": { "memory": "1000TiB" } }'
check "more than there is: refused with both amounts" has run.err "bytes of memory, there are"
check "more than a number of bytes can be: refused before it runs" exits 2 run '"a": { "cmd": ["true"], "resources": { "memory": 1e300 } }'
check "with its place" has run.err '(at /stages/a/resources/memory)'

# A log that is gone when the stage has ended: its digest is not known.
cat >logs.json <<'END'
{ "retort": 1, "name": "logs", "stages": { "a": { "cmd": ["sh", "-c", "echo hello; rm $LOGS/*.stdout"], "env": { "LOGS": "WORK/logs/logs" } } } }
END
sed -i "s|WORK|$work|" logs.json
check "a stage that removes its log" "$retort" run logs.json --store logs
check "no digest of it is invented" sh -c '"$1" show logs.json a --json --store logs | tr -d " \n" | grep -qF "\"stdout\":{\"sha256\":null,\"size\":null}"' sh "$retort"
finish

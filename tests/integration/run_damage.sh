#!/bin/sh
# Stored bytes that are damaged when a stage comes to need them: what made them runs again in the same run, and what
# follows gets the right ones.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >chain.json <<E2
{ "retort": 1, "name": "chain", "params": { "last": "1" }, "stages": {
    "first": { "matrix": { "n": [1, 2, 3] }, "outs": { "o": "o" },
               "cmd": ["sh", "-c", "echo first \$1 >>$work/executed.txt; cat $work/salt >o; echo \$1 >>o", "sh", "\${matrix.n}"] },
    "second": { "cmd": ["sh", "-c", "echo second >>$work/executed.txt; cat \"\$@\" >o", "sh", "\${in.all}"],
                "in": { "all": "\${stages.first[*].outs.o}" }, "outs": { "o": "o" } },
    "third": { "cmd": ["sh", "-c", "echo third >>$work/executed.txt; cat \$1 >o; echo \$2 >>o", "sh", "\${in.i}", "\${params.last}"],
               "in": { "i": "\${stages.second.outs.o}" }, "outs": { "o": "o" } } },
  "results": { "o": "\${stages.third.outs.o}" } }
E2
go() { rm -f executed.txt; "$retort" run chain.json -j 2 --progress json --store store "$@" >run.json 2>run.err; }
object() { # STAGE [OPTION...]: the file that its out is stored in
    "$retort" show chain.json "$@" --json --store store |
        python3 -c 'import json, sys; d = json.load(sys.stdin)["outs"]["o"]["sha256"]; print("store/objects/%s/%s" % (d[:2], d[2:]))'
}
damage() { # FILE: another byte at its start; neither size nor time shows it
    touch -r "$1" stamp && chmod u+w "$1" && printf X | dd of="$1" conv=notrunc status=none && chmod a-w "$1" && touch -r stamp "$1"
}
executed() { sort executed.txt | tr '\n' ' '; }

echo salt >salt
check "a run" go
second=$(object second) first=$(object 'first[n=2]')
check "its second stage's out is damaged" damage "$second"
check "a run that needs it ends well" go --set params.last=2
check "what made it ran again, once" same "$(executed)" "second third "
check "with the right bytes" same "$(tr '\n' ' ' <results/chain/o)" "salt 1 salt 2 salt 3 2 "
check "and the right counts" same "$(counts run.json)" '{"event":"end","known":3,"finished":2,"failed":0,"interrupted":0,"skipped":0}'
check "the stage was put off" has run.json "is damaged; it was set aside"
check "the store is in order" "$retort" fsck --store store

damage "$second"; damage "$first"
check "two in a row are damaged: the run ends well" go --set params.last=3
check "both ran again" same "$(executed)" "first 2 second third "
check "with the right bytes" same "$(tr '\n' ' ' <results/chain/o)" "salt 1 salt 2 salt 3 3 "

damage "$first"; damage "$second"; echo pepper >salt
check "what made it makes something else now: the run ends well" go --set params.last=4
check "what follows is made of that" same "$(tr '\n' ' ' <results/chain/o)" "salt 1 pepper 2 salt 3 4 "

damage "$(object third --set params.last=4)"
rm -r results
check "known results that are damaged are made again before they are published" go --set params.last=4
check "with the right bytes" same "$(tr '\n' ' ' <results/chain/o)" "salt 1 pepper 2 salt 3 4 "

# What runs in every pass counts once, and takes nothing from what is known.
cat >again.json <<E2
{ "retort": 1, "name": "again", "params": { "last": "1" }, "stages": {
    "first": { "cmd": ["sh", "-c", "echo first >o"], "outs": { "o": "o" } },
    "always": { "cache": false, "cmd": ["sh", "-c", "echo always >>$work/executed.txt; echo >o"], "outs": { "o": "o" } },
    "other": { "matrix": { "n": [1, 2] }, "cmd": ["sh", "-c", "echo \$1 >o", "sh", "\${matrix.n}"], "outs": { "o": "o" } },
    "last": { "cmd": ["sh", "-c", "cat \$1 >o; echo \$2 >>o", "sh", "\${in.o}", "\${params.last}"],
              "in": { "o": "\${stages.first.outs.o}" }, "outs": { "o": "o" } } } }
E2
check "a stage that is never known" "$retort" run again.json --store store
damage "$("$retort" show again.json first --json --store store |
    python3 -c 'import json, sys; d = json.load(sys.stdin)["outs"]["o"]["sha256"]; print("store/objects/%s/%s" % (d[:2], d[2:]))')"
rm -f executed.txt
check "another pass" "$retort" run again.json --set params.last=2 --progress json --store store
tail -n 1 "$work/said" >run.json
check "it ran in both" same "$(executed)" "always always "
check "the counts are of stages" same "$(counts run.json)" '{"event":"end","known":2,"finished":3,"failed":0,"interrupted":0,"skipped":0}'

# A kind reads objects in their place: one that is written to after it was hashed and before it is read.
case $BUILD in *san) finish; exit ;; esac # a sanitizer must be loaded before the gate's library
cat >kind.json <<'E2'
{ "retort": 1, "name": "kind", "stages": {
    "joules": { "cmd": ["sh", "-c", "printf 'joules,joules_per_inference\\n100,1\\n' >o.csv"], "outs": { "o": "o.csv" } },
    "even": { "uses": "energy/amortize@1", "with": { "paper": false },
              "in": { "training": "${stages.joules.outs.o}", "inference": "${stages.joules.outs.o}" } } },
  "results": { "even.csv": "${stages.even.outs.csv}" } }
E2
even() { cut -d, -f1-4 results/kind/even.csv | tail -n 1; }
spoil_meanwhile() { # FILE: while the engine stands before its kind's attempt
    RETORT_GATE=/attempt.json LD_PRELOAD=$BUILD/tests/fault/gatelib.so "$retort" run kind.json --progress json --store store >run.json 2>run.err & engine=$!
    while :; do
        case $(ps -o stat= -p $engine | cut -c1) in T) break ;; Z | '') cat run.err; return 1 ;; esac
        sleep 0.02
    done
    chmod u+w "$1" && printf 9 | dd of="$1" bs=1 seek=29 conv=notrunc status=none && chmod a-w "$1"
    kill -CONT $engine
    wait $engine
}
check "what a kind reads" "$retort" run kind.json joules --store store
joules=$("$retort" show kind.json joules --json --store store |
    python3 -c 'import json, sys; d = json.load(sys.stdin)["outs"]["o"]["sha256"]; print("store/objects/%s/%s" % (d[:2], d[2:]))')
check "it is written to while the kind runs: exit status 1" exits 1 spoil_meanwhile "$joules"
check "which says so" has run.json 'was changed while it ran'
check "the next run ends well" "$retort" run kind.json --store store
check "with the right bytes" same "$(even)" "this study,100,1,100"
finish

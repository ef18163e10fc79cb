#!/bin/sh
# A stored out is damaged when a stage needs it. Its producer runs again in the same run, and the stage gets the right
# bytes.
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
check "the first run succeeds" go
second=$(object second) first=$(object 'first[n=2]')
check "the out of the second stage is damaged" damage "$second"
check "a run that needs the damaged out succeeds" go --set params.last=2
check "the producer of the damaged out ran again once" same "$(executed)" "second third "
check "the result holds the right bytes" same "$(tr '\n' ' ' <results/chain/o)" "salt 1 salt 2 salt 3 2 "
check "the end event counts each stage once" same "$(counts run.json)" '{"event":"end","known":3,"finished":2,"failed":0,"interrupted":0,"skipped":0}'
check "the stage that needed the out was put off" has run.json "is damaged; it was set aside"
check "fsck finds the store whole" "$retort" fsck --store store

damage "$second"; damage "$first"
check "a run succeeds when two outs in a row are damaged" go --set params.last=3
check "both producers ran again" same "$(executed)" "first 2 second third "
check "the result holds the right bytes after two damages" same "$(tr '\n' ' ' <results/chain/o)" "salt 1 salt 2 salt 3 3 "

damage "$first"; damage "$second"; echo pepper >salt
check "a run succeeds when the producer of a damaged out makes other bytes" go --set params.last=4
check "the result holds the new bytes" same "$(tr '\n' ' ' <results/chain/o)" "salt 1 pepper 2 salt 3 4 "

damage "$(object third --set params.last=4)"
rm -r results
check "a run makes damaged results again before it publishes them" go --set params.last=4
check "the published file holds the right bytes" same "$(tr '\n' ' ' <results/chain/o)" "salt 1 pepper 2 salt 3 4 "

# The run begins again after damage. A stage that runs each time counts once, and known stages still count as known.
cat >again.json <<E2
{ "retort": 1, "name": "again", "params": { "last": "1" }, "stages": {
    "first": { "cmd": ["sh", "-c", "echo first >o"], "outs": { "o": "o" } },
    "always": { "cache": false, "cmd": ["sh", "-c", "echo always >>$work/executed.txt; echo >o"], "outs": { "o": "o" } },
    "other": { "matrix": { "n": [1, 2] }, "cmd": ["sh", "-c", "echo \$1 >o", "sh", "\${matrix.n}"], "outs": { "o": "o" } },
    "last": { "cmd": ["sh", "-c", "cat \$1 >o; echo \$2 >>o", "sh", "\${in.o}", "\${params.last}"],
              "in": { "o": "\${stages.first.outs.o}" }, "outs": { "o": "o" } } } }
E2
check "a run with an uncached stage succeeds" "$retort" run again.json --store store
damage "$("$retort" show again.json first --json --store store |
    python3 -c 'import json, sys; d = json.load(sys.stdin)["outs"]["o"]["sha256"]; print("store/objects/%s/%s" % (d[:2], d[2:]))')"
rm -f executed.txt
check "a run with an uncached stage succeeds after an out was damaged" "$retort" run again.json --set params.last=2 --progress json --store store
tail -n 1 "$work/said" >run.json
check "the uncached stage ran in both runs" same "$(executed)" "always always "
check "the end event counts each stage once although the run began again" same "$(counts run.json)" '{"event":"end","known":2,"finished":3,"failed":0,"interrupted":0,"skipped":0}'

# A kind reads objects in place. This one is written to after it was hashed and before the kind reads it.
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
    RETORT_GATE=spec.json LD_PRELOAD=$BUILD/tests/fault/gatelib.so "$retort" run kind.json --progress json --store store >run.json 2>run.err & engine=$!
    while :; do
        case $(ps -o stat= -p $engine | cut -c1) in T) break ;; Z | '') echo "the engine did not stop"; cat run.err; return 9 ;; esac
        sleep 0.02
    done
    chmod u+w "$1" && printf 9 | dd of="$1" bs=1 seek=29 conv=notrunc status=none && chmod a-w "$1"
    kill -CONT $engine
    wait $engine
}
check "the producer of a kind's input runs" "$retort" run kind.json joules --store store
joules=$("$retort" show kind.json joules --json --store store |
    python3 -c 'import json, sys; d = json.load(sys.stdin)["outs"]["o"]["sha256"]; print("store/objects/%s/%s" % (d[:2], d[2:]))')
check "a run fails when an input is written to while the kind runs" exits 1 spoil_meanwhile "$joules"
check "the message says that the input changed" has run.json 'was changed while it ran'
check "the next run succeeds" "$retort" run kind.json --store store
check "the next run gives the right bytes" same "$(even)" "this study,100,1,100"
finish

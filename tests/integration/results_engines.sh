#!/bin/sh
# Engines that publish into one folder at the same time do so one after the other, and what is there cannot be looked at.
. tests/integration/lib.inc
case $BUILD in *san) skip "a sanitizer must be loaded before the gate's library" ;; esac
cd "$work" || exit 1
first='' second=''
trap 'kill -9 $first $second 2>/dev/null; rm -rf "$work"' EXIT

cat >p.json <<'EOT'
{ "retort": 1, "name": "p", "params": { "text": "x" },
  "stages": { "a": { "cmd": ["sh", "-c", "echo \"$1\" >o; mkdir d; echo \"$1\" >d/o", "sh", "${params.text}"],
                     "outs": { "o": "o", "d": { "path": "d", "type": "directory" } } } },
  "results": { "o1": "${stages.a.outs.o}", "o2": "${stages.a.outs.o}", "deep/o": "${stages.a.outs.o}", "d": "${stages.a.outs.d}" } }
EOT
published() { cat results/p/o1 results/p/o2 results/p/deep/o results/p/d/o | tr '\n' ' '; }
state() { ps -o stat= -p "$1" | cut -c1; }

# One engine, which stops: before it renames to a name of results/p, or when it has copied what becomes that; another, as
# far as it comes.
begin() { stopped "RETORT_GATE=results/p/$1" "$2"; }            # NAME TEXT
copied() { stopped "RETORT_GATE_SYNC=results/p/.$1.tmp-" "$2"; } # NAME TEXT
stopped() { # VARIABLES TEXT
    env $1 "LD_PRELOAD=$BUILD/tests/fault/gatelib.so" "$retort" run p.json --set "params.text=$2" >first 2>&1 & first=$!
    stops
}
stops() {
    while :; do
        case $(state $first) in T) return 0 ;; Z | '') cat first; return 1 ;; esac
        sleep 0.02
    done
}
beside() { # TEXT
    : >second # of the one before: its words are not this one's
    "$retort" run p.json --set "params.text=$1" >second 2>&1 & second=$!
    until grep -q "this one waits" second; do
        case $(state $second) in Z | '') echo "it did not wait:"; cat second; return 1 ;; esac
        sleep 0.02
    done
}
ended() { kill -CONT $first; wait $first; same "exit status $?" "exit status $1" || { cat first; return 1; }; }
second_ended() { wait $second; same "exit status $?" "exit status $1" || { cat second; return 1; }; }

# The same results of two at once, none there before: those of the second are known.
check "the first to publish stops within a folder" begin d x
check "the second is told of it" beside x
check "and leaves alone what the first is at" sh -c 'ls -d results/p/.d.tmp-*'
check "the first ends well" ended 0
check "so does the second" second_ended 0
check "and the results are there" same "$(published)" "x x x x "

# Other results of two at once, wherever the first is.
for at in .retort-results.json o1 o2 d; do
    check "stopped before $at" begin $at "y$at"
    check "$at: another waits" beside "z$at"
    check "$at: the first ends well" ended 0
    check "$at: the second ends well" second_ended 0
    check "$at: and its results stand, all of them" same "$(published)" "z$at z$at z$at z$at "
    check "$at: the first can be published again" exits 0 "$retort" run p.json --set "params.text=y$at"
    check "$at: and stands" same "$(published)" "y$at y$at y$at y$at "
done
check "nothing is left beside them" same "$(ls -A results/p | tr '\n' ' ')" ".retort-results.json d deep o1 o2 "

# Who waits for one that never ends can be stopped: while stages were run, and where all was known.
check "stopped for long" begin o2 long
check "another waits" beside asked
kill -TERM $second
check "it leaves when it is asked to" second_ended 130
check "and says what to do" has second "run again to publish"
check "one to which all is known waits" beside asked
kill -TERM $second
check "and leaves too" second_ended 143
kill -9 $first && wait $first 2>/dev/null
check "run again, it is published, though the first was killed" exits 0 "$retort" run p.json --set params.text=asked
check "all of it" same "$(published)" "asked asked asked asked "

# What the user makes while a result is copied is not written over, wherever the copy is to go.
spoiled() { # HOW NAME TEXT STANDS: stopped so, the user writes there
    check "$1 $2: it stops" "$1" "$2" "$3"
    echo mine >"results/p/$2"
    check "$1 $2: what the user wrote there meanwhile is refused" ended 3
    check "$1 $2: by its name" has first "results/p/$2: Retort did not write this file"
    check "$1 $2: stands as it was, and the others are published" same "$(published)" "$4"
    rm "results/p/$2"
}
rm results/p/o1
spoiled copied o1 fresh "mine fresh fresh fresh "
spoiled copied o2 fresher "fresher mine fresher fresher "
check "stopped when a directory is copied" copied d freshest
echo mine >results/p/d/mine
check "what the user put into the one of before is refused" ended 3
check "and stands" same "$(cat results/p/d/mine) $(published)" "mine freshest freshest freshest fresher "
check "nothing is left beside them" same "$(ls -A results/p | tr '\n' ' ')" ".retort-results.json d deep o1 o2 "
rm -r results/p/d

# So is what the user makes in the last moment, when all looks are done: it comes out, and goes back.
"$retort" run p.json --set params.text=before >said 2>&1
rm results/p/o1
spoiled begin o1 late "mine late late late "
spoiled begin o2 later "later mine later later "
check "stopped when a directory is replaced" begin d latest
echo mine >results/p/d/mine
check "what the user put into the one of before is refused" ended 3
check "by its name" has first "results/p/d: Retort did not write this file"
check "and stands" same "$(cat results/p/d/mine) $(published)" "mine latest latest latest later "
rm -r results/p/d
check "one that was removed meanwhile is none" begin o1 gone
rm results/p/o1
check "the run ends well" ended 0
check "and all are published" same "$(published)" "gone gone gone gone "
check "nothing is left beside them" same "$(ls -A results/p | tr '\n' ' ')" ".retort-results.json d deep o1 o2 "

# Changed at every moment: what came first goes back, and what came last stays beside it.
check "stopped when a result is replaced" stopped "RETORT_GATE=results/p/o1 RETORT_GATE_TIMES=3" never
echo first >results/p/o1
kill -CONT $first
check "again, when names are exchanged" stops
kill -CONT $first
check "again, when they are exchanged back" stops
echo last >mine && mv mine results/p/o1
check "what the user wrote is refused" ended 3
check "and told where it is" has first "what they wrote last is $PWD/$(echo results/p/.o1.tmp-out-*) now"
check "all of it is there" same "$(cat results/p/o1 results/p/.o1.tmp-out-* | tr '\n' ' ')" "first last "
rm results/p/o1
check "the next run ends well" exits 0 "$retort" run p.json --set params.text=never
check "and leaves what is the user's" same "$(cat results/p/.o1.tmp-out-*)" last
rm results/p/.o1.tmp-out-*

# Where a file system has plain renames alone.
plain() { RETORT_GATE_PLAIN=1 LD_PRELOAD=$BUILD/tests/fault/gatelib.so "$retort" run p.json --set "params.text=$1" >said 2>&1; }
check "plain renames: published" plain plainly
check "all of them" same "$(published)" "plainly plainly plainly plainly "
rm -r results/p/o1 results/p/d
check "where some are not there" plain again
check "all of them" same "$(published)" "again again again again "
echo mine >results/p/o2
check "what the user wrote is refused" exits 3 plain refused
check "and stands" same "$(published)" "refused mine refused refused "
rm results/p/o2
check "stopped when a result is copied" stopped "RETORT_GATE_PLAIN=1 RETORT_GATE_SYNC=results/p/.o1.tmp-" unlike
echo mine >results/p/o1
check "what the user made meanwhile is refused" ended 3
check "and stands" same "$(published)" "mine unlike unlike unlike "
rm results/p/o1
check "and when it is gone all are published" plain freshest

# Asked to leave while it publishes, it ends the file that it is at, and the next run publishes the rest.
rm results/p.energy.md
check "stopped when a result is copied" copied o1 leave
kill -INT $first
check "it leaves when it is asked to" ended 130
check "and says what to do" has first "everything finished so far is kept, run again to publish the rest"
check "with the file that it was at, and no other" same "$(cat results/p/o1 results/p/o2 results/p/deep/o | tr '\n' ' ')" "leave freshest freshest "
check "without a page of joules, which is of all that is published" test ! -e results/p.energy.md
check "run again, all are published" exits 0 "$retort" run p.json --set params.text=leave
check "with the page" test -s results/p.energy.md
check "all of them" same "$(published)" "leave leave leave leave "

check "stopped when a result is copied, in the midst of all" copied o2 twice
kill -TERM $first
check "it leaves when it is asked to" ended 130
check "stopped when a result is copied, once more" stopped "RETORT_GATE_SYNC=results/p/.o2.tmp- RETORT_GATE=results/p/o2" killed
kill -INT $first
kill -CONT $first
check "asked, it ends the file" stops
kill -INT $first
check "asked again, it ends at once" ended 130
check "without a word" sh -c '! grep -q interrupted first'
check "and without that file" same "$(cat results/p/o2)" twice
check "run again, all are published" exits 0 "$retort" run p.json --set params.text=killed
check "all of them" same "$(published)" "killed killed killed killed "

# Asked to leave when it has just found a result damaged, it does not begin again.
cat >q.json <<'EOT'
{ "retort": 1, "name": "q", "params": { "text": "x" },
  "stages": { "a": { "cmd": ["sh", "-c", "echo a >o"], "outs": { "o": "o" } },
              "b": { "cmd": ["sh", "-c", "echo \"$1\" >o", "sh", "${params.text}"], "outs": { "o": "o" } } },
  "results": { "a": "${stages.a.outs.o}", "b": "${stages.b.outs.o}" } }
EOT
"$retort" run q.json >said 2>&1
digest=$(sha256sum <results/q/a | cut -d' ' -f1)
object=$(ls .retort/objects/*/* | grep "${digest#??}$")
rm results/q/a
touch -r "$object" stamp && chmod u+w "$object" && echo b >"$object" && chmod a-w "$object" && touch -r stamp "$object"
env "RETORT_GATE=damaged/$digest" "LD_PRELOAD=$BUILD/tests/fault/gatelib.so" "$retort" run q.json --set params.text=y >first 2>&1 & first=$!
check "a damaged result is set aside" stops
kill -INT $first
check "asked to leave then, it leaves" ended 130
check "and says what to do" has first "run again to make what was damaged or gone again"
check "run again, it is made again" exits 0 "$retort" run q.json --set params.text=y
check "and all is published" same "$(cat results/q/a results/q/b | tr '\n' ' ')" "a y "

# Asked to leave while it publishes what is done beside stages that failed: that it was, is what it ends with.
cat >s.json <<'EOT'
{ "retort": 1, "name": "s",
  "stages": { "a": { "cmd": ["sh", "-c", "echo a >o"], "outs": { "o": "o" } }, "fails": { "cmd": ["false"], "outs": { "o": "o" } } },
  "results": { "one": "${stages.a.outs.o}", "two": "${stages.a.outs.o}" } }
EOT
env "RETORT_GATE_SYNC=results/s/.one.tmp-" "LD_PRELOAD=$BUILD/tests/fault/gatelib.so" "$retort" run s.json -k >first 2>&1 & first=$!
check "stopped when a result is copied" stops
kill -INT $first
check "asked to leave then, it leaves" ended 130
check "run again, it ends with what failed" exits 1 "$retort" run s.json -k
check "and all that is done is published" same "$(cat results/s/one results/s/two | tr '\n' ' ')" "a a "

# The page of joules that an interrupted run did not write is written by the next, though it has nothing else to write.
sed 's/"name": "q"/"name": "r"/; s/"a": "${stages.a.outs.o}", "b": "${stages.b.outs.o}"/"b": "${stages.b.outs.o}", "a": "${stages.a.outs.o}"/' q.json >r.json
"$retort" run r.json >said 2>&1
env "RETORT_GATE_SYNC=results/r/.b.tmp-" "LD_PRELOAD=$BUILD/tests/fault/gatelib.so" "$retort" run r.json --set params.text=z >first 2>&1 & first=$!
check "stopped when the one result that changes is copied" stops
kill -INT $first
check "asked to leave then, it leaves" ended 130
echo old >>results/r.energy.csv
check "run again" exits 0 "$retort" run r.json --set params.text=z
check "the page is of what is there" exits 1 grep -q old results/r.energy.csv

# What cannot be looked at is not written over.
unseen() { RETORT_GATE_EIO=$1 LD_PRELOAD=$BUILD/tests/fault/gatelib.so "$retort" run p.json --set "params.text=$2" >said 2>&1; }
echo mine >results/p/o1
check "a file that cannot be examined is refused" exits 3 unseen results/p/o1 new
cp said told
check "with its path" has told "results/p/o1: cannot be examined: Input/output error"
check "stands as it was, and the others are published" same "$(published)" "mine new new new "
rm results/p/o1
check "so is a folder that cannot be read" exits 3 unseen /results/p newer
cp said told
check "with its path" has told "results/p: cannot be read: Input/output error"
check "and nothing is written" same "$(cat results/p/o2)" new
rm -r results/p/deep
echo mine >results/p/deep
"$retort" run p.json --set params.text=newest >told 2>&1
check "a file where a folder is to be is refused" same $? 3
check "with the mend" has told "results/p/deep/o: cannot be examined; move away what stands where its folder is to be, and run again: Not a directory"
check "stands as it was, and the others are published" same "$(cat results/p/deep results/p/o2 results/p/d/o | tr '\n' ' ')" "mine newest newest "
rm results/p/deep

# The page of joules beside them: one of the user's own stays, also where it cannot be looked at, or is a link.
echo mine >results/p.energy.md
check "a page of the user's own" unseen nothing page
cp said told
check "is told" has told "results/p.energy.md: Retort did not write this file"
check "one that cannot be examined" unseen results/p.energy.md unseen-page
cp said told
check "is told too" has told "results/p.energy.md: cannot be examined: Input/output error"
check "and both stand" same "$(cat results/p.energy.md)" mine
ln -sf elsewhere/joules.md results/p.energy.md
check "a link of the user's that leads nowhere now" unseen nothing link
check "stands" same "$(readlink results/p.energy.md)" elsewhere/joules.md
rm results/p.energy.md

# A manifest that is none.
for text in garbage '' '[]' '{}' '{ "retort_results": 2, "files": {} }' '{ "retort_results": 1, "files": [] }' \
    '{ "retort_results": 1, "files": { "o1": 3 } }' '{ "retort_results": 1, "files": {}, "coming": { "o1": null } }'; do
    "$retort" run p.json --set params.text=sound >said 2>&1
    echo "$text" >results/p/.retort-results.json
    "$retort" run p.json --set params.text=other >told 2>&1
    check "manifest '$text': refused" same $? 3
    check "manifest '$text': by its name" has told "results/p/.retort-results.json"
    check "manifest '$text': with its mend" has told "move that folder away and run again"
    check "manifest '$text': nothing is touched" same "$(published)" "sound sound sound sound "
    mv results/p away && "$retort" run p.json --set params.text=other >said 2>&1
    check "manifest '$text': and that mends it" same "$(published)" "other other other other "
    rm -r away
done
finish

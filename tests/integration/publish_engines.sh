#!/bin/sh
# Engines publish into one folder one after the other; a signal, or a file that cannot be examined, leaves it as it was.
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

# The first engine stops before it renames to a name of results/p, or when it has copied a temporary. Those of o1, o2,
# deep/o and d have the numbers 0 to 3. The second engine goes as far as it can.
renames() { stopped "RETORT_GATE=results/p/$1" "$2"; }             # NAME TEXT
copies() { stopped "RETORT_GATE_SYNC=results/.p.staging/$1" "$2"; } # NUMBER TEXT
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
waits() { # TEXT
    : >second # the words of the one before are not this one's
    "$retort" run p.json --set "params.text=$1" >second 2>&1 & second=$!
    until grep -q "this one waits" second; do
        case $(state $second) in Z | '') echo "it did not wait:"; cat second; return 1 ;; esac
        sleep 0.02
    done
}
ended() { kill -CONT $first; wait $first; same "exit status $?" "exit status $1" || { cat first; return 1; }; }
second_ended() { wait $second; same "exit status $?" "exit status $1" || { cat second; return 1; }; }
publish() { "$retort" run p.json --set "params.text=$1" >told 2>&1; }

# ---- two at once ----

check "the first engine stops while it copies" copies 3 x
check "a second with the same results waits" waits x
check "it leaves the temporaries of the first alone" test -e results/.p.staging/0
check "the first ends well" ended 0
check "the second ends well" second_ended 0
check "the results are there" same "$(published)" "x x x x "
for at in .retort-results.json o1 o2 d; do
    check "an engine stops before it renames $at" renames $at "y$at"
    check "$at: another with other results waits" waits "z$at"
    check "$at: the first ends well" ended 0
    check "$at: the second ends well" second_ended 0
    check "$at: all results are those of the second" same "$(published)" "z$at z$at z$at z$at "
    check "$at: the results of the first can be published again" publish "y$at"
    check "$at: all of them" same "$(published)" "y$at y$at y$at y$at "
done
check "nothing is left beside the results" same "$(ls -A results | tr '\n' ' ')$(ls -A results/p | tr '\n' ' ')" \
    ".p.lock p p.energy.csv p.energy.md .retort-results.json d deep o1 o2 "

check "an engine stops for long" renames o2 long
check "another waits for it" waits asked
kill -TERM $second
check "it leaves when it is asked to" second_ended 130
check "it says what to do" has second "run again to publish"
check "one that knows everything waits, too" waits asked
kill -TERM $second
check "it leaves when it is asked to" second_ended 143
check "the manifest says that a generation is coming" grep -q coming results/p/.retort-results.json
kill -9 $first && wait $first 2>/dev/null
check "when the first was killed the next run publishes its own results" publish asked
check "all of them" same "$(published)" "asked asked asked asked "

# ---- a killed publishing is finished by a run that publishes nothing of its own ----

check "an engine stops in the midst of its renames" renames o2 rolled
kill -9 $first && wait $first 2>/dev/null
check "two generations are mixed, and the manifest says so" same "$(published)$(grep -c coming results/p/.retort-results.json)" "rolled asked asked asked 1"
sed 's/"results": {/"results": { "never": "${stages.fails.outs.o}",/; s/"stages": {/"stages": { "fails": { "cmd": ["false"], "outs": { "o": "o" } },/' p.json >part.json
check "a run that does not know all results ends with status 1" exits 1 "$retort" run part.json -k
check "it has renamed the rest" same "$(published)" "rolled rolled rolled rolled "
check "it has closed the manifest" exits 1 grep -q coming results/p/.retort-results.json
check "it leaves no temporary" test ! -e results/.p.staging

check "an engine stops in the midst of its renames again" renames o2 lost
kill -9 $first && wait $first 2>/dev/null
echo mine >results/p/o2
check "the next run refuses a file that its user made meanwhile" exits 3 publish lost
check "the file stays" same "$(cat results/p/o2)" mine
rm -r results/p/o2
check "when it is gone the next run finishes the publishing" exits 1 "$retort" run part.json -k
check "all of it" same "$(published)" "lost lost lost lost "
check "an engine stops in the midst of its renames once more" renames o2 gone
kill -9 $first && wait $first 2>/dev/null
rm -r results/.p.staging
check "a run that misses the temporaries is refused" exits 3 publish gone
check "it says what is gone, and the mend" grep -q "its replacement is missing.*move that folder away and run again" told
mv results/p aside
check "when the folder is moved away all is published anew" publish gone
check "all of it" same "$(published)" "gone gone gone gone "

# ---- the user writes a file while results are copied ----

made() { # NUMBER NAME: the user writes NAME while it is copied
    check "$2: an engine stops while it copies" copies "$1" other
    echo mine >"results/p/$2"
    check "$2: what its user wrote meanwhile is refused" ended 3
    check "$2: it is named" has first "results/p/$2: Retort did not write this file"
    check "$2: it stays" same "$(cat "results/p/$2")" mine
    rm "results/p/$2"
    check "$2: no other is published" same "$(cat results/p/deep/o)" before
    check "$2: no temporary is left" test ! -e results/.p.staging
}
publish before
made 0 o1
made 1 o2
publish before
check "an engine stops while it copies a folder" copies 3 freshest
echo mine >results/p/d/mine
check "a file that its user put into the folder of before is refused" ended 3
check "nothing of the folder is replaced" same "$(cat results/p/d/mine results/p/d/o | tr '\n' ' ')" "mine before "
rm results/p/d/mine
check "an engine stops before its first rename" renames .retort-results.json removed
rm results/p/o1
check "a result that its user removes meanwhile is published" ended 0
check "with all others" same "$(published)" "removed removed removed removed "

# ---- signals ----

page=$(cat results/p.energy.md)
check "an engine stops while it copies the second of four" copies 1 leave
kill -INT $first
check "it leaves when it is asked to" ended 130
check "it says what to do" has first "everything finished so far is kept, run again to publish it"
check "the generation before is whole" same "$(published)" "removed removed removed removed "
check "its page of joules is the same" same "$(cat results/p.energy.md)" "$page"
check "no temporary is left" test ! -e results/.p.staging
check "the next run publishes all" publish leave
check "all of it" same "$(published)" "leave leave leave leave "
check "an engine stops before its first rename again" renames o1 late
kill -TERM $first
check "asked to leave then, it finishes the renames" ended 0
check "all of them" same "$(published)" "late late late late "
check "an engine stops while it copies the last" stopped "RETORT_GATE_SYNC=results/.p.staging/3 RETORT_GATE=results/p/o2" killed
kill -INT $first
kill -CONT $first
check "asked to leave then, it goes on to the renames" stops
kill -INT $first
check "asked again, it ends at once" ended 130
check "the next run publishes all" publish killed
check "all of it" same "$(published)" "killed killed killed killed "

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
check "an engine stops when it sets a damaged result aside" stops
kill -INT $first
check "it leaves when it is asked to" ended 130
check "it says what to do" has first "run again to make damaged or missing objects again"
check "the next run makes the result again" exits 0 "$retort" run q.json --set params.text=y
check "all is published" same "$(cat results/q/a results/q/b | tr '\n' ' ')" "a y "

# Asked to leave while it publishes beside a stage that failed, it ends as interrupted.
cat >s.json <<'EOT'
{ "retort": 1, "name": "s",
  "stages": { "a": { "cmd": ["sh", "-c", "echo a >o"], "outs": { "o": "o" } }, "fails": { "cmd": ["false"], "outs": { "o": "o" } } },
  "results": { "one": "${stages.a.outs.o}", "two": "${stages.a.outs.o}" } }
EOT
env "RETORT_GATE_SYNC=results/.s.staging/0" "LD_PRELOAD=$BUILD/tests/fault/gatelib.so" "$retort" run s.json -k >first 2>&1 & first=$!
check "an engine with a failed stage stops while it copies" stops
kill -INT $first
check "it leaves when it is asked to" ended 130
check "the next run ends with what failed" exits 1 "$retort" run s.json -k
check "all results are published, since the failed stage makes none" same "$(cat results/s/one results/s/two | tr '\n' ' ')" "a a "

# A kill between the manifest and the page of joules: the next run writes the page, though no result changes.
check "an engine stops before it writes the page" stopped "RETORT_GATE=results/p.energy.md" page
kill -9 $first && wait $first 2>/dev/null
echo old >>results/p.energy.csv
touch -d '2001-01-01' results/p.energy.csv
check "the next run ends well" publish page
check "the page is of what is published" exits 1 grep -q old results/p.energy.csv
check "no temporary is left" test ! -e results/.p.staging

# ---- files that cannot be examined ----

unseen() { RETORT_GATE_EIO=$1 LD_PRELOAD=$BUILD/tests/fault/gatelib.so "$retort" run p.json --set "params.text=$2" >told 2>&1; }
publish seen
check "a file that cannot be examined is refused" exits 3 unseen results/p/o1 new
check "it is named" has told "results/p/o1: cannot be examined: Input/output error"
check "so is a folder that cannot be read" exits 3 unseen results/p/d new
check "it is named" has told "results/p/d: cannot be"
check "nothing is published" same "$(published)" "seen seen seen seen "
rm -r results/p/deep
echo mine >results/p/deep
check "a file where a folder is to be is refused" exits 3 publish new
check "it is named, with the mend" has told "results/p/deep: is a file and no folder; move it away and run again"
check "nothing is published" same "$(cat results/p/deep results/p/o1 results/p/o2 results/p/d/o | tr '\n' ' ')" "mine seen seen seen "
rm results/p/deep
check "a page of joules that cannot be examined does not fail the run" unseen results/p.energy.md new
check "it is named" has told "results/p.energy.md: cannot be examined: Input/output error"
check "all results are published" same "$(published)" "new new new new "
finish

#!/bin/sh
# A select with a quorum goes on without instances that failed, says so, and remembers which failed.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >q.json <<EOT
{ "retort": 1, "name": "q", "params": { "quorum": 3, "how": "exit 7" }, "stages": {
  "t": { "matrix": { "n": [1, 2, 3, 4, 5] }, "outs": { "m": { "path": "m.json", "type": "metrics" } },
         "cmd": ["sh", "-c", "echo \$1 >>$work/ran; [ \$1 != 2 ] || [ -e $work/mended ] || eval \$2; echo {\\\\\"loss\\\\\": \$1} >m.json", "sh", "\${matrix.n}", "\${params.how}"] },
  "best": { "select": { "from": "t", "group_by": ["n"], "maximize": "metrics.loss", "quorum": "\${params.quorum}" } },
  "use": { "cmd": ["sh", "-c", "echo \$1 >o", "sh", "\${stages.best.matrix.n}"], "outs": { "o": "o" } } },
  "results": { "o": "\${stages.use.outs.o}" } }
EOT
run() { : >ran; "$retort" run q.json "$@" >told 2>&1; }
repeats() { same "$(grep -c "^$1$" ran)" "$2"; }

check "a run goes on without a failed instance, and ends with 0" exits 0 run -j 1
check "the select chooses among the others" has told "n=5 of 4"
check "the run says which instance was left out" has told "left out: t[n=2]"
check "the result of the choice is published" same "$(cat results/q/o)" 5
check "the run file marks the instance that was left out" python3 -c '
import glob, json
stages = json.load(open(glob.glob(".retort/runs/*.json")[0]))["stages"]
assert [s["stage"] for s in stages if s.get("left_out")] == ["t[n=2]"], stages'
check "a second run ends with 0" exits 0 run
check "a second run repeats no failure that was left out" repeats 2 0
check "a second run says that it failed before" grep -q "failed before, at 20[^ ]*: exit status 7; run --retry-failed runs it again" told
check "fsck takes the record of the failure" "$retort" fsck
check "a run that needs all instances fails" exits 1 run --set-json 'params.quorum="100%"'
check "the failure is remembered all the same" repeats 2 0
check "the run says how to repeat it" has told "exit status 7; run --retry-failed runs it again"
check "the message says how many succeeded" has told "4 of 5 instances succeeded, and the quorum is 5; t[n=2] did not"
check "80 % of five are four" exits 0 run --set-json 'params.quorum="80%"'
check "90 % of five are five" exits 1 run --set-json 'params.quorum="90%"'
check "a quorum of more than there are is refused before anything runs" exits 2 run --set params.quorum=6
check "the message names both numbers" has told "the quorum is 6, and t has 5 instances to choose from"
check "nothing ran" test ! -s ran
check "check refuses it too" exits 2 "$retort" check q.json --set params.quorum=6
check "a quorum of all is no error" exits 0 "$retort" check q.json --set params.quorum=5
check "--retry-failed runs what failed, which the quorum takes" exits 0 run --retry-failed
check "--retry-failed runs only what failed" same "$(cat ran)" 2
touch mended
check "--retry-failed succeeds once the cause is mended" exits 0 run --retry-failed
check "a run after that leaves nothing out" exits 0 run
check "the choice is among all" has told "n=5 of 5"
check "--retry-failed has nothing to do then" exits 0 run --retry-failed
check "--retry-failed says so" has told "nothing failed in the last run"
check "--retry-failed takes no stage" exits 2 run --retry-failed t
rm mended

# A forced instance with an earlier record is no loss that a quorum takes: the next run would have it again.
sed 's/ != 2 \]/ != 5 ]/' q.json >f.json
force() { "$retort" run f.json "$@" >told 2>&1; }
check "a run goes on without the best" exits 0 force
check "the second best is published" same "$(cat results/q/o)" 4
: >mended
check "the best is there once its cause is mended" exits 0 force --retry-failed
check "the best is published" same "$(cat results/q/o)" 5
rm mended
check "a forced instance that fails is a failure under a quorum" exits 1 force --force "t[n=5]" use
check "nothing is published without it" same "$(cat results/q/o)" 5
check "the next run has its earlier result" exits 0 force
check "no choice lacks it" same "$(grep -c "left out" told)" 0

# Failures that a quorum does not reach are remembered like those that it takes.
cat >few.json <<EOT
{ "retort": 1, "name": "few", "stages": {
  "t": { "matrix": { "n": [1, 2, 3, 4] }, "outs": { "m": { "path": "m", "type": "metrics" } },
         "cmd": ["sh", "-c", "echo \$1 >>$work/ran; [ \$1 -gt 2 ] || exit 3; echo {\\\\\"l\\\\\": \$1} >m", "sh", "\${matrix.n}"] },
  "b": { "select": { "from": "t", "group_by": ["n"], "maximize": "metrics.l", "quorum": 3 } } } }
EOT
few() { : >ran; "$retort" run few.json "$@" >told 2>&1; }
check "a quorum that is not reached fails the run" exits 1 few -j 1 --keep-going
check "all four ran" same "$(sort ran | tr '\n' ' ')" "1 2 3 4 "
check "the next run fails too" exits 1 few --keep-going
check "it repeats none of the failures" same "$(cat ran)" ""
check "it names both, and the mend" same "$(grep -c "failed before.*run --retry-failed runs it again" told)" 2
"$retort" plan few.json >few.plan
check "plan tells of them" has few.plan "failed before"
check "--retry-failed runs both again" exits 1 few --retry-failed --keep-going
check "and nothing else" same "$(sort ran | tr '\n' ' ')" "1 2 "

# A signal may be the machine's fault: the stage is tried twice, left out aloud, and never remembered.
check "a run goes on without an instance that a signal killed" exits 0 run --set 'params.how=kill -9 $$'
check "a killed instance is tried again first" repeats 2 2
check "the run says that it was left out" has told "left out: t[n=2]"
check "the next run tries it again" exits 0 run --set 'params.how=kill -9 $$'
check "a signal is not remembered" repeats 2 2

# A failure that something else needs too is a failure.
sed 's/"use": {/"all": { "cmd": ["true"], "in": { "m": "${stages.t[*].outs.m}" } }, "use": {/; s/"cmd": \["true"\]/"cmd": ["ls", "${in.m}"]/' q.json >both.json
check "an instance that another stage needs is no loss that a quorum takes" exits 1 "$retort" run both.json --set 'params.how=exit 8' --keep-going --progress none
# All that succeeded.
{
    grep -v '"best"\|"use"\|"results"' q.json
    cat <<'EOT'
  "done": { "select": { "from": "t", "group_by": [], "quorum": 3 } },
  "use": { "in": { "m": "${stages.done[*].outs.m}" }, "cmd": ["sh", "-c", "cat \"$@\" >\"$0\"", "${outs.o}", "${in.m}"], "outs": { "o": "o" } } },
  "results": { "o": "${stages.use.outs.o}" } }
EOT
} >done.json
check "a select of all that succeeded goes on without the failed one" exits 0 "$retort" run done.json --set 'params.how=exit 9' --progress none
check "the stage behind it gets the others" same "$(sort results/q/o | tr '\n' ' ')" '{"loss": 1} {"loss": 3} {"loss": 4} {"loss": 5} '
"$retort" run both.json --set 'params.how=exit 8' --keep-going >told 2>&1
check "a stage that takes all instances is told of that select" has told 'which failed; a select with "group_by": [] and a "quorum" takes all that succeeded'
sed 's/"group_by": \[\],/& "minimize": "metrics.loss",/' done.json >bad.json
check "there is nothing to minimize among all" exits 2 "$retort" check bad.json

# A stage between the instance and the select is skipped with it.
cat >chain.json <<'EOT'
{ "retort": 1, "name": "chain", "stages": {
  "train": { "matrix": { "n": [1, 2, 3] }, "cmd": ["sh", "-c", "[ $1 != 1 ] || exit 1; echo $1 >o", "sh", "${matrix.n}"], "outs": { "o": "o" } },
  "eval": { "matrix": { "n": [1, 2, 3] }, "in": { "o": "${stages.train.outs.o}" }, "cmd": ["sh", "-c", "echo {\\\"loss\\\": $(cat $1)} >m.json", "sh", "${in.o}"], "outs": { "m": { "path": "m.json", "type": "metrics" } } },
  "best": { "select": { "from": "eval", "group_by": ["n"], "minimize": "metrics.loss", "quorum": 2 } } } }
EOT
check "a failure before the instances is left out too" exits 0 "$retort" run chain.json -j 1
for q in 0 '"0"' '"0%"' '"80"' '"101%"' '"120%"' 1.5 true -1 4; do
    sed "s/\"quorum\": 2/\"quorum\": $q/" chain.json >bad.json
    check "a quorum of $q is refused" exits 2 "$retort" check bad.json
done

# A stage that fails because it was asked to leave did not fail by itself.
cat >leave.json <<'EOF'
{ "retort": 1, "name": "leave", "stages": {
    "t": { "matrix": { "n": [1, 2, 3] }, "outs": { "m": { "path": "m", "type": "metrics" } },
           "cmd": ["sh", "-c", "trap 'exit 1' TERM; echo \"{\\\"l\\\": $1}\" >m; [ $1 != 3 ] || [ -e \"$2\" ] || { echo >\"$2.began\"; while :; do sleep 0.02; done; }", "x", "${matrix.n}", "@go"] },
    "b": { "select": { "from": "t", "group_by": ["n"], "maximize": "metrics.l", "quorum": 2 } } },
  "results": { "best": "${stages.b.outs.m}" } }
EOF
sed -i "s,@go,$work/go," leave.json
RETORT_ISOLATION=off "$retort" run leave.json --progress json >leave.run 2>&1 &
engine=$!
while ! [ -e "$work/go.began" ] || [ "$(grep -c finished leave.run)" -lt 2 ]; do sleep 0.02; done
kill -INT $engine
wait $engine
check "an interrupted stage counts as no failure" has leave.run '"failed":0,"interrupted":1'
check "no select goes on without it" test ! -e results/leave/best
touch "$work/go"
RETORT_ISOLATION=off "$retort" run leave.json >leave.run 2>&1
check "the next run chooses among all" same "$(cat results/leave/best)" '{"l": 3}'
finish

#!/bin/sh
# After a run that a quorum let go on, the other commands go on without the same instances, and say so.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >q.json <<EOT
{ "retort": 1, "name": "q", "params": { "how": "exit 7" }, "stages": {
  "t": { "matrix": { "n": [1, 2, 3] }, "outs": { "m": { "path": "m.json", "type": "metrics" } },
         "cmd": ["sh", "-c", "[ \$1 != 2 ] || [ -e $work/mended ] || eval \$2; echo {\\\\\"loss\\\\\": \$1} >m.json", "sh", "\${matrix.n}", "\${params.how}"] },
  "best": { "select": { "from": "t", "group_by": ["n"], "maximize": "metrics.loss", "quorum": 2 } },
  "use": { "cmd": ["sh", "-c", "echo \$1 >o", "sh", "\${stages.best.matrix.n}"], "outs": { "o": "o" } },
  "other": { "cmd": ["true"] } },
  "results": { "o": "\${stages.use.outs.o}" } }
EOT
ask() { "$retort" "$@" >told 2>&1; }
states() { "$retort" plan q.json --json "$@" 2>/dev/null | python3 -c 'import json,sys; print(*(r["stage"] + ":" + r["state"] for r in json.load(sys.stdin)))'; }
says() { check "$1 says which instance the select goes on without" has told "best: left out: t[n=2]"; }

ask run q.json --progress none
check "plan knows all of a pipeline whose quorum was reached" same "$(states)" "t[n=1]:known t[n=2]:known t[n=3]:known use:known other:known"
check "plan succeeds" exits 0 ask plan q.json
says plan
check "plan gives the reason" grep -q '^known *t\[n=2\] *left out: failed before, at 20.*: exit status 7; run --retry-failed runs it again$' told
check "plan counts it apart" has told "4 known, 0 to run, 0 waiting, 1 left out by a quorum"
check "why knows a stage behind the select" exits 0 ask why q.json use
check "why says that it is known" has told "use: known"
says why
check "why explains the instance that was left out" exits 0 ask why q.json "t[n=2]" best
check "why gives its reason" has told "t[n=2]: left out: failed before, at 20"
check "why names the directory of its failure" grep -q '^  the directory of its last failure: .*failed/q/' told
check "why shows the select's choice" has told "best: selected"
check "show finds the record of a stage behind the select" exits 0 ask show q.json use
says show
check "show of an instance that was left out, and of its select, prints the select" exits 0 ask show q.json "t[n=2]" best
check "show says why it has no record" has told "t[n=2] has no record: a quorum goes on without it; it failed before, at 20"
check "verify executes the stages behind the select" exits 0 ask verify q.json use
check "verify finds the same result" has told "1 of 1 recorded stages executed once more"
says verify
check "verify of all takes the instances that there are" exits 0 ask verify q.json
check "verify counts no instance that was left out as unrecorded" has told "4 of 4 recorded stages executed once more"
check "verify names nothing unrecorded" sh -c '! grep "not recorded" told'
check "a shell behind the select gets its value" exits 0 env SHELL=/bin/true "$retort" shell q.json use

# A named target publishes what is known.
rm -r results
check "a run of another stage ends with 0" exits 0 "$retort" run q.json other --progress none
check "it publishes results behind the select" same "$(cat results/q/o)" 3

# A signal is not remembered: a run tries again, and the other commands show what the last run gave.
ask run q.json --progress none --set 'params.how=kill -9 $$'
check "plan tries a killed instance again" same "$(states --set 'params.how=kill -9 $$')" "t[n=1]:known t[n=2]:run t[n=3]:known use:waiting other:known"
check "show shows what was made without it" exits 0 ask show q.json use --set 'params.how=kill -9 $$'
says "show of a run with a killed instance"
check "verify takes the members of that run" exits 0 ask verify q.json use --set 'params.how=kill -9 $$'
rm -r results
check "a named target publishes what was made without it" exits 0 "$retort" run q.json other --progress none --set 'params.how=kill -9 $$'
check "that result is whole" same "$(cat results/q/o)" 3

# With the instance the choice is another one: nothing that was made without it is shown as known.
touch mended
check "a mended instance joins the select" exits 0 "$retort" run q.json --progress none --set 'params.how=kill -9 $$'
check "plan leaves nothing out then" exits 0 ask plan q.json --set 'params.how=kill -9 $$'
check "plan says nothing of a quorum then" sh -c '! grep "left out" told'

# A stage between the instance and the select is left out with it.
cat >chain.json <<'EOT'
{ "retort": 1, "name": "chain", "stages": {
  "train": { "matrix": { "n": [1, 2, 3] }, "cmd": ["sh", "-c", "[ $1 != 1 ] || exit 1; echo $1 >o", "sh", "${matrix.n}"], "outs": { "o": "o" } },
  "eval": { "matrix": { "n": [1, 2, 3] }, "in": { "o": "${stages.train.outs.o}" }, "cmd": ["sh", "-c", "echo {\\\"loss\\\": $(cat $1)} >m.json", "sh", "${in.o}"], "outs": { "m": { "path": "m.json", "type": "metrics" } } },
  "best": { "select": { "from": "eval", "group_by": ["n"], "minimize": "metrics.loss", "quorum": 2 } } } }
EOT
"$retort" run chain.json --progress none
ask plan chain.json
check "plan counts what was left out before the select too" has told "4 known, 0 to run, 0 waiting, 2 left out by a quorum"
check "plan says what it needed" grep -q '^known *eval\[n=1\] *left out: needs train\[n=1\], which failed$' told
finish

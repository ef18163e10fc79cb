#!/bin/sh
# `run --retry-failed` runs the instances whose keys failed, and then what depends on them, as any run does.
. tests/integration/lib.inc
cd "$work" || exit 1
run() { : >ran; "$retort" run "$@" --progress none >told 2>&1; }
ran() { same "$(sort ran | tr '\n' ' ')" "$1"; }

cat >q.json <<EOT
{ "retort": 1, "name": "q", "params": { "how": "exit 7" }, "stages": {
  "t": { "matrix": { "n": [1, 2, 3] }, "outs": { "m": { "path": "m.json", "type": "metrics" } },
         "cmd": ["sh", "-c", "echo t\$1 >>$work/ran; [ \$1 != 3 ] || [ -e $work/mended ] || eval \$2; echo {\\\\\"loss\\\\\": \$1} >m.json", "sh", "\${matrix.n}", "\${params.how}"] },
  "best": { "select": { "from": "t", "group_by": ["n"], "maximize": "metrics.loss", "quorum": 2 } },
  "use": { "cmd": ["sh", "-c", "echo use >>$work/ran; echo \$1 >o", "sh", "\${stages.best.matrix.n}"], "outs": { "o": "o" } },
  "many": { "matrix": { "k": ["\${stages.best.matrix.n}"] }, "cmd": ["sh", "-c", "echo many\$1 >>$work/ran", "sh", "\${matrix.k}"] },
  "z": { "cmd": ["sh", "-c", "echo z >>$work/ran"] } },
  "results": { "o": "\${stages.use.outs.o}" } }
EOT
check "a run goes on without a failed instance" exits 0 run q.json
check "a failure that the quorum takes again ends with 0" exits 0 run q.json --retry-failed
check "only the failed instance runs again" ran "t3 "
check "the results stay whole" same "$(cat results/q/o)" 2
check "no partial result is left" test ! -e results/q@partial
check "other values have not failed" exits 0 run q.json --retry-failed --set 'params.how=exit 8'
check "it says so" has told "nothing failed in the last run"
check "a run with other values has a failure of its own" exits 0 run q.json --set 'params.how=exit 8'
check "a failure is found by its key, not in the last run's names" exits 0 run q.json --retry-failed
check "the instance with the present values runs" ran "t3 "
touch mended
check "a mended instance ends with 0" exits 0 run q.json --retry-failed
check "the stages behind the new choice run" ran "many3 t3 use "
check "the result is the new one" same "$(cat results/q/o)" 3
check "a run after that has nothing to do" exits 0 run q.json
check "nothing ran" ran ""
rm mended

# A failure that no quorum takes: what was skipped runs, what was never started does not.
cat >c.json <<EOT
{ "retort": 1, "name": "c", "stages": {
  "a": { "matrix": { "n": [1, 2] }, "cmd": ["sh", "-c", "echo a\$1 >>$work/ran; [ \$1 != 1 ] || [ -e $work/mended ] && echo \$1 >o", "sh", "\${matrix.n}"], "outs": { "o": "o" } },
  "b": { "matrix": { "n": [1, 2] }, "in": { "o": "\${stages.a.outs.o}" }, "cmd": ["sh", "-c", "echo b\$(cat \$1) >>$work/ran; cp \$1 o", "sh", "\${in.o}"], "outs": { "o": "o" } },
  "c": { "in": { "o": "\${stages.b[n=1].outs.o}" }, "cmd": ["sh", "-c", "echo c >>$work/ran; : \$1", "sh", "\${in.o}"] },
  "d": { "after": ["c"], "cmd": ["sh", "-c", "echo d >>$work/ran"] },
  "z": { "cmd": ["sh", "-c", "echo rest >>$work/ran"] } } }
EOT
check "a run stops at a failure" exits 1 run c.json -j 1 "a[n=1]" d
check "it started nothing else" ran "a1 "
check "a failure again ends with 1" exits 1 run c.json --retry-failed -j 1
check "it runs the failed instance alone" ran "a1 "
touch mended
check "once mended it ends with 0" exits 0 run c.json --retry-failed -j 1
check "all that was skipped runs, and nothing else" ran "a1 b1 c d "
check "a run does the rest" exits 0 run c.json
check "the rest is what never failed" ran "a2 b2 rest "
rm mended

# The key of an instance behind a stage that is never cached is not known before the run: its name is.
cat >u.json <<EOT
{ "retort": 1, "name": "u", "stages": {
  "made": { "cache": false, "cmd": ["sh", "-c", "echo made >>$work/ran; echo 1 >o"], "outs": { "o": "o" } },
  "last": { "in": { "o": "\${stages.made.outs.o}" }, "cmd": ["sh", "-c", "echo last >>$work/ran; [ -e $work/mended ] && : \$1", "sh", "\${in.o}"] },
  "z": { "cache": false, "cmd": ["sh", "-c", "echo z >>$work/ran"] } } }
EOT
check "a stage behind one without a cache fails" exits 1 run u.json
touch mended
check "--retry-failed runs it again" exits 0 run u.json --retry-failed
check "with what it needs, and nothing else" ran "last made "

# A dependent of the failed instance may need others: these run too.
rm mended
cat >n.json <<EOT
{ "retort": 1, "name": "n", "stages": {
  "s": { "matrix": { "n": [1, 2] }, "cmd": ["sh", "-c", "echo s\$1 >>$work/ran; [ \$1 != 1 ] || [ -e $work/mended ] && echo \$1 >o", "sh", "\${matrix.n}"], "outs": { "o": "o" } },
  "sum": { "in": { "o": "\${stages.s[*].outs.o}" }, "cmd": ["sh", "-c", "echo sum >>$work/ran; cat \$1 \$2 >o", "sh", "\${in.o}"], "outs": { "o": "o" } } } }
EOT
check "a run of one instance fails" exits 1 run n.json "s[n=1]"
touch mended
check "--retry-failed brings its dependents up to date" exits 0 run n.json --retry-failed
check "with the other instance that they need" ran "s1 s2 sum "
finish

#!/bin/sh
# retort log -f shows the output of a running stage as it grows.
. tests/integration/lib.inc
cd "$work" || exit 1
gate=$(mktemp -d)
trap 'rm -rf "$work" "$gate"' EXIT
echo '{ "retort": 1, "name": "q", "stages": { "a": { "cmd": ["true"] } } }' >q.json
"$retort" run q.json --progress none
cat >p.json <<EOT
{ "retort": 1, "name": "p", "params": { "v": 1 }, "stages": { "s": { "retries": 1, "outs": { "o": "o" }, "cmd": ["sh", "-c",
  "echo x >>$gate/tries; n=\$(wc -l <$gate/tries); echo begin \$n; until [ -e $gate/go.\$n ]; do sleep 0.02; done; echo end \$n; echo problem \$n >&2; [ \$n = 2 ] && echo >o", "sh", "\${params.v}"] } } }
EOT
await() { for try in $(seq 600); do "$@" && return; sleep 0.1; done; return 1; }
"$retort" log -f p.json s >none 2>none.err
check "log -f without a running stage ends with a message" has none.err "s does not run: nothing to follow"
"$retort" run p.json --progress none >told 2>&1 & engine=$!
await test -s "$gate/tries"
"$retort" log -f p.json s >followed 2>followed.err & follower=$!
check "the output is there while the stage runs" await grep -qx "begin 1" followed
"$retort" log -f p.json s >stopped 2>stopped.err & second=$!
check "a second reader follows too" await grep -qx "begin 1" stopped
kill -TERM $second
wait $second 2>wait.err
check "one that is ended says nothing" same "$(cat stopped.err)" ""
: >"$gate/go.1"
check "the end of a failed attempt is shown" await grep -qx "problem 1" followed
check "a further attempt is followed" await grep -qx "begin 2" followed
: >"$gate/go.2"
wait $engine
check "log -f ends with the stage" wait $follower
check "all of its output was shown once" same "$(grep -vE '^(==|--)' followed | sort | tr '\n' ' ')" "begin 1 begin 2 end 1 end 2 problem 1 problem 2 " # a look at stdout may come before one at stderr
check "it says which stream each is from" same "$(grep '^--' followed | sort -u | tr '\n' ' ')" "-- stderr -- stdout "
check "log -f says nothing else" same "$(cat followed.err)" ""
"$retort" run p.json --set params.v=2 --progress none >told 2>&1 & engine=$!
await sh -c '[ "$(wc -l <"$1/tries")" = 3 ]' sh "$gate"
"$retort" log -f p.json s --set params.v=2 >followed 2>followed.err & follower=$!
check "another run is followed" await grep -qx "begin 3" followed
kill -9 $engine
check "log -f ends when the engine is killed" wait $follower
"$retort" log -f p.json s >none 2>none.err
check "a stage that has ended is not followed" same $? 3
finish

#!/bin/sh
# Inputs that are fetched: once, checked by their digest, cancelled, tried again.
. tests/integration/lib.inc
mkdir -p "$work/served" "$work/project" && cd "$work/project" || exit 1
printf 'a,b\n1,2\n' >"$work/served/x.csv"
head -c 3000000 /dev/zero >"$work/served/big"
digest() { sha256sum "$work/served/$1" | cut -d' ' -f1; }
mkfifo "$work/alive"
"$repository/tests/integration/serve.py" "$work/served" "$work/port" "$work/asked" <"$work/alive" &
exec 9>"$work/alive" # the server ends with this shell
while [ ! -e "$work/port" ]; do sleep 0.02; done
base=http://127.0.0.1:$(cat "$work/port")
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
run() { "$retort" run "$@" >run.txt 2>&1 || { cat run.txt; return 1; }; }
asked() { grep -c "$1" "$work/asked"; }
await() { for try in $(seq 600); do "$@" && return; sleep 0.1; done; return 1; }

# pipeline FILE PATH SHA256: one command that copies what was fetched
pipeline() {
    cat >$1 <<EOF
{ "retort": 1, "name": "q", "stages": { "a": { "cmd": ["cp", "data/x.csv", "o"], "outs": ["o"],
  "in": [{ "url": "$base/$2", "sha256": "$3", "as": "data/x.csv" }] } }, "results": { "o": "\${stages.a.outs.o}" } }
EOF
}
cat >sweep.json <<EOF
{ "retort": 1, "name": "p", "stages": {
    "a": { "cmd": ["sh", "-c", "cat in/x/x.csv >\$0; echo \${matrix.n} >>\$0", "\${outs.o}"], "matrix": { "n": [1, 2, 3] },
           "in": { "x": { "url": "$base/x.csv", "sha256": "$(digest x.csv)" } }, "outs": { "o": "o" } } },
  "results": { "o/": "\${stages.a[*].outs.o}" } }
EOF
check "check accepts a URL with its digest" "$retort" check sweep.json
check "plan accepts it" "$retort" plan sweep.json
check "neither fetches it" same "$(asked x.csv 2>/dev/null)" ""
check "three stages run that need the file" run sweep.json -j 3
check "they have its content" same "$(tr '\n' ' ' <results/p/o/n=3)" "a,b 1,2 3 "
check "it was fetched once" same "$(asked x.csv)" 1
check "the next run knows all" run sweep.json
check "it fetches nothing" same "$(asked x.csv)" 1
check "verify finds the same outs" "$retort" verify sweep.json
check "the store is whole" "$retort" fsck

pipeline p.json moved/x.csv "$(digest x.csv)"
check "a file that the store has is not fetched from another URL" run p.json
check "no redirect was asked for" same "$(asked moved)" 0
check "it stands where \"as\" says" cmp results/q/o "$work/served/x.csv"
rm -rf .retort
echo "cat data/x.csv" | SHELL=/bin/sh "$retort" shell p.json a >shell.txt 2>&1
check "a shell has a file that the store lacked" has shell.txt "1,2"
for part in moved/big busy/2/big cut/2/big; do
    rm -rf .retort
    pipeline p.json "$part" "$(digest big)"
    check "$part is fetched in the end" run p.json
done
check "a cut answer was tried three times" same "$(asked cut)" 3

rm -rf .retort
pipeline p.json x.csv "$(digest big)"
check "a server that sends another content fails the stage" exits 1 "$retort" run p.json
"$retort" run p.json >run.txt 2>&1
check "the failure names both digests" has run.txt "sha256 is $(digest x.csv), and \"sha256\" says $(digest big)"
check "the store has taken nothing" same "$(find .retort/objects -type f | wc -l)" 0
pipeline p.json gone "$(digest x.csv)"
"$retort" run p.json >run.txt 2>&1
check "a missing file fails the stage" has run.txt "$base/gone: cannot be fetched"
check "it was asked for once" same "$(asked gone)" 1

pipeline p.json hang/big "$(digest big)"
"$retort" run p.json --progress json >run.txt 2>&1 &
run=$!
while ! grep -q hang "$work/asked"; do sleep 0.02; done
kill -INT $run
wait $run
check "Ctrl-C ends a run that waits for a server" same $? 130
check "its stage has not started and not failed" has run.txt '"finished":0,"failed":0,"interrupted":0'
check "nothing is left of the fetched half" same "$(find .retort/work -type f | wc -l)" 0

# Slow downloads hold no worker thread and no cpu.
cat >slow.json <<EOF
{ "retort": 1, "name": "b", "stages": {
    "slow": { "cmd": ["true", "\${matrix.n}"], "outs": [], "matrix": { "n": [1, 2, 3, 4, 5, 6] },
              "in": { "x": { "url": "$base/hang/\${matrix.n}/big", "sha256": "\${matrix.n}$(digest big | cut -c2-)" } } },
    "here": { "cmd": ["cp", "\${in.x}", "o"], "outs": { "o": "o" }, "in": { "x": { "url": "$base/x.csv", "sha256": "$(digest x.csv)" } } },
    "next": { "cmd": ["cp", "\${in.x}", "o"], "outs": { "o": "o" }, "in": { "x": "\${stages.here.outs.o}" } } } }
EOF
"$retort" run slow.json -j 1 >run.txt 2>&1 &
run=$!
asked_all() { [ "$(asked hang/[1-6]/big)" = 6 ]; }
check "the run says which stage waits for a file" await grep -q "slow\[n=1\].*fetches its inputs first" run.txt
check "six slow downloads go on at once" await asked_all
check "other stages run beside them on one cpu" await grep -q "finished *next" run.txt
kill -INT $run
wait $run
check "Ctrl-C ends them" same $? 130

# Faults of the file.
bad() { # INPUT MESSAGE
    echo '{ "retort": 1, "name": "p", "stages": { "a": { "cmd": ["true"], "outs": [], "in": '"$1"' } } }' >bad.json
    "$retort" check bad.json >bad.txt 2>&1
    check "refused: $2" has bad.txt "$2"
}
zeros=0000000000000000000000000000000000000000000000000000000000000000
bad '{ "x": { "url": "https://h/x" } }' '"url" needs "sha256" beside it'
bad '{ "x": { "url": "https://h/x", "sha256": "12" } }' 'the digest "12" is not 64 digits'
bad '{ "x": { "url": "ftp://h/x", "sha256": "'$zeros'" } }' 'begins with neither https:// nor http://'
bad '{ "x": { "url": "https://u:p@h/x", "sha256": "'$zeros'" } }' "holds a user's name or password"
bad '{ "x": { "url": "https://h/", "sha256": "'$zeros'" } }' 'names no file: say where it stands'
bad '{ "x": { "url": "https://h/..", "sha256": "'$zeros'" } }' 'names no file: say where it stands'
bad '{ "x": { "url": "https://h/x", "path": "x", "sha256": "'$zeros'" } }' 'the input has "path" and "url": keep one of them'
bad '{ "x": { "path": "bad.json", "sha256": "'$zeros'" } }' '"sha256" stands beside "url"'
bad '[{ "url": "https://h/x", "sha256": "'$zeros'" }]' 'a file to fetch has no path of its own'
finish

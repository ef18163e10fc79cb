#!/bin/sh
# A large input is hashed while other stages start and end. The large file is sparse, and so large that nobody waits for
# its digest: a run that did would end by the limit of `until_it`.
. tests/integration/lib.inc
cd "$work" || exit 1
mkdir folder
truncate -s 256G big folder/big 2>/dev/null || skip "the file system takes no file of 256 GiB"
cat >p.json <<'EOF2'
{ "retort": 1, "name": "big", "stages": {
    "big":    { "cmd": ["sh", "-c", "cat $1 $2/big | wc -c >o", "sh", "${in.file}", "${in.folder}"],
                "in": { "file": "big", "folder": "folder" }, "outs": { "o": "o" } },
    "behind": { "cmd": ["cp", "${in.o}", "o"], "in": { "o": "${stages.big.outs.o}" }, "outs": { "o": "o" } },
    "small":  { "cmd": ["sh", "-c", "echo x >o"], "outs": { "o": "o" } },
    "next":   { "cmd": ["cp", "${in.o}", "o"], "in": { "o": "${stages.small.outs.o}" }, "outs": { "o": "o" } } } }
EOF2
until_it() { # PATTERN: a line of the run has it
    for try in $(seq 600); do
        grep -q "$1" run.json && return 0
        sleep 0.1
    done
    echo "never: $1"
    cat run.json run.err
    return 1
}

"$retort" run p.json -j 1 --progress json >run.json 2>run.err & engine=$!
check "a stage ends while the inputs of another are hashed" until_it '"stage":"small".*"finished"'
check "and so does the stage behind it" until_it '"stage":"next".*"finished"'
kill -INT $engine
wait $engine; status=$?
check "Ctrl-C ends the hashing" same $status 130
check "the stage that waited never started" exits 1 grep -q '"stage":"big"' run.json

printf 'some bytes\n' >small
truncate -s 3M big folder/big
check "a run with large inputs ends well" "$retort" run p.json -j 1 --progress json
"$retort" show p.json behind --json >record.json
check "the stage behind them gets the right bytes" has record.json "$(echo 6291456 | sha256sum | cut -d' ' -f1)"
"$retort" show p.json big --json >record.json
check "the record holds the digest of the file" has record.json "$(sha256sum big | cut -d' ' -f1)"
check "the next run executes nothing" sh -c '"$1" run p.json --progress json | tail -n 1 | grep -q "\"finished\":0"' sh "$retort"

# It is hashed again when it changes, also in its first moments.
printf x >>big
check "a changed byte is noticed" sh -c '"$1" run p.json --progress json | grep -q "\"stage\":\"big\".*finished"' sh "$retort"
"$retort" show p.json big --json >record.json
check "and the new digest is recorded" has record.json "$(sha256sum big | cut -d' ' -f1)"

chmod 000 big
if [ "$(id -u)" -ne 0 ]; then
    check "a large file that may not be read is refused before anything runs" exits 2 "$retort" run p.json
fi
rm big
check "a missing one too" exits 2 "$retort" run p.json
finish

#!/bin/sh
# Inputs and outs: places, early cutoff, damage, publishing.
. tests/integration/lib.inc
cd "$work" || exit 1
ended() { counts run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
run() { "$retort" run t.json --progress json "$@" >run.json 2>run.err; }

mkdir -p data/sub && echo b >data/sub/b && echo a >data/a && printf '#!/bin/sh\necho tool\n' >tool && chmod +x tool && echo Text >text
cat >t.json <<'EOF'
{ "retort": 1, "name": "t", "stages": {
    "tree": { "cmd": ["sh", "-c", "mkdir -p d/sub d/empty; cp $1/sub/b d/sub/c; $2 >d/t; chmod +x d/t", "sh", "${in.data}", "${in.tool}"],
              "in": { "data": "data", "tool": "tool" }, "outs": { "d": { "path": "d", "type": "directory" } } },
    "lower": { "cmd": ["sh", "-c", "tr A-Z a-z <$1 >$2", "sh", "${in.text}", "${outs.o}"], "in": { "text": "text" }, "outs": { "o": "deep/down/o.txt" } },
    "see": { "cmd": ["sh", "-c", "find in | sort >o; cat $1/sub/c $1/t >>o; [ -x $1/t ]; echo $? >>o", "sh", "${in.tree}"],
             "in": { "tree": "${stages.tree.outs.d}", "list": ["text", "${stages.lower.outs.o}"] }, "outs": { "o": "o" } } },
  "results": { "see.txt": "${stages.see.outs.o}", "tree": "${stages.tree.outs.d}" } }
EOF
check "directories, tools, lists" run
check "each at its place" same "$(cat results/t/see.txt)" "in
in/list
in/list/0
in/list/0/text
in/list/1
in/list/1/o.txt
in/tree
in/tree/d
in/tree/d/empty
in/tree/d/sub
in/tree/d/sub/c
in/tree/d/t
b
tool
0"
check "a directory is published" same "$(cd results/t/tree && find . | sort | tr '\n' ' ')" ". ./empty ./sub ./sub/c ./t "
check "with its executables" test -x results/t/tree/t
touch -d '2001-01-01' results/t/see.txt
check "again: known" run
check "executing nothing" same "$(ended known)$(ended finished)" 30
check "a result that is right is not written again" same "$(stat -c %Y results/t/see.txt)" "$(date -d 2001-01-01 +%s)"

echo tEXT >text
sed -i 's/, "list": .*\]/, "list": ["${stages.lower.outs.o}"]/' t.json
check "a list that lost an item" run
echo TEXT >text
check "an input that changes nothing after it" run
check "stops the change there" same "$(ended known)$(ended finished)" 21

echo edited >results/t/see.txt
check "an edited result is refused" exits 3 run
check "and left as it was" same "$(cat results/t/see.txt)" edited
rm -r results/t/see.txt results/t/tree
check "a result that is gone comes back" run
check "all of it" test -s results/t/see.txt -a -s results/t/tree/sub/c

# One directory serves both: the second stage has a shorter list.
cat >lists.json <<'EOF'
{ "retort": 1, "name": "lists", "stages": {
    "long": { "cmd": ["sh", "-c", "find in | sort >o"], "in": { "list": ["text", "data/a", "data/sub"] }, "outs": { "o": "o" } },
    "short": { "cmd": ["sh", "-c", "find in | sort >o"], "in": { "list": ["data/a"], "long": "${stages.long.outs.o}" }, "outs": { "o": "o" } } },
  "results": { "long": "${stages.long.outs.o}", "short": "${stages.short.outs.o}" } }
EOF
check "two stages with lists" "$retort" run lists.json -j 1
check "each item has a folder" same "$(tr '\n' ' ' <results/lists/long)" \
    "in in/list in/list/0 in/list/0/text in/list/1 in/list/1/a in/list/2 in/list/2/sub in/list/2/sub/b "
check "and the next stage gets none of them" same "$(tr '\n' ' ' <results/lists/short)" "in in/list in/list/0 in/list/0/a in/long in/long/o "

# A stage that writes to its input, past the read-only mode.
cat >t.json <<'EOF'
{ "retort": 1, "name": "t", "stages": {
    "make": { "cmd": ["sh", "-c", "echo precious >o"], "outs": { "o": "o" } },
    "read": { "cmd": ["cat", "${in.o}"], "in": { "o": "${stages.make.outs.o}" } },
    "spoil": { "cmd": ["sh", "-c", "chmod u+w $1; echo spoilt >$1; echo done >o", "sh", "${in.o}"], "in": { "o": "${stages.make.outs.o}" },
               "outs": { "o": "o" }, "after": ["read"], "retries": 1 } } }
EOF
run
check "a stage that changes its input fails, and names it" has run.json 'it changed its input \"o\", which is read-only'
if grep -q 'it was set aside' run.json; then
    check "it is not tried again with what it spoilt, nor is what made that" same "$(grep -c started run.json)" 3
    sed -i 's/chmod u+w $1; echo spoilt >$1; //' t.json
    check "the producer of the input runs again" run
    check "and the store is whole" "$retort" fsck
else
    echo "# this file system copies by reference: a stage has no way to the object"
    check "the object is as it was" "$retort" fsck
fi

# A file of the project that changes while a stage reads it.
cat >t.json <<EOF
{ "retort": 1, "name": "t", "stages": {
    "slow": { "cmd": ["sh", "-c", "echo later >>$work/text; cat \$1 >o", "sh", "\${in.text}"], "in": { "text": "text" }, "outs": { "o": "o" } } } }
EOF
check "an input that changes meanwhile: exit status 1" exits 1 run
check "the message says that the input changed while the stage ran" has run.json "text changed while the stage ran; its result is not kept, run again"
check "nothing of it is known" sh -c "\"$retort\" plan t.json | grep -q '^run '"

# One of a directory, and one that is gone.
cat >t.json <<EOF
{ "retort": 1, "name": "t", "stages": {
    "tree": { "cmd": ["sh", "-c", "echo later >>$work/data/sub/b; cp \$1/sub/b o", "sh", "\${in.d}"], "in": { "d": "data" }, "outs": { "o": "o" } },
    "gone": { "cmd": ["sh", "-c", "rm -f $work/tool; cp \$1 o", "sh", "\${in.t}"], "in": { "t": "tool" }, "outs": { "o": "o" } } } }
EOF
check "a directory and a file that change meanwhile: exit status 1" exits 1 run --keep-going
check "the directory is named" has run.json "data changed while the stage ran; its result is not kept, run again"
check "the file that is gone too" has run.json "tool changed while the stage ran; its result is not kept, run again"
check "nothing of them is known" same "$(sed -i 's/"in": { "t": "tool" }/"in": { "t": "text" }/' t.json; "$retort" plan t.json | grep -c '^run ')" 2

# One that changes after it was looked at and before the stage begins: nothing is executed with it.
cat >t.json <<EOF
{ "retort": 1, "name": "t", "stages": {
    "first": { "cmd": ["sh", "-c", "echo later >>$work/text; echo >o"], "outs": { "o": "o" } },
    "second": { "cmd": ["sh", "-c", "echo >$work/executed; cat \$1 >o", "sh", "\${in.text}"], "in": { "text": "text" }, "outs": { "o": "o" }, "retries": 3 } } }
EOF
check "an input that changes before: exit status 1" exits 1 run -j 1
check "the message says that the input changed before" has run.json "text changed before the stage began, run again"
check "and nothing was executed" test ! -e executed
check "the next run takes it as it is" run
check "and is executed" test -e executed

# One that becomes a program while a stage reads it.
cat >t.json <<EOF
{ "retort": 1, "name": "t", "stages": {
    "slow": { "cmd": ["sh", "-c", "chmod +x $work/text; cat \$1 >o", "sh", "\${in.text}"], "in": { "text": "text" }, "outs": { "o": "o" } } } }
EOF
check "an input that becomes executable meanwhile: exit status 1" exits 1 run
check "the message says that the executable input changed" has run.json "text changed while the stage ran; its result is not kept, run again"

# A pinned program that changes before its stage begins, and one that changes meanwhile and back again. A link stands
# for the program: what is on the PATH of a stage is not this test's to change.
printf '#!/bin/sh\necho one\n' >one && printf '#!/bin/sh\necho two\n' >two && chmod +x one two && ln -s one prog
cat >t.json <<EOF
{ "retort": 1, "name": "t", "stages": {
    "swap": { "cmd": ["sh", "-c", "ln -sfn two $work/prog; echo >o"], "outs": { "o": "o" } },
    "use": { "cmd": ["sh", "-c", "echo >$work/ran; $work/prog >o"], "pin": ["$work/prog"], "outs": { "o": "o" }, "retries": 3 } } }
EOF
check "a pinned program that changes before: exit status 1" exits 1 run -j 1
check "the message says that the program changed before" has run.json "$work/prog changed before the stage began, run again"
check "and nothing was executed" test ! -e ran
cat >t.json <<EOF
{ "retort": 1, "name": "t", "stages": {
    "back": { "cmd": ["sh", "-c", "ln -sfn one $work/prog; $work/prog >o; ln -sfn two $work/prog"], "pin": ["$work/prog"], "outs": { "o": "o" } } } }
EOF
check "one that changes meanwhile and back: exit status 1" exits 1 run
check "the message says that the program was written to" has run.json "$work/prog was written to while the stage ran; its result is not kept, run again"
sed -i 's/ln -sfn one [^ ]*; //; s/; ln -sfn two [^ "]*//' t.json
check "and one that stays is kept" run
rm one two prog

# The way to a file that ends at another file, or leads in a circle: it is the stage that fails, not the run.
mkdir way && echo one >way/file && echo two >two && ln -s two link
cat >t.json <<EOF
{ "retort": 1, "name": "t", "stages": {
    "way": { "cmd": ["sh", "-c", "rm -r $work/way; echo >$work/way; cp \$1 o", "sh", "\${in.f}"], "in": { "f": "way/file" }, "outs": { "o": "o" } },
    "circle": { "cmd": ["sh", "-c", "ln -sfn link $work/link; cp \$1 o", "sh", "\${in.f}"], "in": { "f": "link" }, "outs": { "o": "o" } },
    "late": { "cmd": ["cp", "\${in.f}", "o"], "in": { "f": "way/file" }, "outs": { "o": "o" }, "after": ["see"] },
    "see": { "cmd": ["sh", "-c", "until [ -f $work/way ]; do sleep 0.01; done; echo seen >o"], "outs": { "o": "o" } } } }
EOF
check "a way that ends meanwhile: exit status 1" exits 1 run --keep-going -j 3
check "at a file" has run.json "way/file changed while the stage ran; its result is not kept, run again"
check "in a circle" has run.json "link changed while the stage ran; its result is not kept, run again"
check "and before a stage" has run.json "way/file changed before the stage began, run again"
check "the others go on" same "$(ended finished)$(ended failed)" 13
check "there is no such input then: exit status 2" exits 2 run
check "at a file" grep -q "^t.json:2:.*way/file: does not exist" run.err
check "in a circle" grep -q "^t.json:3:.*link: is a link that leads in a circle" run.err
cat >t.json <<EOF
{ "retort": 1, "name": "t", "stages": {
    "slow": { "cmd": ["sh", "-c", "cat \$1 >o", "sh", "\${in.text}"], "in": { "text": "text" }, "outs": { "o": "o" } } } }
EOF

sed -i 's/"text": "text"/"text": "."/' t.json
check "an input that holds the store is refused" exits 2 run
check "in words" has run.err "holds the store ("
check "before anything ran" test -z "$(grep started run.json)"
check "check refuses it too" exits 2 "$retort" check t.json
mkdir -p published/results && mv t.json published/ && cat >published/t.json <<'EOF'
{ "retort": 1, "name": "t", "stages": {
    "slow": { "cmd": ["sh", "-c", "ls $1 >o", "sh", "${in.text}"], "in": { "text": "results" }, "outs": { "o": "o" } } },
  "results": { "o": "${stages.slow.outs.o}" } }
EOF
check "an input that holds the pipeline's own results is refused" exits 2 "$retort" check published/t.json
( cd published && run ) && echo ran >published/run.err
check "by run too, before anything ran" has published/run.err "holds the pipeline's own results ("
sed -i 's/"text": "results"/"text": "results\/other"/' published/t.json && mkdir published/results/other
check "results of another pipeline may be one" "$retort" check published/t.json
rm -r published
cat >t.json <<EOF
{ "retort": 1, "name": "t", "stages": {
    "slow": { "cmd": ["sh", "-c", "cat \$1 >o", "sh", "\${in.text}"], "in": { "text": "." }, "outs": { "o": "o" } } } }
EOF

# One that may not be read: a fault with its place, where a system that fails is none.
other=; [ "$(id -u)" -ne 0 ] || other="setpriv --reuid=65534 --regid=65534 --clear-groups"
chmod 755 . && mkdir open && chmod 777 open && chmod 000 text && sed -i 's/"text": "."/"text": "text"/' t.json
unreadable() { $other "$retort" run t.json --store open/store >run.json 2>run.err; }
check "an input that may not be read: exit status 2" exits 2 unreadable
check "with its place" grep -q "^t.json:2:.*text: may not be read (permission denied)" run.err
chmod 644 text

# The libraries of retort-stage may be replaced while it stays as it is: each run asks it what it is by now.
mkdir programs && cp "$retort" "$BUILD/retort-keeper" programs/ && cat >programs/retort-stage <<EOF
#!/bin/sh
[ "\$1" != platform ] || exec cat "$work/platform"
exec "$BUILD/retort-stage" "\$@"
EOF
chmod +x programs/retort-stage
echo '{ "retort": 1, "name": "p", "params": { "n": 1 }, "stages": { "a": { "cmd": ["true", "${params.n}"] } } }' >p.json
platform() { # TEXT N
    echo "$1" >platform
    programs/retort run p.json --store platforms --progress none --set params.n="$2" &&
        programs/retort show p.json a --store platforms --set params.n="$2" --json | grep -q "\"platform\": \"$1\""
}
check "a record names its platform" platform "cpu blas-1" 1
check "also where a library has been replaced since" platform "cpu blas-2" 2
finish

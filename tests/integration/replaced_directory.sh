#!/bin/sh
# A stage puts links to a folder of the user's in the places that it was given. Retort moves, changes and removes
# nothing there; the attempt fails with a message; other stages, also the next in the same place, are as ever.
. tests/integration/lib.inc
cd "$work" || exit 1
victim=$work/victim

user_files() { # every name that an out, log, checkpoint or input could have
    rm -rf "$victim" && mkdir -p "$victim/thesis/chapters" "$victim/dir/thesis" "$victim/dir/.home" "$victim/dir/.tmp" "$victim/empty" "$victim/sub"
    for file in note.txt thesis/one thesis/chapters/two dir/note.txt dir/thesis/three spec.json dir/.tmp/four sub/note.txt step; do
        echo "the user's $file" >"$victim/$file"
    done
    chmod 640 "$victim/note.txt" && chmod 750 "$victim/thesis" && chmod g+w "$victim"
    touch -d 2001-01-01 "$victim/note.txt" "$victim/thesis/one" "$victim/thesis"
}
state() { (cd "$victim" && find . -printf '%p %y %m %i %T@ %l\n' | sort && find . -type f -exec sha256sum {} + | sort -k 2 &&
    python3 -c 'import os; print(os.listxattr("."))'); }
untouched() { state >now && diff before now; }

# Three instances, one after another; the second does what $evil holds.
cat >stage.sh <<'EOF2'
echo "stage $1" >note.txt; mkdir -p thesis sub; echo "thesis $1" >thesis/one; echo "sub $1" >sub/note.txt
[ -z "$RETORT_CHECKPOINT" ] || echo "$1" >"$RETORT_CHECKPOINT/step"
[ "$1" != 2 ] || . "$3"
EOF2
outs='"note": "note.txt", "thesis": { "path": "thesis", "type": "directory" }, "sub": "sub/note.txt"'
write_pipeline() { # [MEMBER...]
    cat >p.json <<EOF2
{ "retort": 1, "name": "p", "stages": {
    "s": { "matrix": { "n": [1, 2, 3] }, "cmd": ["sh", "\${in.s}", "\${matrix.n}", "$victim", "$work/evil.sh"], "in": { "s": "stage.sh" },
           "outs": { $outs }$* } } }
EOF2
}
go() { "$retort" run p.json -j 1 --keep-going --progress json --store store >run.json 2>run.err; }
outs_of() { # N: what the store holds of it
    "$retort" show p.json "s[n=$1]" --json --store store | python3 -c '
import json, sys
outs = json.load(sys.stdin)["outs"]
for name in "note", "sub", "thesis":
    digest = outs[name]["sha256"]
    text = open("store/objects/%s/%s" % (digest[:2], digest[2:])).read()
    print(text.strip() if name != "thesis" else "two" in text)'
}
others() { for n in 1 3; do same "$(outs_of $n)" "stage $n
sub $n
False" || return 1; done; }
nothing_left() { same "$(find store/work -mindepth 1; find store/logs -mindepth 1 ! -name '*-*.std*'; find store/checkpoints -mindepth 1)" ""; }
ends_well() { # NAME: names the state that the next run finds
    : >evil.sh
    check "$1: the next run ends well" go
    check "$1: the next run leaves no work" nothing_left
    check "$1: the next run leaves the user's files as they were" untouched
}

fails() { # NAME MESSAGE [MEMBER...]: NAME describes evil.sh
    what=$1 message=$2
    shift 2
    rm -rf store && user_files && state >before && write_pipeline "$@"
    check "the run fails: $what" exits 1 go
    check "the user's files do not change: $what" untouched
    check "a message names the fault: $what" has run.json "$message"
    check "the stages before and after it are right: $what" others
    ends_well "$what"
}
ends() { # NAME: describes an evil.sh that does no harm
    rm -rf store && user_files && state >before && write_pipeline
    check "$1: the run ends" go
    check "$1: the user's files are as they were" untouched
    check "$1: the stages before and after it are right" others
}
replaced="it replaced its working directory"

cat >evil.sh <<'EOF2'
d=$PWD; cd /; rm -rf "$d"; ln -s "$2" "$d"
EOF2
fails "the working directory is a link" "$replaced"

cat >evil.sh <<'EOF2'
d=$PWD; cd /; mv "$d" "$d.moved"; ln -s "$2" "$d"
EOF2
fails "the working directory is moved aside for a link" "$replaced"

cat >evil.sh <<'EOF2'
d=$(dirname "$PWD"); cd /; rm -rf "$d"; ln -s "$2" "$d"
EOF2
fails "the directory around it is a link" "$replaced"

cat >evil.sh <<'EOF2'
d=$(dirname "$PWD"); cd /; mv "$d" "$d.moved"; ln -s "$2" "$d"
EOF2
fails "the directory around it is moved aside for a link" "$replaced"

cat >evil.sh <<'EOF2'
d=$PWD; cd /; mv "$d" "$2/mine"; ln -s "$2/mine" "$d"
EOF2
rm -rf store && user_files && write_pipeline
check "the working directory is moved among the user's files: the run fails" exits 1 go
check "the working directory is moved among the user's files: a message says so" has run.json "$replaced"
check "the working directory is moved among the user's files: it stays there" same "$(cat "$victim/mine/note.txt")" "stage 2"
check "the working directory is moved among the user's files: the stages before and after it are right" others

cat >evil.sh <<'EOF2'
d=$PWD; cd /; rm -rf "$d"; mkdir "$d"; cd "$d"; echo other >note.txt; mkdir thesis sub; echo other >sub/note.txt
EOF2
fails "the working directory is another one" "$replaced"

cat >evil.sh <<'EOF2'
rm -rf sub; ln -s "$2" sub
EOF2
fails "an out's folder is a link" 'out \"sub\" (sub/note.txt) lies behind a symbolic link'

cat >evil.sh <<'EOF2'
rm -rf thesis; ln -s "$2/thesis" thesis
EOF2
fails "an out that is a folder is a link" 'out \"thesis\" (thesis) is no directory'

cat >evil.sh <<'EOF2'
ln -sf "$2/note.txt" note.txt
EOF2
fails "an out is a link" 'out \"note\" (note.txt) is no regular file'

cat >evil.sh <<'EOF2'
ln -s "$2/thesis" thesis/link
EOF2
fails "a link lies in an out" 'is a link to'

cat >evil.sh <<'EOF2'
rm -rf .tmp .home in; ln -s "$2/dir/.tmp" .tmp; ln -s "$2" .home; ln -s "$2" in; exit 5
EOF2
fails "the stage's own folders are links" 'exit status 5'

cat >evil.sh <<'EOF2'
rm -f ../spec.json; ln -s "$2/spec.json" ../spec.json; exit 5
EOF2
fails "the spec is a link" 'exit status 5'

# One that fails, so that its checkpoint is needed again, and one that succeeds, so that it is removed.
cat >evil.sh <<'EOF2'
rm -rf "$RETORT_CHECKPOINT"; ln -s "$2" "$RETORT_CHECKPOINT"; exit 5
EOF2
fails "the checkpoint is a link, and the attempt is repeated" "exit status 5" ', "checkpoint": true, "retries": 1'
cat >evil.sh <<'EOF2'
rm -rf "$RETORT_CHECKPOINT"; ln -s "$2" "$RETORT_CHECKPOINT"
EOF2
rm -rf store && user_files && state >before
check "the checkpoint is a link, and the stage succeeds: the run ends well" go
check "the checkpoint is a link, and the stage succeeds: the user's files are as they were" untouched
check "the checkpoint is a link, and the stage succeeds: it is gone" nothing_left

# Second names of the user's files are no links that could be seen.
cat >evil.sh <<'EOF2'
ln -f "$2/note.txt" note.txt; ln "$2/thesis/one" thesis/two; ln -f "$2/spec.json" ../spec.json
EOF2
ends "outs and spec are second names of files"

# ---- logs ----

cat >evil.sh <<'EOF2'
echo early; for log in ../../../logs/*.stdout ../../../logs/*.stderr; do rm "$log"; mkfifo "$log"; done
EOF2
rm -rf store && user_files && state >before && write_pipeline
check "the logs are pipes: the run ends" timeout 60 "$retort" run p.json -j 1 --keep-going --store store
check "the logs are pipes: the stages before and after it are right" others
check "the logs are pipes: the store can be swept" "$retort" fsck --store store

# The names that the logs of this run get later. The logs of an attempt that says nothing do not get theirs.
lacks() { ! grep -qF -- "$2" "$1" || { echo "\"$2\" is in:"; cat "$1"; return 1; }; } # FILE TEXT
go_soon() { timeout 60 "$retort" run p.json -j 1 --keep-going --progress json --store store >run.json 2>run.err; }
later_names() { # KIND COMMAND...: the stage makes each by the command
    what=$1; shift
    cat >evil.sh <<EOF2
run=\${PWD%-slot*}; run=\${run##*/}
for name in \$run-0-1 \$run-1-1 \$run-2-1; do for end in stdout stderr; do $* ../../../logs/\$name.\$end; done; done
exit 5
EOF2
    rm -rf store && user_files && state >before && write_pipeline
    check "the later names of logs are $what: the run fails" exits 1 go_soon
    check "the later names of logs are $what: the user's files are as they were" untouched
    check "the later names of logs are $what: a message names the exit status" has run.json "exit status 5"
}
later_names pipes mkfifo
later_names links 'ln -s "$2/note.txt"'
check "the later names of logs are links: no message shows the user's file" lacks run.json "the user's"

cat >evil.sh <<'EOF2'
for log in ../../../logs/*.stdout ../../../logs/*.stderr; do rm "$log"; ln -s "$2/note.txt" "$log"; done; echo late; echo late >&2
EOF2
sed -i 's/^echo "stage $1"/echo "says $1"; echo "says $1" >\&2; &/' stage.sh
ends "the logs are links"
cat >evil.sh <<'EOF2'
for log in ../../../logs/*.stdout ../../../logs/*.stderr; do ln -f "$2/note.txt" "$log"; done
EOF2
ends "the logs are second names of a file"

# ---- other engines, verify, a kill ----

cat >evil.sh <<'EOF2'
[ -e "$2/../quiet" ] || { d=$PWD; cd /; rm -rf "$d"; ln -s "$2" "$d"; }
EOF2
rm -rf store && user_files && state >before && write_pipeline && touch quiet
check "stages that do nothing of the kind" go
rm quiet
check "they do when they are verified: it fails" exits 1 "$retort" verify p.json --store store
check "they do when they are verified: the user's files are as they were" untouched

cat >evil.sh <<'EOF2'
d=$(dirname "$PWD"); cd /; rm -rf "$d"; ln -s "$2" "$d"; ln -s "$2" "$d.other"; touch "$2/../there"; sleep 1000
EOF2
rm -rf store there && user_files && state >before
"$retort" run p.json -j 1 --store store >said 2>&1 & engine=$!
for try in $(seq 600); do [ ! -e there ] || break; sleep 0.05; done
kill -9 $engine
wait $engine 2>/dev/null
check "the engine is killed while its directory is a link: the user's files are as they were" untouched
echo : >evil.sh
check "the next run ends well" go
check "the next run removes the link alone" untouched
check "the next run leaves no work" nothing_left
finish

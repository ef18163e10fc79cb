#!/bin/sh
# Links in inputs are followed. One that leads nowhere or in a circle is an error, in check as in run.
. tests/integration/lib.inc
unset RETORT_ISOLATION
mkdir -p "$work/project/.git" "$work/scratch" && cd "$work/project" || exit 1
ended() { counts run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
run() { "$retort" run "$@" --progress json >run.json 2>run.err; }
says() { "$retort" check "$1" >said 2>&1; } # FILE
told() { # FILE TEXT: check and run fail, with the same words
    says "$1"; same "check: $?" "check: 2" && has said "$2" && { run "$1"; same "run: $?" "run: 2"; } && has run.err "$2"
}
folder() { # FILE MORE
    cat >"$1.json" <<END
{ "retort": 1, "name": "$1", "stages": {
    "see": { "cmd": ["sh", "-c", "find $1 | sort >o; find $1 -type l >>o; find $1 -type f | sort | xargs cat >>o"], "in": ["$1"], "outs": ["o"]$2 } },
  "results": { "o": "\${stages.see.outs.o}" } }
END
}

mkdir data shared && echo one >shared/one && echo two >"$work/scratch/two"
ln -s ../shared data/folder && ln -s ../shared/one data/file
folder data
check "a folder with links into the project" run data.json
check "is given with what they lead to" same "$(tr '\n' ' ' <results/data/o)" "data data/file data/folder data/folder/one one one "
check "check finds it sound" says data.json
check "and says nothing about links" same "$(grep -c link said)" 0
check "run neither" same "$(grep -c link run.json run.err | tr '\n' ' ')" "run.json:0 run.err:0 "
run data.json
check "the second run executes nothing" same "$(ended known)$(ended finished)" 10
echo more >>shared/one
run data.json
check "a change of a target re-runs the stage" same "$(ended known)$(ended finished)" 01
check "and it gets the new content" same "$(grep -c more results/data/o)" 2

# Content counts, not how it is reached.
mkdir plain plain/folder && cp shared/one plain/file && cp shared/one plain/folder/one && mv data linked && mv plain data
run data.json
check "a folder with the same files and no links has the same key" same "$(ended known)$(ended finished)" 10
rm -r data && mv linked data

# Out of the project.
ln -s "$work/scratch" data/scratch
check "check warns of a link that leads out of the project" says data.json
check "and names it with its target" has said "data/scratch: is reached by a link that leads out of the project, to $work/scratch"
check "a run over it succeeds" "$retort" run data.json --progress plain
check "and says so once" same "$(grep -c "data/scratch: is reached by a link that leads out" "$work/said")" 1
check "and gives what is there" has results/data/o two
echo three >>"$work/scratch/two"
run data.json
check "a change outside re-runs the stage" same "$(ended finished)$(grep -c three results/data/o)" 11
rm data/scratch

ln -s "$work/scratch" away
cat >away.json <<'END'
{ "retort": 1, "name": "away", "stages": { "see": { "cmd": ["cat", "away/two"], "in": ["away"] },
    "one": { "cmd": ["cat", "two"], "in": [{ "path": "away/two", "as": "two" }] } } }
END
check "an input that is such a link itself is found sound" says away.json
check "with a warning" has said "project/away: is reached by a link that leads out of the project, to $work/scratch"
check "and is given" run away.json

# Links that lead nowhere.
ln -s gone data/dangling
check "a link that leads nowhere is an error of check and run" told data.json "project/data/dangling: is a link to gone, which does not exist"
echo '/data/dangling' >.retortignore
check "unless it is no part of the folder" run data.json
rm .retortignore data/dangling
ln -s loop data/loop
check "a link to itself is an error of check and run" told data.json "project/data/loop: is a link that leads in a circle"
rm data/loop
ln -s .. data/up
check "so is one to a folder above" told data.json "project/data/up: is a link that leads in a circle"
rm data/up
ln -s ../data shared/back
check "so is one that comes back over another folder" told data.json "project/data/folder/back: is a link that leads in a circle"
rm shared/back
ln -s ../.retort data/store
check "a link to the store is refused by check and run" told data.json "holds the store"
rm data/store
mkfifo data/pipe
check "a named pipe is refused by check and run" told data.json "project/data/pipe: is a named pipe"
rm data/pipe
ln -s nothing absent
folder absent
check "an input that is a link to nothing is an error of check and run" told absent.json "project/absent: is a link to nothing, which does not exist"

# A large folder may stand by bind; what its links lead to must be there all the same.
mkdir big && head -c 3000000 /dev/zero >big/zeros && ln -s ../shared/one big/relative && ln -s "$PWD/shared" big/absolute
sleep 3
cat >big.json <<'END'
{ "retort": 1, "name": "big", "stages": {
    "see": { "cmd": ["sh", "-c", "find big | sort >o; cat big/relative big/absolute/one >>o"], "in": ["big"], "outs": ["o"] } },
  "results": { "o": "${stages.see.outs.o}" } }
END
check "a large folder with links out of it" run big.json
check "is given with what they lead to" same "$(tr '\n' ' ' <results/big/o)" "big big/absolute big/absolute/one big/relative big/zeros one more one more "

# ---- outs ----
cat >out.json <<'END'
{ "retort": 1, "name": "out", "stages": {
    "make": { "cmd": ["sh", "-c", "mkdir -p d/runs/3 d/__pycache__; echo best >d/runs/3/model; echo x >d/__pycache__/x; ln -s runs/3 d/latest; ln -s latest/model d/model"],
              "outs": { "d": { "path": "d", "type": "directory" } } },
    "use": { "cmd": ["sh", "-c", "readlink in/d/d/latest >o; cat in/d/d/model >>o; cat in/m/latest/model in/m/m >>o"],
             "in": { "d": "${stages.make.outs.d}", "m": { "from": "${stages.make.outs.d}", "part": "latest", "as": "in/m/latest" },
                     "f": { "from": "${stages.make.outs.d}", "part": "model", "as": "in/m/m" } }, "outs": { "o": "o" } } },
  "results": { "d": "${stages.make.outs.d}", "o": "${stages.use.outs.o}" } }
END
check "an out with links that stay inside" run out.json
check "is given to other stages with them, and parts are found over them" same "$(tr '\n' ' ' <results/out/o)" "runs/3 best best best "
check "is published with them" same "$(readlink results/out/d/latest) $(cat results/out/d/model)" "runs/3 best"
run out.json
check "the second run executes nothing" same "$(ended known)$(ended finished)" 20
sed -i 's/readlink in/echo again >p; readlink in/' out.json
check "a published folder with links, or with a cache, is no edit" run out.json
check "verify finds the same" "$retort" verify out.json
"$retort" gc --grace 0 >/dev/null 2>&1
run out.json
check "gc keeps it whole" same "$(ended known)$(ended finished)" 20
check "fsck finds nothing" "$retort" fsck
ln -sfn runs results/out/d/latest
sed -i 's/echo again/echo once more/' out.json
check "a published link that was turned is one" exits 3 run out.json
check "and is named" has run.err results/out/d

# A link to an input: its content is stored.
mkdir -p photos/x && echo p1 >photos/x/1 && echo p2 >photos/2
cat >split.json <<'END'
{ "retort": 1, "name": "split", "stages": {
    "split": { "cmd": ["sh", "-c", "mkdir -p train/deep; ln -s ../photos/x/1 train/1; ln -s $PWD/photos/2 train/deep/2; ln -s ../in/old/d train/old; ln -s photos/2 single"],
               "in": { "photos": { "path": "photos", "as": "photos" }, "old": "${stages.make.outs.d}" },
               "outs": { "d": { "path": "train", "type": "directory" }, "single": "single" } },
    "make": { "cmd": ["sh", "-c", "mkdir d; echo m >d/m; ln -s m d/l"], "outs": { "d": { "path": "d", "type": "directory" } } } },
  "results": { "d": "${stages.split.outs.d}", "single": "${stages.split.outs.single}" } }
END
check "links in an out to files of an input" run split.json
check "store the content of these files" same "$(cat results/split/d/1 results/split/d/deep/2 results/split/d/old/l results/split/single | tr '\n' ' ')" "p1 p2 m p2 "
check "and are no links any more" same "$(find results/split -type l)" ""
cat >cheat.json <<'END'
{ "retort": 1, "name": "cheat", "stages": {
    "a": { "cmd": ["sh", "-c", "mkdir d; rm -rf in/f; ln -s /etc in/f; ln -s ../in/f/one d/l"], "isolation": false,
           "in": { "f": "shared/one" }, "outs": { "d": { "path": "d", "type": "directory" } } } } }
END
check "a stage that puts a link in the place of its input fails" exits 1 "$retort" run cheat.json --progress none
cat >again.json <<'END'
{ "retort": 1, "name": "again", "stages": {
    "a": { "cmd": ["sh", "-c", "mkdir d .retort-again; ln -s /etc .retort-again/0; ln -s ../in/f/shared/passwd d/l"],
           "in": { "f": "shared" }, "outs": { "d": { "path": "d", "type": "directory" } } } } }
END
check "one that puts a link where the engine copies its input fails" exits 1 "$retort" run again.json --progress none
check "and nothing from outside is stored" same "$(find .retort/objects -type f -exec cmp -s {} /etc/passwd ';' -print)" ""

bad() { # NAME LINK-COMMAND TEXT
    cat >bad.json <<END
{ "retort": 1, "name": "bad", "stages": { "a": { "cmd": ["sh", "-c", "mkdir d; $1"], "outs": { "d": { "path": "d", "type": "directory" } } } } }
END
    exits 1 "$retort" run bad.json --progress plain >bad.out 2>&1 && has bad.out "$2"
}
check "an absolute link in an out fails the stage" bad "ln -s /etc/passwd d/l" "d/l: is a link to /etc/passwd"
check "so does one that leaves the out" bad "echo >x; ln -s ../x d/l" "d/l: is a link to ../x"
check "so does one that leads nowhere" bad "ln -s gone d/l" "d/l: is a link to gone"
finish

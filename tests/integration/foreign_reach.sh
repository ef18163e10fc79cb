#!/bin/sh
# Another team's file reaches nothing of the user's machine but what trust showed.
. tests/integration/lib.inc
unshare -Urmpin --fork --mount-proc true 2>/dev/null || skip "this machine allows no namespaces"
cd "$work" || exit 1
chmod 755 "$work"
HOME=$work/home && export HOME && mkdir home secret secret/bin && unset XDG_STATE_HOME
git config --global user.name a && git config --global user.email a@example.org && git config --global init.defaultBranch main
echo private >secret/key && cp /bin/sh secret/bin/sh && printf '#!%s/secret/bin/sh\ncat %s/secret/key >o\n' "$work" "$work" >"$work/script" && chmod +x script

# study PART-STAGES [OWN-STAGES]: b/t.json includes a part that has these stages
git init -q a && git init -q b
study() {
    cp script a/script
    printf '{ "retort": 1, "name": "part", "params": { "text": "cat in/f/file >o", "path": "%s/secret/key" }, "stages": { %s } }\n' "$work" "$1" >a/part.json
    git -C a add -A && git -C a commit -q --allow-empty -m more
    cat >b/t.json <<END
{ "retort": 1, "name": "t", "include": { "p": { "git": "file://$work/a", "rev": "$(git -C a rev-parse HEAD)", "path": "part.json" } }, "stages": { ${2:-} } }
END
}
run() { (cd b && "$retort" run t.json "$@" --progress plain </dev/null >run.txt 2>run.err); }
trust() { (cd b && "$retort" trust t.json "$@" </dev/null >trust.txt 2>trust.err); }
reads="\"cmd\": [\"sh\", \"-c\", \"cat $work/secret/key >o\"], \"outs\": [\"o\"]"
# kept_out NAME STAGE: the stage is allowed, and still does not get the file
kept_out() {
    study "\"s\": { $2 }" && trust
    check "$1" exits 1 run p/s
}
kept_out "a sandboxed stage does not get a file beside it" "$reads"
kept_out "a PATH that the file sets opens no folder" "$reads, \"env\": { \"PATH\": \"$work/secret:/usr/bin:/bin\" }"
kept_out "nor the prefix of one" "$reads, \"env\": { \"PATH\": \"/usr/bin:/bin:$work/secret/bin\" }"
kept_out "a LD_LIBRARY_PATH that the file sets opens no folder" "$reads, \"env\": { \"LD_LIBRARY_PATH\": \"$work/secret\" }"
kept_out "a program by its absolute path opens no folder" "\"cmd\": [\"$work/secret/bin/sh\", \"-c\", \"cat $work/secret/key >o\"], \"outs\": [\"o\"]"
kept_out "the first line of a script opens no folder" '"cmd": ["in/s/script"], "in": { "s": "script" }, "outs": ["o"]'
mkdir -p home/bin && echo private >home/key
kept_out "an environment in the home does not open the home" "\"cmd\": [\"sh\", \"-c\", \"cat $work/home/key >o\"], \"outs\": [\"o\"], \"toolchain\": { \"prefix\": \"$work/home\" }"
kept_out "nor by another way to it" "\"cmd\": [\"sh\", \"-c\", \"cat $work/home/key >o\"], \"outs\": [\"o\"], \"toolchain\": { \"prefix\": \"/usr/../$work/home\" }"
study "\"s\": { \"cmd\": [\"true\"], \"pin\": [\"$work/secret/key\"] }"
check "a file of this machine is no program of theirs" exits 2 "$retort" check b/t.json

# git runs what the configuration of a repository names, so none comes out of a sandbox.
gives() { # NAME SHELL-TEXT
    study "\"s\": { \"cmd\": [\"sh\", \"-c\", \"mkdir d; $2\"], \"outs\": { \"d\": { \"path\": \"d\", \"type\": \"directory\" } } }" && trust
    check "$1" exits 1 run p/s
}
gives "an out with a repository is refused" 'mkdir -p d/x/.git && echo >d/x/.git/config'
check "with a message" has b/run.err "holds a git repository"
gives "and one of another case" 'mkdir d/.Git'
gives "and one without that name" 'mkdir -p d/x/objects d/x/refs; echo >d/x/HEAD; echo >d/x/config'
gives "a stage that fails with a repository is not kept" 'mkdir .git; exit 1'
check "and says why" has b/run.err "is not kept: it holds a git repository of another team"
check "its directory is gone" test ! -e b/.retort/failed/t/p%2Fs/dir/.git
printf '{ "retort": 1, "name": "r", "stages": { "s": { "cmd": ["sh", "-c", "echo >o"], "outs": ["o"] } }, "results": { "%s": "${stages.s.outs.o}" } }' .git/config >a/git.json
sed 's,.git/config,x/HEAD,' a/git.json >a/head.json && sed 's,.git/config,x/HEADS,' a/git.json >a/good.json
git -C a add -A && git -C a commit -q -m results
at() { (cd b && "$retort" check "file://$work/a#$(git -C "$work/a" rev-parse HEAD):$1"); }
check "a result of another team's study is no file of a repository" exits 2 at git.json
check "nor one of a repository without that name" exits 2 at head.json
check "another name is" at good.json

# Others who write to the store do not decide what a commit holds.
{ echo 'echo theirs >o; exit' && head -c 3000000 /dev/zero | tr '\0' '#'; } >a/swept.sh
study '"s": { "matrix": { "f": ["swept.sh"] }, "cmd": ["sh", "${in.f}"], "in": { "f": "${matrix.f}" }, "outs": ["o"] }' && trust
rm -rf b/.retort/git/contents && (cd b && "$retort" plan t.json >plan.txt)
sed 's/theirs/evil42/' a/swept.sh >evil && evil=$(sha256sum <evil | cut -c 1-64) && mkdir -p "b/.retort/objects/$(echo "$evil" | cut -c 1-2)"
cp evil "b/.retort/objects/$(echo "$evil" | cut -c 1-2)/$(echo "$evil" | cut -c 3-)"
real=$(sha256sum <a/swept.sh | cut -c 1-64)
check "the store remembers what the commit holds" grep -rq "$real" b/.retort/git/contents
for memory in $(grep -rl "$real" b/.retort/git/contents); do sed -i "s/$real/$evil/" "$memory"; done
chmod g+w b/.retort
check "a stage runs" run p/s
check "of the commit, and not of what others wrote" same "$(find b/.retort/objects -type f -exec grep -l '^evil42$' {} + | wc -l)" 0
check "its out is that of the commit" same "$(find b/.retort/objects -type f -exec grep -l '^theirs$' {} + | wc -l)" 1

# trust shows all that decides what a stage does.
# shows NAME TEXT: trust.txt holds the text
shows() { check "$1" has b/trust.txt "$2"; }
study "\"s\": { \"cmd\": [\"cat\", \"\${in.f}\"], \"in\": { \"f\": \"script\" }, \"env\": { \"LD_PRELOAD\": \"in/f/script\", \"N\": \"it's\" },
    \"sandbox\": { \"network\": true, \"read\": [\"$work/secret\"] } }, \"u\": { \"cmd\": [\"true\"], \"sandbox\": false }" && trust
shows "trust shows the variables that a stage sets" "LD_PRELOAD=in/f/script N='it'\\''s' cat '\${in.f}'"
shows "it shows a request for the network" "the network (p/s)"
shows "it shows a request to read a folder" "your files, and programs that listen at sockets, in $work/secret (p/s)"
shows "it shows a request for no sandbox" "only run --no-sandbox grants this (p/u)"

# Params of another team's file are its content, wherever they are used.
study '' '"own": { "cmd": ["sh", "-c", "${p.params.text}"], "in": { "f": "file" }, "outs": ["o"] }' && echo hello >b/file
check "a stage of one's own with a param of another team's file is not allowed yet" exits 2 run own
trust
shows "trust shows the command with the value" "sh -c 'cat in/f/file >o'"
check "it then runs" run own
finish

#!/bin/sh
# Another team's stages run only after a yes to their exact content, which the user gives once.
. tests/integration/lib.inc
cd "$work" || exit 1
HOME=$work/home && export HOME && mkdir home && unset XDG_STATE_HOME
git config --global user.name a && git config --global user.email a@example.org && git config --global init.defaultBranch main

# commit: commits all of repository a; the id is in $id
commit() { git -C "$work/a" add -A && git -C "$work/a" commit -q -m "${1:-more}" && id=$(git -C "$work/a" rev-parse HEAD); }
git init -q a && mkdir a/data a/raw
cat >a/part.json <<'END'
{ "retort": 1, "name": "part", "params": "params.yaml", "stages": {
    "reads": { "cmd": ["sh", "${in.script}", "it's ${params.n}", "${in.folder}"], "in": { "script": "tool.sh", "folder": "data" }, "outs": ["o"],
               "pass_env": ["SECRET", "TOKEN"], "toolchain": "caller" },
    "asks": { "cmd": ["sh", "-c", "cat $1 >o", "sh", "${in.far}"], "in": { "far": { "url": "https://example.org/far.csv", "sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03" } },
              "outs": ["o"], "toolchain": { "prefix": "/opt/conda" }, "pass_env": ["TOKEN"] },
    "drawn": { "uses": "plot/lines@2", "in": { "curves": "data/a.csv" }, "with": { "x": "x", "y": "y" } } } }
END
printf 'n: 3\n' >a/params.yaml && echo 'echo "$1" >o' >a/tool.sh && printf 'x,y\n1,2\n' >a/data/a.csv && echo unused >a/unused && echo 1 >a/raw/x.txt
cat >a/swept.json <<'END'
{ "retort": 1, "name": "swept", "stages": { "s": { "matrix": { "f": ["raw/x.txt"] }, "in": { "f": "${matrix.f}" }, "cmd": ["cp", "${in.f}", "o"], "outs": ["o"] } } }
END
commit && first=$id
mkdir b && git init -q b && cd b || exit 1
# study REV [PATH]: a study that includes the part, and has a stage of its own
study() {
    cat >t.json <<END
{ "retort": 1, "name": "t", "include": { "p": { "git": "file://$work/a", "rev": "$1", "path": "${2:-part.json}"$3 } }, "params": { "n": 3 },
  "stages": { "own": { "cmd": ["sh", "-c", "echo >o"], "outs": ["o"] } } }
END
}
run() { "$retort" run t.json "$@" --progress none </dev/null >run.txt 2>run.err; }
trust() { "$retort" trust "$@" </dev/null >trust.txt 2>trust.err; }
grants() { ls "$HOME/.local/state/retort/trust" 2>/dev/null | wc -l; }
# answer WORD COMMAND...: runs it on a terminal where the user answers; its output is in shown.txt
answer() { said=$1; shift; python3 "$repository/tests/integration/terminal.py" "$said" shown.txt "$@"; }

study "$first"
check "a run that nobody watches ends with status 2" exits 2 run p/reads
check "it prints the command that allows it" has run.err "retort trust t.json"
check "nothing ran" test -z "$(ls .retort/actions 2>/dev/null)"
check "a shell in such a stage is refused" exits 2 "$retort" shell t.json p/reads
check "the refusal of an overridden run shows the overrides" sh -c '! "$1" run t.json --set params.n=4 p/reads </dev/null 2>run.err; grep -qF "retort trust t.json --set params.n=4" run.err' sh "$retort"
check "a stage of one's own that needs nothing foreign runs" run own

sed -i 's|"stages": {|"stages": { "later": { "after": ["middle"], "cmd": ["true"] }, "middle": { "in": { "o": "${p.stages.reads.outs.o}" }, "cmd": ["true"] },|' t.json
check "a stage of one's own that needs a foreign one through another is refused" exits 2 run later
study "$first"

check "a dry run succeeds" trust t.json --dry-run
check "it allows nothing" same "$(grants)" 0
check "it says so" has trust.err "nothing is allowed by this"
check "it shows a command" has trust.txt "sh '\${in.script}'"
check "it shows a script with its digest" has trust.txt "$(sha256sum <"$work/a/tool.sh" | cut -c1-12)  tool.sh"
check "it shows a folder" grep -q "^    [0-9a-f]\{12\}  data$" trust.txt
check "it marks no file, since there was no yes" sh -c '! grep -q "changed\|, new" trust.txt'
check "the run after it is refused" exits 2 run p/reads
check "trust succeeds" trust t.json
check "it names the file with its full commit" has trust.txt "file://$work/a#$first:part.json"
check "it shows a command as it is written" has trust.txt "sh '\${in.script}' 'it'\\''s 3' '\${in.folder}'"
check "it shows a kind" has trust.txt "plot/lines@2, which is built into retort"
check "it shows each variable with its stages" has trust.txt "environment variable TOKEN (p/reads, p/asks)"
check "it shows the caller's programs" has trust.txt "programs of your PATH and of your active environment (p/reads)"
check "it shows the folder of an environment" has trust.txt "programs of the environment in /opt/conda (p/asks)"
check "it shows what is fetched" has trust.txt "fetched from https://example.org/far.csv (p/asks)"
check "trust keeps one yes" same "$(grants)" 1
check "the run then succeeds" run p/reads
check "it ran the stage" test "$(ls .retort/actions | wc -l)" -ge 1
check "trust says when all is allowed already" sh -c '"$1" trust t.json </dev/null 2>&1 >/dev/null | grep -q "allowed this already"' sh "$retort"
check "verify runs what is allowed" "$retort" verify t.json p/reads
check "trust of a pipeline without foreign parts is refused" sh -c 'echo "{ \"retort\": 1, \"name\": \"u\", \"stages\": {} }" >u.json; ! "$1" trust u.json 2>trust.err; grep -q "nothing of another team" trust.err' sh "$retort"

# The yes is to the content: not to a commit, a folder or a store.
echo change >"$work/a/unused" && commit && study "$id"
check "a commit with equal content needs no second yes" run p/reads
git clone -q "$work/a" "$work/copy" && sed -i "s|$work/a|$work/copy|" t.json
check "equal content from another URL needs no second yes" run p/reads
study "$id"
check "another store needs no second yes" run p/reads --store "$work/store"
rm -rf "$work/store"
# changed NAME: commits a change of a file that counts
changed() {
    commit && study "$id"
    check "$1 needs another yes" exits 2 run p/reads
    git -C "$work/a" reset -q --hard HEAD~1
}
echo 'echo evil' >>"$work/a/tool.sh" && commit && study "$id" && trust t.json --dry-run
check "a dry run marks the file that is another since the last yes" grep -q "^    [0-9a-f]\{12\}  tool.sh, changed$" trust.txt
check "it marks that file alone" same "$(grep -c ", changed$\|, new$" trust.txt)" 1
git -C "$work/a" reset -q --hard HEAD~1 && study "$(git -C "$work/a" rev-parse HEAD)"
echo 'echo evil' >>"$work/a/tool.sh" && changed "another script"
chmod +x "$work/a/tool.sh" && changed "an executable bit"
echo >"$work/a/data/more" && changed "a file more in a folder that a stage gets"
printf 'n: 4\n' >"$work/a/params.yaml" && changed "another params file"
sed -i 's/"SECRET", //' "$work/a/part.json" && changed "another pipeline file"
id=$(git -C "$work/a" rev-parse HEAD) && study "$id"
check "the content that was allowed still runs" run p/reads

study "$id" swept.json
check "a path of the matrix is not allowed yet" exits 2 run
check "trust allows it" trust t.json
check "it then runs" run
echo change >"$work/a/raw/y.txt" && commit && study "$id" swept.json
check "any change of the commit of a path of the matrix needs another yes" exits 2 run

# A stage of one's own gets a file of the commit through the axes of a foreign stage.
cat >t.json <<END
{ "retort": 1, "name": "t", "include": { "p": { "git": "file://$work/a", "rev": "$first", "path": "swept.json" } },
  "stages": { "own": { "matrix": { "like": "\${p.stages.s}" }, "in": { "f": "\${matrix.f}" }, "cmd": ["sh", "\${in.f}"] } } }
END
"$retort" plan t.json own >plan.txt 2>plan.err
check "a stage can take the axes of a foreign stage" has plan.txt own
check "it runs foreign files, and is refused" exits 2 run own

# The sandbox.
cat >"$work/a/free.json" <<'END'
{ "retort": 1, "name": "free", "stages": {
    "free": { "cmd": ["sh", "-c", "echo >o"], "outs": ["o"], "sandbox": false },
    "asks": { "cmd": ["sh", "-c", "echo >o"], "outs": ["o"], "sandbox": { "network": true, "read": ["/opt/cuda"] } } } }
END
commit && study "$id" free.json
check "a foreign stage that declines its sandbox is refused" exits 2 run p/free
check "the refusal says who can grant it" has run.err "only --no-sandbox grants this"
check "trust shows its requests" trust t.json
check "it shows the sandbox that is declined" has trust.txt "no sandbox: it could read and change all that you can; only run --no-sandbox grants this (p/free)"
check "it shows the network" has trust.txt "the network (p/asks)"
check "it shows what is readable" has trust.txt "your files, and programs that listen at sockets, in /opt/cuda (p/asks)"
check "it is refused all the same without the option" exits 2 run p/free
check "another stage of the file is not refused for it" run p/asks
check "it runs with the option" run p/free --no-sandbox

# The terminal.
study "$first"
rm -r "$HOME/.local/state/retort"
check "a run on a terminal is asked, and no refuses" exits 2 answer n "$retort" run t.json p/reads --progress none
check "the terminal shows the command" has shown.txt "it'\\''s 3"
check "no keeps no yes" same "$(grants)" 0
check "an empty answer refuses" exits 2 answer '' "$retort" run t.json p/reads --progress none
check "yes runs" answer y "$retort" run t.json p/reads --progress none
check "yes is kept" same "$(grants)" 1
answer n "$retort" run t.json p/reads --progress none >/dev/null
check "the second run does not ask" sh -c '! grep -qF "[y/N]" shown.txt'
check "trust on a terminal asks too" exits 0 answer n "$retort" trust t.json --set params.n=9
check "its no allows nothing" same "$(grants)" 1

# The list.
"$retort" trust --list >list.txt
check "the list shows what was allowed, with its origin" has list.txt "file://$work/a#$first:part.json"
digits=$(cut -c 1-12 list.txt | head -n 1)
check "the list as JSON is an array" sh -c '"$1" trust --list --json | python3 -c "import json, sys; l = json.load(sys.stdin); assert len(l) == 1 and len(l[0][\"closure\"]) == 64 and l[0][\"stages\"]"' sh "$retort"
check "trust --json prints the closure's digest" sh -c '"$1" trust t.json --json </dev/null 2>/dev/null | python3 -c "import json, sys; d = json.load(sys.stdin); assert len(d[\"closure\"]) == 64, d"' sh "$retort"
check "a yes is taken back" "$retort" trust --revoke "$digits"
check "the run is refused then" exits 2 run p/reads
check "taking back what was not given is an error" exits 3 "$retort" trust --revoke 0123456789ab
check "--list beside a pipeline is refused" exits 2 "$retort" trust --list t.json

# A yes that comes with the content, or that others can write, is none.
check "a yes is given" trust t.json
mkdir -p "$work/a/.retort" && cp -r "$HOME/.local/state/retort/trust" "$work/a/.retort/trust" && cp -r "$HOME/.local/state/retort/trust" .retort/trust
rm -r "$HOME/.local/state/retort"
check "a yes in a store counts for nothing" exits 2 run p/reads
rm -r .retort/trust "$work/a/.retort"
check "a yes is given again" trust t.json
chmod 777 "$HOME/.local/state/retort/trust"
check "a folder that others can write to is refused" exits 3 run p/reads
check "the message says how to mend that" has run.err "chmod go-w $HOME/.local/state/retort/trust"
chmod 700 "$HOME/.local/state/retort/trust"
check "the run succeeds again" run p/reads
# A store that comes with a repository.
git init -q "$work/shipped" && cp t.json "$work/shipped" && cp -r .retort "$work/shipped/.retort" && git -C "$work/shipped" add -f .retort t.json
for version in 2 4; do
    git -C "$work/shipped" update-index --index-version $version
    check "a store that git tracks is refused (index version $version)" sh -c 'cd "$1" && "$2" runs >out.txt 2>err.txt; [ $? = 2 ] && grep -q "came with the repository" err.txt' sh "$work/shipped" "$retort"
done
check "a run does not use its records" sh -c 'cd "$1" && "$2" run t.json own --progress none >out.txt 2>err.txt; [ $? = 2 ]' sh "$work/shipped" "$retort"
check "one that the user names is used" sh -c 'cd "$1" && "$2" runs --store .retort >out.txt' sh "$work/shipped" "$retort"
# ships NAME COMMAND...: a repository in which the commands put a store at .retort
ships() {
    rm -rf "$work/ships" && git init -q $2 "$work/ships" && cp t.json "$work/ships"
    sh -c 'cd "$1" && store=$2 && eval "$3"' sh "$work/ships" "$PWD/.retort" "$3" >ships.out 2>&1 || cat ships.out
    check "$1" sh -c 'cd "$1" && "$2" runs >out.txt 2>err.txt; [ $? = 2 ] && grep -q "came with the repository" err.txt' sh "$work/ships" "$retort"
}
ships "a link in the place of a store is refused" '' 'cp -r "$store" away && ln -s away .retort && git add -f away .retort'
ships "a submodule in the place of a store is refused" '' 'cp -r "$store" .retort && git update-index --add --cacheinfo 160000,0123456789abcdef0123456789abcdef01234567,.retort'
ships "a store behind many other names is refused" '' 'cp -r "$store" .retort && mkdir .a && for i in $(seq 9000); do : >.a/a-name-that-is-so-long-that-the-index-becomes-larger-than-a-mebibyte-$i; done && git add -f .'
ships "a store in a repository of SHA-256 ids is refused" --object-format=sha256 'cp -r "$store" .retort && git add -f .'
git -C "$work/shipped" rm -rqf --cached .retort
check "one that git does not track is used" sh -c 'cd "$1" && "$2" runs >out.txt' sh "$work/shipped" "$retort"
check "XDG_STATE_HOME moves the folder" sh -c 'export XDG_STATE_HOME="$PWD/state"; ! "$1" run t.json p/reads </dev/null 2>/dev/null && "$1" trust t.json </dev/null >trust.txt 2>&1 && [ -d state/retort/trust ]' sh "$retort"
finish

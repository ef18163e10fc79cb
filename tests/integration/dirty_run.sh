#!/bin/sh
# A run in a dirty repository can be made again from its record: the commit, and the patch in the store.
. tests/integration/lib.inc
cd "$work" || exit 1
HOME=$work/home && export HOME && mkdir home
git config --global user.name t && git config --global user.email t@example.org
git config --global protocol.file.allow always && git config --global init.defaultBranch trunk
git init -q lib && echo one >lib/one.txt && git -C lib add . && git -C lib commit -q -m one || exit 1
git init -q team && cd team || exit 1
cat >t.json <<'END'
{ "retort": 1, "name": "t", "params": { "n": 1 }, "stages": {
    "s": { "cmd": ["sh", "-c", "cat $1 >o; echo $2 >>o", "sh", "${in.data}", "${params.n}"], "in": { "data": "text.txt", "more": "untracked.txt", "folder": "d" }, "outs": { "o": "o" } } } }
END
mkdir d && seq 100 >text.txt && head -c 5000 /dev/urandom >binary && printf 'no newline' >d/end && echo gone >gone && ln -s text.txt link
echo '#!/bin/sh' >tool && echo x >"a b	c\"ü" && : >empty && echo .retort >.gitignore && printf 'a\r\nb\r\n' >crlf
git add . && git commit -q -m begin && git submodule --quiet add "$work/lib" sub && git commit -q -m submodule || exit 1

# told EXPRESSION: what the newest run's record says of git
told() { "$retort" show t.json s --set params.n="$n" --json 2>show.err | python3 -c 'import json, sys; r = json.load(sys.stdin)["provenance"]; print(eval(sys.argv[1], {}, {"r": r, "git": r["git"]}))' "$1"; }
run() { n=$((n + 1)); "$retort" run t.json --progress none --set params.n="$n" 2>run.err; }
n=0
echo data >untracked.txt
check "a run in a clean repository succeeds" run
check "the record says that it is clean" same "$(told '[git["dirty"], git["diff_sha256"]]')" "[False, None]"
check "the record names the branch" same "$(told 'git["branch"]')" trunk
check "the record says that no tag is known" same "$(told '[git["describe"], git["describe_unavailable"]]')" "[None, 'no tag leads to this commit']"
check "the record says which input git does not track" same "$(told '{k: v[0].get("untracked", False) for k, v in r["inputs"].items()}')" "{'data': False, 'folder': False, 'more': True}"
check "the record names the submodule's commit" same "$(told 'git["submodules"][0]["commit"]')" "$(git -C sub rev-parse HEAD)"
check "every file of the pipeline is tracked" same "$(told 'git["untracked"]')" "[]"
cp t.json new.json
"$retort" run new.json --progress none --set params.n=0 2>run.err
check "a pipeline file that git does not track is listed by digest" same "$("$retort" show new.json s --set params.n=0 --json | python3 -c 'import json, sys; print([(u["path"].split("/")[-1], u["sha256"]) for u in json.load(sys.stdin)["provenance"]["git"]["untracked"]])')" "[('new.json', '$(sha256sum new.json | cut -c 1-64)')]"
rm new.json

git tag v1.0
run
check "a tag on the commit is its description" same "$(told 'git["describe"]')" v1.0
git commit -q --allow-empty -m more
run
check "a tag on an earlier commit is the description, with the distance" same "$(told 'git["describe"]')" "$(git describe --tags)"

# Everything that a tracked file can meet.
sed -i '50s/.*/fifty/' text.txt && head -c 5000 /dev/urandom >binary && printf 'another end' >d/end && rm gone
ln -sf empty link && chmod +x tool && echo y >>"a b	c\"ü" && echo full >empty && echo staged >staged && git add staged && git mv crlf moved
mkdir -p new && : >new/empty && git add new/empty && rm d/end && mkdir d/end && echo inner >d/end/inner && git add d/end/inner
echo changed >sub/one.txt && echo two >sub/two.txt && git -C sub add two.txt
run
check "a run in a dirty repository succeeds" test -s .retort/runs
check "the record says that it is dirty" same "$(told 'git["dirty"]')" True
check "the record says that the submodule is dirty" same "$(told 'git["submodules"][0]["dirty"]')" True
diff=$(told 'git["diff_sha256"]')
patch() { echo "$PWD/.retort/objects/$(echo "$diff" | cut -c 1-2)/$(echo "$diff" | cut -c 3-)"; }
check "the patch is an object of the store" same "$(sha256sum <"$(patch)" | cut -c 1-64)" "$diff"
check "the record holds the patch's size" same "$(told 'git["diff_bytes"]')" "$(wc -c <"$(patch)")"

# listing FOLDER: type, executable bit, path, content or target of what git tracks in team/ and its submodule
listing() { (cd "$1" && { git -C "$work/team" ls-files --recurse-submodules -z; } | sort -z | xargs -0 -I{} sh -c '
    if [ -L "$1" ]; then echo "link $(readlink "$1") $1"; elif [ ! -e "$1" ]; then echo "none $1"; else x=-; [ -x "$1" ] && x=x; echo "$x $(sha256sum <"$1") $1"; fi' sh {}); }
again() { git clone -q --recurse-submodules "$work/team" "$work/again" && git -C "$work/again" checkout -q "$(told 'git["commit"]')" && (cd "$work/again" && git apply "$(cd "$work/team" && patch)"); }
git -C "$work" config --global advice.detachedHead false
check "git applies the patch to a clone at the commit" again
listing "$work/team" >team.txt
listing "$work/again" >again.txt
check "the clone then holds the same files byte for byte" cmp team.txt again.txt
check "the comparison sees all tracked files" same "$(wc -l <team.txt)" "$(git ls-files --recurse-submodules | wc -l)"
echo spoiled >"$work/again/text.txt"
listing "$work/again" >again.txt
check "the comparison sees a file that differs" exits 1 cmp -s team.txt again.txt

check "gc succeeds" "$retort" gc --grace 0s
check "gc keeps the patch of a kept run" test -e "$(patch)"
git checkout -q -f . && git -C sub checkout -q -f .
old=$(patch)
run
check "gc succeeds when the dirty run is to go" "$retort" gc --grace 0s --keep-runs 1
check "gc removes the patch with its run" test ! -e "$old"
check "fsck finds nothing wrong" "$retort" fsck

head -c 17000000 /dev/urandom >binary
run
check "a run with a patch of more than 16 MiB succeeds" same "$(told 'git["dirty"]')" True
check "the record says that the store does not hold the patch" same "$(told 'git["diff_unavailable"]')" "the store keeps no patch of more than 16777216 bytes"
diff=$(told 'git["diff_sha256"]')
check "the record holds the digest of the patch" same "${#diff}" 64
check "the store does not hold the patch" test ! -e "$(patch)"
git checkout -q -f .

git -C sub checkout -q --detach && git -C sub -c user.name=t commit -q --allow-empty -m ahead
run
check "a submodule at another commit makes the repository dirty" same "$(told 'git["dirty"]')" True
check "the record names that commit of the submodule" same "$(told 'git["submodules"][0]["commit"]')" "$(git -C sub rev-parse HEAD)"

git worktree add -q ../tree HEAD~1 && cp untracked.txt ../tree && cd ../tree && mkdir -p d
n=0
run
check "a run in a worktree succeeds" same "$(told 'git["commit"]')" "$(git rev-parse HEAD)"
check "the record says that the worktree's head is detached" same "$(told 'git["branch"]')" None
check "the record says that the submodule is not checked out" same "$(told 'git["submodules"][0]["unavailable"]')" "it is not checked out"
check "the worktree is clean" same "$(told 'git["dirty"]')" False

cd .. && git clone -q --depth 1 "file://$work/team" shallow && cp team/untracked.txt shallow && cd shallow || exit 1
n=0
run
check "a run in a shallow clone succeeds" same "$(told 'git["commit"]')" "$(git rev-parse HEAD)"
check "the record says why a shallow clone has no description" same "$(told '[git["describe"], git["describe_unavailable"]]')" "[None, 'no tag is within this shallow clone']"
check "the shallow clone is clean" same "$(told 'git["dirty"]')" False
finish

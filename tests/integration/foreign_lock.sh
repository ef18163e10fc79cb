#!/bin/sh
# retort lock: a branch or tag of an include from git becomes a commit id, once.
. tests/integration/lib.inc
cd "$work" || exit 1
HOME=$work/home && export HOME && mkdir home
git config --global user.name a && git config --global user.email a@example.org && git config --global init.defaultBranch main

# commit TEXT: a commit of repository a, whose part prints the text
git init -q a
commit() {
    echo "{ \"retort\": 1, \"name\": \"part\", \"stages\": { \"s\": { \"cmd\": [\"echo\", \"$1\"] } } }" >a/part.json
    git -C a add -A && git -C a commit -q -m "$1"
}
id() { git -C "$work/a" rev-parse "$1^{commit}"; }
commit one && git -C a tag -a v1 -m one && commit two && git -C a tag v2
mkdir b && git init -q b && cd b || exit 1

# A file with odd spacing, an escape, and includes in every state.
cat >t.json <<END
{ "retort" : 1,	"name":"t",
  "include": {
    "branch": { "git": "file://$work/a" ,"rev":"main","path": "part.json" },
    "tag":   { "rev" :  "v1" , "path":"part.json", "git":"file:\/\/$work/a"},
    "pinned": { "git": "file://$work/a", "rev": "$(id v1)", "path": "part.json" },
    "renamed": { "git": "file://$work/a", "rev": "v2", "ref": "v1", "path": "part.json" },
    "beside": { "path": "c.json" } },
  "stages":{}
}
END
printf '{"retort":1,"name":"c","stages":{}}' >c.json
chmod 664 t.json && cp t.json before.json
sed -e "s|\"rev\":\"main\"|\"rev\":\"$(id main)\", \"ref\": \"main\"|" -e "s|\"rev\" :  \"v1\"|\"rev\" :  \"$(id v1)\", \"ref\": \"v1\"|" \
    -e "s|\"rev\": \"v2\", \"ref\": \"v1\"|\"rev\": \"$(id v2)\", \"ref\": \"v2\"|" before.json >expected.json
check "a study with a branch is not sound" exits 2 "$retort" check t.json
check "a dry run tells the ids" sh -c "'$retort' lock --dry-run t.json >lock.out"
check "of every include that names a branch or tag" same "$(cat lock.out)" "branch: main: $(id main)
tag: v1: $(id v1)
renamed: v2: $(id v2)"
check "a dry run writes nothing" cmp t.json before.json
check "lock writes the ids" "$retort" lock t.json
check "and the names, and keeps the rest byte for byte" diff expected.json t.json
check "the file keeps its mode" same "$(stat -c %a t.json)" 664
check "the locked study is sound" "$retort" check t.json
check "lock makes no store" sh -c 'rm -rf .retort && cp before.json again.json && "$1" lock again.json && test ! -e .retort' sh "$retort"
cp t.json locked.json
"$retort" lock t.json 2>lock.err
check "a second lock finds nothing to do" grep -q "nothing to lock" lock.err
check "and changes nothing" cmp t.json locked.json

(cd "$work" && commit three)
plan() { "$retort" plan "$1" --json 2>&1; }
plan t.json >before.plan
check "a branch that moves changes no key" sh -c '"$1" plan t.json --json | cmp - before.plan' sh "$retort"
"$retort" lock t.json 2>lock.err
check "lock alone does not follow it" cmp t.json locked.json
"$retort" lock --update --dry-run t.json >lock.out
check "update tells the old and the new id" grep -qx "branch: main: $(id main~1) -> $(id main)" lock.out
check "and what stays" grep -qx "tag: v1: $(id v1), as before" lock.out
check "and leaves alone what has no name" sh -c '! grep pinned lock.out'
check "an update that is a dry run writes nothing" cmp t.json locked.json
check "update writes" "$retort" lock --update t.json
check "the new id alone" same "$(diff locked.json t.json | grep -c '^[<>]')" 2
check "the new id is that of the branch" grep -qF "\"rev\":\"$(id main)\", \"ref\": \"main\"" t.json
check "now the key of its stage is another" sh -c '! "$1" plan t.json --json | cmp -s - before.plan' sh "$retort"

# refused NAME REV WORDS
refused() {
    sed "s/\"v1\"/\"$2\"/" before.json >r.json && cp r.json r.before
    "$retort" lock r.json 2>lock.err
    check "$1" same "$? $(grep -c "$3" lock.err)" "2 1"
    check "and nothing is written" cmp r.json r.before
}
refused "a name that is no branch or tag is refused" none 'include "tag".*none'
git -C "$work/a" branch v2
refused "a name of a branch and of a tag is refused" v2 'include .*v2'
git -C "$work/a" branch -D v2 >branch.out
echo '{ "retort": 1, ' >bad.json
check "a file that is no JSON is refused" exits 2 "$retort" lock bad.json
sed 's/"ref": "v1"/"ref": 1/' before.json >odd.json && cp odd.json odd.before && "$retort" lock odd.json >lock.out 2>&1
check "an include whose ref is no text stays as it is" same "$(grep -c '"ref": 1, "path"' odd.json) $(grep -c '"rev": "v2"' odd.json)" "1 1"
printf '{ "retort": 1, "name": "t", "include": [{ "git": "file://%s", "rev": "main", "path": "part.json" }], "stages": {} }' "$work/a" >list.json
cp list.json list.before && "$retort" lock list.json >lock.out 2>&1
check "a list of includes stays as it is" cmp list.json list.before

# The user works on the file while lock waits for a server: his ssh is a script that adds a line.
printf '#!/bin/sh\necho >>"%s/slow.json"\nexec git upload-pack "%s"\n' "$PWD" "$work/a" >"$work/ssh" && chmod +x "$work/ssh"
printf '{ "retort": 1, "name": "t", "include": { "p": { "git": "ssh://host/x.git", "rev": "main", "path": "part.json" } }, "stages": {} }' >slow.json
check "a file that changes meanwhile is not written over" sh -c '! GIT_SSH_VARIANT=simple GIT_SSH_COMMAND="$1" "$2" lock slow.json 2>lock.err && grep -q "was changed meanwhile" lock.err' sh "$work/ssh" "$retort"
check "and keeps both" same "$(grep -c '"main"' slow.json) $(tail -c 1 slow.json | od -An -c | tr -d ' ')" '1 \n'
check "a missing file is refused" exits 2 "$retort" lock none.json
check "another team's study is refused" exits 2 "$retort" lock "file://$work/a#main"
mv "$work/a" "$work/away"
cp before.json t.json
check "a repository that is gone is an error" sh -c '! "$1" lock t.json' sh "$retort"
check "and the file stays" cmp before.json t.json
finish

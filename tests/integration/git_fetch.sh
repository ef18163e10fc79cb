#!/bin/sh
# Commits of other teams over file:// and https: fetched once, resolved, refused; servers that fail; kills.
. tests/integration/lib.inc
. tests/integration/git.inc
cd "$work" || exit 1

check "a commit is read over file://" same "$(read_commit "file://$work/served/x.git" "$(commit_of v1)")" one
check "a tag is resolved over file://" same "$(read_commit "file://$work/served/x.git" v2)" two

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout key.pem -out authority.pem 2>/dev/null || exit 1
cat authority.pem key.pem >both.pem
mkfifo alive
"$repository/tests/integration/git_server.py" served both.pem port asked <alive &
exec 9>alive # the server ends with this shell
while [ ! -e port ]; do sleep 0.02; done
base=https://localhost:$(cat port)
asked() { grep -c "$1" asked; }

check "a certificate of an unknown authority is refused" refused "certificate is invalid" "$base/x.git" trunk
export SSL_CERT_FILE="$work/authority.pem"
check "a branch is read over https" same "$(read_commit "$base/x.git" trunk)" three
check "a tag's commit is" same "$(read_commit "$base/x.git" v2)" two
before=$(asked .)
check "a fetched commit is read again" same "$(read_commit "$base/x.git" "$(commit_of v2)")" two
check "nothing is asked for then" same "$(asked .)" "$before"
check "an unknown name is refused" refused 'has no branch and no tag "v9"' "$base/x.git" v9
check "a repository that does not exist is refused" refused "404" "$base/none.git" trunk

fresh
check "a commit is read from a server that refuses its id" same "$(read_commit "$base/x.git" "$(commit_of v1)")" one
before=$(asked POST)
check "a later one is read too" same "$(read_commit "$base/x.git" "$(commit_of trunk)")" three
check "it came with the first, among all branches and tags" same "$(asked POST)" "$before"
fresh
git -C served/x.git config uploadpack.allowAnySHA1InWant true
check "a commit is read from a server that takes its id" same "$(read_commit "$base/x.git" "$(commit_of v1)")" one
before=$(asked POST)
check "a later one is" same "$(read_commit "$base/x.git" "$(commit_of trunk)")" three
check "it came alone" same "$(asked POST)" $((before + 1))

check "a redirect to another path is followed" same "$(read_commit "$base/moved/x.git" trunk)" three
check "one to another host is not" refused "cannot redirect from 'localhost' to '127.0.0.1'" "$base/elsewhere/x.git" trunk
check "one to http is not" refused "cannot redirect from 'https' to 'http'" "$base/plain/x.git" trunk
check "a private repository is refused, and the message names ssh" refused "; ssh reaches a private repository" "$base/private/x.git" trunk
check "another commit than the one asked for is refused" refused "did not send the commit $(commit_of trunk)" \
    "$base/other/$(commit_of v1)/x.git" "$(commit_of trunk)"
check "a pack that ends early is refused" refused "cannot be fetched" "$base/cut/x.git" "$(commit_of trunk)"
check "it leaves no unfinished file" same "$(find "$store" -name 'pack_*')" ""
export RETORT_GIT_TIMEOUT=5
check "a silent server ends the question for a name" refused "the server was silent for 5 s" "$base/silent/x.git" trunk
check "a server that sends no pack ends the fetch" refused "the server was silent for 5 s" "$base/stuck/x.git" "$(commit_of trunk)"
unset RETORT_GIT_TIMEOUT

fresh
check "a slow server is waited for" same "$(read_commit "$base/slow/x.git" trunk)" three
check "a long fetch shows its progress" grep -q "^fetching $base/slow/x.git: [0-9]* of [0-9]* objects, " message

echo '{ "retort": 1, "name": "own", "stages": { "s": { "cmd": ["true"] } } }' >own.json
"$retort" run own.json --store "$store" >run.txt 2>&1
kept() { (cd "$store/git" && find . -type f -exec sha256sum {} + | sort); }
before=$(kept)
check "fsck accepts the repositories of a store" "$retort" fsck --store "$store"
check "gc does too" "$retort" gc --store "$store"
check "both leave them as they are" same "$(kept)" "$before"

fresh
"$retort" plan "$base/once/x.git#$(commit_of trunk):study.json" --store "$store" >read 2>&1 &
while [ -z "$(find "$store" -name 'pack_*' -size +0)" ]; do sleep 0.02; done
kill -9 $! && wait $! 2>/dev/null
check "a killed fetch leaves no reference" same "$(find "$store" -path '*/refs/retort/*')" ""
check "the next fetch completes it" same "$(read_commit "$base/once/x.git" "$(commit_of trunk)")" three
find "$store" -name 'pack_*' -exec touch -d '2 days ago' {} +
check "a later fetch goes well" same "$(read_commit "$base/once/x.git" "$(commit_of v2)")" two
check "it removes what the killed one left two days ago" same "$(find "$store" -name 'pack_*')" ""

fresh
for n in 1 2 3 4; do
    "$retort" plan "$base/x.git#$(commit_of trunk):study.json" --store "$store" >read.$n 2>&1 &
    engines="$engines $!"
done
wait $engines
for n in 1 2 3 4; do
    check "engine $n of four at once has the commit" has read.$n three
done
check "they share one repository" same "$(find "$store/git" -mindepth 1 -maxdepth 1 | wc -l)" 1

fresh
git config --global url.file:///nowhere.insteadOf "$base"
check "the user's configuration of git changes no URL" same "$(read_commit "$base/x.git" trunk)" three
exec 9>&-
wait
check "without the server a fetched commit is read" same "$(read_commit "$base/x.git" "$(commit_of trunk)")" three
check "without the server a name is not resolved" refused "Connection refused" "$base/x.git" trunk
check "the remote's files are never checked out" same "$(find "$store" -name study.json)" ""
finish

#!/bin/sh
# One store that two members of a group use: with umask 002 each goes on where the other was; with 022 it is refused.
. tests/integration/lib.inc
anna=61001 ben=61002 group=61000
if [ "$(id -u)" -ne 0 ] || ! setpriv --reuid $anna --regid $group --clear-groups true 2>/dev/null; then
    skip "only root can be two other users"
fi
chmod 755 "$work" && mkdir "$work/bin" && cp "$retort" "$BUILD/retort-stage" "$BUILD/retort-keeper" "$work/bin" # theirs to execute, wherever these are
retort=$work/bin/retort
folder() { mkdir "$work/$1" && chown $anna:$group "$work/$1" && chmod 2775 "$work/$1" && cd "$work/$1"; }
as() { # USER UMASK COMMAND...
    user=$1 mask=$2; shift 2
    (umask "$mask" && exec setpriv --reuid "$user" --regid $group --clear-groups env HOME="$work" "$@")
}
run() { # USER UMASK [OPTION...]
    user=$1 mask=$2; shift 2
    as "$user" "$mask" "$retort" run p.json -j 2 --progress json "$@" >"$work/run.json" 2>"$work/run.err"
}
told() { run "$@" || { status=$?; cat "$work/run.err" "$work/run.json"; return $status; }; }
# Files that only their maker could write to. Objects, which nobody writes to, are 0444; removing them takes their
# folders. Files that stages made below their own folder keep their
# modes, and so does their checkpoint on a file system without ACLs.
closed() {
    find .retort $(ls -d results 2>/dev/null) \( -type d -o -type f ! -path '.retort/objects/*' \) ! -path '*/work/*/dir/*' -perm /777 ! -perm -g+w >"$work/closed"
    if [ -e acl ]; then cat "$work/closed"; else grep -v '/checkpoints/.*/' "$work/closed"; fi
}

# A stage that keeps what it has done in its checkpoint, and the second time round goes on from there.
study() {
    cat >slow.sh <<'EOT'
step=$(cat "$RETORT_CHECKPOINT/step" 2>/dev/null || echo 0)
echo "from $step" >>"$HERE/executed.txt"
mkdir -p "left/by/it"
echo $((step + 3)) >"$RETORT_CHECKPOINT/step.tmp" && mv -f "$RETORT_CHECKPOINT/step.tmp" "$RETORT_CHECKPOINT/step" || exit 1
if [ -e "$HERE/acl" ]; then
    mkdir -p "$RETORT_CHECKPOINT/deep" && echo $step >>"$RETORT_CHECKPOINT/deep/steps" && echo $step >"$RETORT_CHECKPOINT/deep/$step" || exit 1
fi
if [ -n "$(cat "$1")" ] && [ "$step" -eq 0 ]; then
    echo >"$HERE/under-way"
    while [ ! -e "$HERE/go" ]; do sleep 0.05; done
fi
umask >o
EOT
    cat >p.json <<EOT
{ "retort": 1, "name": "p", "params": { "n": 1, "size": 7 }, "stages": {
    "first": { "cmd": ["sh", "-c", "echo first \$1 >>$PWD/executed.txt; echo \$1 >o", "sh", "\${params.n}"], "outs": { "o": "o" } },
    "tree": { "cmd": ["sh", "-c", "mkdir -p d/e && cp \$1 d/e/o", "sh", "\${in.o}"], "in": { "o": "\${stages.first.outs.o}" },
              "outs": { "d": { "path": "d", "type": "directory" } } },
    "slow": { "cmd": ["sh", "\${in.script}", "\${in.o}"], "in": { "script": "slow.sh", "o": "\${stages.first.outs.o}" },
              "env": { "HERE": "$PWD" }, "outs": { "o": "o" }, "checkpoint": true },
    "profile": { "uses": "deeprx/profile@1", "with": { "size": "\${params.size}" } } },
  "results": { "d": "\${stages.tree.outs.d}", "o": "\${stages.first.outs.o}" } }
EOT
    : >executed.txt
    # With ACLs, also a file that the next user can write to but not replace.
    python3 -c 'import os; os.setxattr(".", "system.posix_acl_access", b"\2\0\0\0" + b"".join(bytes([t, 0, p, 0]) + b"\xff" * 4 for t, p in ((1, 7), (4, 7), (32, 5))))' 2>/dev/null && : >acl
    chown $anna:$group ./* && chmod g+w ./*
}
begin_and_kill() { # USER: killed while the slow stage is under way
    (umask 002 && exec setpriv --reuid "$1" --regid $group --clear-groups env HOME="$work" "$retort" run p.json -j 2 --progress json) >"$work/killed.json" 2>&1 &
    engine=$!
    tries=0
    while [ ! -e under-way ] || [ "$(grep -c '"finished"' "$work/killed.json")" -lt 3 ]; do
        tries=$((tries + 1))
        [ $tries -lt 1200 ] || { echo "it does not come to the slow stage"; break; }
        sleep 0.05
    done
    kill -9 $engine
    wait $engine 2>/dev/null
    [ $tries -lt 1200 ]
}

# ---- umask 002 ----

folder team
study
check "one begins the study, and is killed" begin_and_kill $anna
check "nothing of it is closed to the group" same "$(closed)" ""
check "the other goes on" told $ben 002
check "from what was finished, and from the checkpoint" same "$(cat executed.txt)" "first 1
from 0
from 3"
check "a stage has the umask that stages have" sh -c "\"$retort\" show p.json slow --json | grep -q $(echo 0022 | sha256sum | cut -c1-64)"
check "no checkpoint is left" same "$(find .retort/checkpoints -mindepth 1)" ""
check "and nothing of it is closed to the group" same "$(closed)" ""
check "the one knows all of it" told $anna 002
check "and has nothing to execute" same "$(counts "$work/run.json")" '{"event":"end","known":4,"finished":0,"failed":0,"interrupted":0,"skipped":0}'
touch go
plain() { as "$1" 002 "$retort" run p.json --set params.n=2 >"$work/plain" 2>&1; }
check "records of the other" plain $ben
check "a notice names the folders that the other user's stage left" has "$work/plain" "it stays until a user with the permission removes it"
check "that run replaces the published results of the other user" same "$(cat results/p/o results/p/d/e/o)" "2
2"
check "are known to the one" told $anna 002 --set params.n=2
check "the run of known stages executes nothing" same "$(counts "$work/run.json")" '{"event":"end","known":4,"finished":0,"failed":0,"interrupted":0,"skipped":0}'
check "the one publishes over what the other published" told $anna 002
check "all of it" same "$(cat results/p/o results/p/d/e/o)" "1
1"

check "the one pins a run" as $anna 002 "$retort" gc --pin latest
check "the other takes the pin away" as $ben 002 "$retort" gc --unpin "$(ls .retort/pins)"
told $ben 002 --set params.n=2 >/dev/null
check "the other collects garbage" as $ben 002 "$retort" gc --keep-runs 1 --grace 0s
check "the results of the first user's old run are gone" sh -c "\"$retort\" plan p.json first | grep -q '^run '"
check "the store is whole" as $ben 002 "$retort" fsck
check "the one collects garbage" as $anna 002 "$retort" gc --keep-runs 1 --grace 0s
check "and with it what the other could not remove" same "$(find .retort/work -mindepth 1)" ""
check "and finds the store whole" as $anna 002 "$retort" fsck
for user in $ben $anna; do
    printf 'no database' >.retort/state.db
    check "an index that is damaged is made anew by either" told $user 002 --set params.n=2
    check "from the records" same "$(counts "$work/run.json")" '{"event":"end","known":4,"finished":0,"failed":0,"interrupted":0,"skipped":0}'
done
rm .retort/state.db
check "one that is gone, too" told $ben 002 --set params.n=2
check "nothing is closed to the group" same "$(closed)" ""

: >executed.txt
as $anna 002 "$retort" run p.json --set params.n=3 --progress json >"$work/anna.json" 2>&1 &
check "two at once: the other ends well" told $ben 002 --set params.n=3
check "and the one" wait $!
check "between them each stage was executed once" same "$(sort executed.txt | tr '\n' ' ')" "first 3 from 0 "
check "the store is whole" as $ben 002 "$retort" fsck

# ---- umask 022 ----

folder alone
study
touch go
told $anna 022 >/dev/null
check "with umask 022 all is its maker's alone" same "$(find .retort results -perm /022)" ""
check "and anybody's to read" same "$(find .retort results ! -perm -004)" ""
find .retort results -type f -exec sha256sum {} + | sort >"$work/before"
check "the other is refused" exits 3 run $ben 002 --set params.n=2
check "the message names the store" has "$work/run.err" "$PWD/.retort: cannot be written"
check "and harms nothing" sh -c "find .retort results -type f -exec sha256sum {} + | sort | cmp - $work/before"
check "the first user continues with it" told $anna 022 --set params.n=2
check "and finds whole" as $anna 022 "$retort" fsck
finish

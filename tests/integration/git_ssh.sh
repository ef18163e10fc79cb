#!/bin/sh
# Commits of other teams by ssh, from a server of our own: the user's ssh decides, and nothing of git's else does.
. tests/integration/lib.inc
[ -x /usr/sbin/sshd ] || skip "there is no sshd; the package openssh-server has it"
. tests/integration/git.inc
cd "$work" || exit 1

ssh-keygen -q -t ed25519 -N '' -f server
ssh-keygen -q -t ed25519 -N '' -f user
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd # sshd wants it where root starts it
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >sshd_config <<END_OF_CONFIG
Port $port
ListenAddress 127.0.0.1
HostKey $work/server
PidFile $work/sshd.pid
AuthorizedKeysFile $work/user.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
PermitRootLogin yes
END_OF_CONFIG
cat >ssh_config <<END_OF_CONFIG
Host team
HostName 127.0.0.1
Port $port
User $(id -un)
IdentityFile $work/user
IdentitiesOnly yes
UserKnownHostsFile $work/known
END_OF_CONFIG
/usr/sbin/sshd -f sshd_config -E sshd.log || skip "sshd does not start: $(cat sshd.log)"
while [ ! -s sshd.pid ]; do sleep 0.02; done
trap 'kill "$(cat "$work/sshd.pid")"; rm -rf "$work"' EXIT
echo "[127.0.0.1]:$port $(cat server.pub)" >known

# The ssh of the user: with the configuration of this test in place of his own. It notes its arguments.
mkdir bin
ssh=$(command -v ssh)
printf '#!/bin/sh\necho "$*" >>"%s/asked"\nexec "%s" -F "%s/ssh_config" "$@"\n' "$work" "$ssh" "$work" >bin/ssh
chmod +x bin/ssh
PATH="$work/bin:$PATH"
base=ssh://team$work/served
commands() { cat asked 2>/dev/null | wc -l; }

check "a branch is read by ssh" same "$(read_commit "$base/x.git" trunk)" three
check "ssh asks no question where nobody could answer" has asked "BatchMode=yes"
check "a tag's commit is read" same "$(read_commit "$base/x.git" v2)" two
before=$(commands)
check "a fetched commit is read again" same "$(read_commit "$base/x.git" "$(commit_of v2)")" two
check "ssh is not started for it" same "$(commands)" "$before"
fresh
check "a commit inside the history is read" same "$(read_commit "$base/x.git" "$(commit_of v1)")" one
commit four
as_team push -q "$work/served/x.git" trunk
check "a commit that came later is read" same "$(read_commit "$base/x.git" "$(commit_of trunk)")" four
fresh
check "a commit that no name leads to is read, though the server refuses its id" \
    same "$(read_commit "$base/x.git" "$(commit_of trunk~1)")" three
export GIT_DIR="$work/nowhere" GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=url.file:///nowhere.insteadOf GIT_CONFIG_VALUE_0="$base"
check "variables of git change nothing" same "$(read_commit "$base/x.git" v2)" two
unset GIT_DIR GIT_CONFIG_COUNT
check "no temporary repository is left" same "$(find "$store/git" -mindepth 1 -maxdepth 1 | wc -l)" 1
check "an unknown name is refused" refused 'has no branch and no tag "v9"' "$base/x.git" v9
check "a repository that does not exist is refused" refused "does not appear to be a git repository" "$base/none.git" trunk

# Somebody else may own the store: nothing that stands there is executed.
fresh
read_commit "$base/x.git" v1 >/dev/null
planted=$(echo "$store"/git/*.git)
printf '#!/bin/sh\ntouch "%s/executed"\n' "$work" >evil
chmod +x evil
cp evil "$planted/hooks/reference-transaction"
cat >>"$planted/config" <<END_OF_CONFIG
[core]
	sshCommand = $work/evil
	fsmonitor = $work/evil
	hooksPath = $planted/hooks
	alternateRefsCommand = $work/evil
[protocol]
	allow = always
[url "ext::$work/evil "]
	insteadOf = ssh://
END_OF_CONFIG
check "a commit is fetched into a repository of another owner" same "$(read_commit "$base/x.git" "$(commit_of trunk)")" four
check "its configuration and hooks execute nothing" [ ! -e executed ]
echo "$work/served/x.git/objects" >"$planted/objects/info/alternates"
check "a repository that borrows objects is refused" refused "borrows objects" "$base/x.git" v1

# The user's configuration of git names the ssh to use, and nothing else.
fresh
printf '#!/bin/sh\ntouch "%s/own"\nexec ssh "$@"\n' "$work" >own-ssh
chmod +x own-ssh
git config --global core.sshCommand "$work/own-ssh"
git config --global url.file:///nowhere.insteadOf "$base"
check "a commit is read with core.sshCommand of the user" same "$(read_commit "$base/x.git" v1)" one
check "that command was used" [ -e own ]
git config --global --unset core.sshCommand

fresh
: >known
check "a server whose key is unknown is refused" refused "Host key verification failed" "$base/x.git" v1
printf '#!/bin/sh\necho $$ >"%s/silent"\nexec sleep 1000\n' "$work" >bin/ssh
RETORT_GIT_TIMEOUT=3
export RETORT_GIT_TIMEOUT
check "a silent server ends the question for a name" refused "the server was silent for 3 s" "$base/x.git" v1
for n in $(seq 500); do
    alive "$(cat silent)" || break
    sleep 0.02
done
check "no ssh is left behind" [ "$n" -lt 500 ]
finish

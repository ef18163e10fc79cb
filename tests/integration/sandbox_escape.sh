#!/bin/sh
# A sandboxed command cannot leave its sandbox: every way that tests/fault/escape.c knows, under every guard.
. tests/integration/lib.inc
case $BUILD in *san) skip "a sanitizer must be loaded before the library that lowers rights" ;; esac
unshare -Urmpin --fork --mount-proc true 2>/dev/null && namespaces=yes || namespaces=
landlock=$(python3 -c 'import ctypes; print(max(0, ctypes.CDLL(None).syscall(444, None, 0, 1)))') # its version
[ "$namespaces" ] || [ "$landlock" -gt 0 ] || skip "this machine allows no sandbox"
escape=$BUILD/tests/fault/escape
mkdir -p "$work/home/.ssh" "$work/project" "$work/other/.git" "$work/write" "$work/shared" && cd "$work/project" || exit 1
mkdir .git && cp "$escape" escape && chmod 755 "$work"
export HOME="$work/home"
echo secret >"$work/home/.ssh/id" && echo secret >"$work/other/file" && echo secret >undeclared
for name in append truncate mode time unlink link attribute; do echo secret >"$work/write/$name"; done
for name in append truncate open mode fmode time attribute flags unlink; do echo secret >"$work/shared/$name"; done
exec 7<"$work/other/file"

# Listeners of the user: a socket of the file system, an abstract name, a port, a piece of shared memory, a process.
cat >"$work/listen.py" <<'EOF'
import ctypes, socket, sys, time
folder = sys.argv[1]
def listen(family, address):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.bind(address)
    s.listen(100)
    return s
kept = [listen(socket.AF_UNIX, folder + "/bus"), listen(socket.AF_UNIX, "\0" + folder), listen(socket.AF_INET, ("127.0.0.1", 0))]
open(folder + "/port.new", "w").write(str(kept[2].getsockname()[1]))
import os
os.rename(folder + "/port.new", folder + "/port")
time.sleep(600)
EOF
python3 "$work/listen.py" "$work" &
listener=$!

shm=$(ipcmk -M 64 | sed 's/.*: //')
key=$(ipcs -m | awk -v id="$shm" '$2 == id { print $1 }')
trap 'kill $listener; ipcrm -m "$shm"; rm -rf "$work"' EXIT
until [ -e "$work/port" ]; do sleep 0.05; done
port=$(cat "$work/port")

files="read=$work/home/.ssh/id read=$work/other/file read=$PWD/undeclared read=/etc/shadow list=$work/home list=$PWD
    execute=$work/other/tool race=$work/other/file descriptor=7
    create=$work/write/new mkdir=$work/write/folder write=$work/write/append truncate=$work/write/truncate
    chmod=$work/write/mode utime=$work/write/time setxattr=$work/write/attribute unlink=$work/write/unlink
    link=$work/write/link rename=$work/write/renamed"
shared="write=$work/shared/append truncate=$work/shared/truncate open-truncate=$work/shared/open chmod=$work/shared/mode
    fchmod=$work/shared/fmode utime=$work/shared/time setxattr=$work/shared/attribute flags=$work/shared/flags
    unlink=$work/shared/unlink create=$work/shared/new link=$work/shared/open"
inside="list=/proc/$listener/fd"
roots="mount=. umount=. chroot=."
sockets="unix=$work/bus abstract=$work family=40 family=17 family=38"
processes="kill=$listener pidfd=$listener tgkill=$listener ptrace=$listener readv=$listener writev=$listener prlimit=$listener
    read=/proc/$listener/environ list=/proc/$listener/cwd/ shm=$key
    kill=\$ENGINE pidfd=\$ENGINE read=/proc/\$ENGINE/environ read=/proc/1/environ read=/proc/1/maps write=/proc/sys/kernel/hostname"
calls="capability traceme io_uring keyctl add_key request_key userfaultfd tiocsti tiocsti-wide unshare clone clone3 x32 i386"
printf '#!/bin/sh\n' >"$work/other/tool" && chmod 755 "$work/other/tool"

pipeline() { # FILE SANDBOX WAYS
    cat >"$1.json" <<EOF
{ "retort": 1, "name": "$1", "stages": { "a": { "in": ["escape"], "outs": ["o"], "pass_env": ["ENGINE"], "sandbox": $2,
    "cmd": ["sh", "-c", "./escape $(echo $3 | tr -d '\n') >o; true"] } }, "results": { "o": "\${stages.a.outs.o}" } }
EOF
}
# The engine has its own pid in ENGINE, which the stage gets.
engine() { sh -c 'export ENGINE=$$; exec "$@"' sh "$@"; }
run() { # NAME COMMAND-BEFORE...
    name=$1; shift
    engine "$@" "$retort" run "$name.json" --store "$work/store" --progress none >run.out 2>&1 || cat run.out
}

read="{ \"read\": [\"$work/shared\"] }"
pipeline all "$read" "$files $shared $inside $roots $sockets tcp=$port $processes $calls"
pipeline alone "$read" "$files $shared $roots $sockets tcp=$port $processes $calls"
pipeline open "$read" "$files $shared $sockets tcp=$port $processes $calls"
pipeline net '{ "network": true }' "$roots $sockets $processes $calls"

held() { # GUARD FILE
    [ -s "$2" ] || echo "nothing was tried" >"$2"
    while read -r way; do
        check "$1: ${way%% held*} is held" same "$(case $way in *" held: "*) echo held ;; *) echo "$way" ;; esac)" held
    done <"$2"
}
guards() { "$retort" show "$1.json" a --json --store "$work/store" | sed -n '/"guards"/,/]/p' | tr -d ' \n"' | sed 's/.*\[//; s/\].*//'; }
forget() { rm -rf "$work/store" results; }

# Without a sandbox nearly all of it goes: the test can fail.
mkdir -p "$work/free" && cp -r "$work/write" "$work/shared" "$work/free/"

engine "$retort" run open.json --no-sandbox --store "$work/store" --progress none >run.out 2>&1
for way in read list execute write create truncate open-truncate chmod fchmod utime unlink link unix abstract tcp kill pidfd \
    tgkill traceme shm prlimit keyctl add_key tiocsti; do
    check "without a sandbox $way goes" grep -q "^$way .*ESCAPED" results/open/o
done
rm -r "$work/write" "$work/shared" && mv "$work/free/write" "$work/free/shared" "$work"

for version in ${namespaces:+7 2 0}; do
    forget
    run all env LD_PRELOAD="$BUILD/tests/fault/rightslib.so" RETORT_RIGHTS=$version
    check "Landlock $version: the record says which guards held" same "$(guards all)" "namespaces,$([ $version = 0 ] || [ "$landlock" = 0 ] || echo landlock,)seccomp"
    held "namespaces, Landlock $version" results/all/o
    run net env LD_PRELOAD="$BUILD/tests/fault/rightslib.so" RETORT_RIGHTS=$version
    held "namespaces with the network, Landlock $version" results/net/o
done
for version in $([ "$landlock" = 0 ] || echo 7 2 1); do
    forget
    run alone env LD_PRELOAD="$BUILD/tests/fault/rightslib.so" RETORT_RIGHTS=$version "$BUILD/tests/fault/denied"
    check "without namespaces, Landlock $version: the record says which guards held" same "$(guards alone)" landlock,seccomp
    held "without namespaces, Landlock $version" results/alone/o
    run net env LD_PRELOAD="$BUILD/tests/fault/rightslib.so" RETORT_RIGHTS=$version "$BUILD/tests/fault/denied"
    held "without namespaces, with the network, Landlock $version" results/net/o
done
for name in append truncate mode time unlink link attribute; do
    check "the file $name is as it was" same "$(cat "$work/write/$name")" secret
done
for name in append truncate open mode fmode time attribute flags unlink; do
    check "the file $name that can be read is as it was" same "$(cat "$work/shared/$name")" secret
done
finish

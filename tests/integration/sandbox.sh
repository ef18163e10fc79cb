#!/bin/sh
# A command in a sandbox: its abilities, its record and its end.
. tests/integration/lib.inc
unshare -Urmpin --fork --mount-proc true 2>/dev/null || skip "this machine allows no namespaces"
mkdir -p "$work/home" "$work/project" "$work/data" "$work/tool/bin" "$work/tool/lib" && cd "$work/project" || exit 1
chmod 755 "$work"
export HOME="$work/home"
mkdir .git && echo mine >"$work/home/file" && echo given >given && echo declared >"$work/data/file" && echo left >undeclared.csv
echo library >"$work/tool/lib/text"
printf '#!/bin/sh\ncat "$(dirname "$0")/../lib/text"\n' >"$work/tool/bin/tool" && chmod 755 "$work/tool/bin/tool"
run() { "$retort" run "$@" --progress plain >run.out 2>&1; }
provenance() { "$retort" show "$1.json" "$2" --json | tr -d ' \n' | grep -o "\"sandbox\":{[^}]*}"; }
stage() { # FILE SANDBOX SHELL-TEXT [MORE-MEMBERS]
    cat >"$1.json" <<EOF
{ "retort": 1, "name": "$1", "stages": { "a": { "cmd": ["sh", "-c", "$3"], "in": { "x": "given" }, "outs": ["o"], "sandbox": $2${4:-} } },
  "results": { "o": "\${stages.a.outs.o}" } }
EOF
}

stage plain true 'cat in/x/given >o; echo said; echo named >/dev/stdout'
check "a sandboxed command reads its input and writes its out" run plain.json
check "the record says that namespaces held it" sh -c "'$retort' show plain.json a --json | grep -q '\"namespaces\",'"
check "its out is published" same "$(cat results/plain/o)" given
check "its log has what it wrote to /dev/stdout" same "$("$retort" log plain.json a | tail -n 1)" named
check "the record says that it had no network" provenance plain a | grep -q '"network":false'
key=$("$retort" plan plain.json --json)
stage plain false 'cat in/x/given >o; echo said; echo named >/dev/stdout'
check "its key is the same without a sandbox" same "$("$retort" plan plain.json --json)" "$key"

stage off true 'cat in/x/given >o'
check "--no-sandbox runs it without" run off.json --no-sandbox
check "and the record has no sandbox" same "$(provenance off a)" ""

stage private true 'ls -A / | tr \"\\n\" \" \" >o; ls -A /tmp /run >/dev/null; for d in /tmp /run /dev/shm $HOME; do echo x >$d/private-'$$' || exit 1; done && id -u >>o'
check "it writes to folders of its own" run private.json
check "nothing of them is left" test ! -e /tmp/private-$$ -a ! -e /run/private-$$ -a ! -e /dev/shm/private-$$
check "its root holds the system alone" same "$(cat results/private/o)" "$(ls -d /bin /dev /etc /lib* /proc /run /sbin /sys /tmp /usr | sed 's,.,,' | tr '\n' ' ')$(id -u)"
stage home true 'ls -A $HOME >o; echo x >$HOME/x' ', "pass_env": ["HOME"]'
check "the caller's home is an empty folder" run home.json
check "without the caller's files" same "$(cat results/home/o)" ""
check "and stays as it is" same "$(ls -A "$work/home")" file

cat >work.py <<'EOF'
import multiprocessing, os, socket, threading
def square(x): return x * x
if __name__ == "__main__":
    total = sum(multiprocessing.Pool(2).map(square, range(10)))
    folder = os.environ["TMPDIR"]
    own = socket.socket(socket.AF_UNIX)
    own.bind("s")
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname()).close()
    os.chmod("s", 0o600)
    open("o", "w").write(str(total))
EOF
cat >work.json <<'EOF'
{ "retort": 1, "name": "work", "stages": { "a": { "cmd": ["python3", "work.py"], "in": ["work.py"], "outs": ["o"], "sandbox": true } },
  "results": { "o": "${stages.a.outs.o}" } }
EOF
check "it has processes, locks, sockets and a loopback of its own" run work.json
check "and they work" same "$(cat results/work/o)" 285

stage writes true 'echo x >>in/x/given && echo >o'
check "it cannot change an input" exits 1 run writes.json
head -c 70000000 /dev/zero >large
sleep 2.1 # a file that changed just now is copied
cat >bound.json <<'EOF'
{ "retort": 1, "name": "bound", "stages": { "a": { "cmd": ["sh", "-c", "stat -c %d:%i large >o; ! echo x >>large; ! rm -f large; ! chmod 777 large"],
    "in": ["large"], "outs": ["o"], "sandbox": true } }, "results": { "o": "${stages.a.outs.o}" } }
EOF
check "it cannot change a large input" run bound.json
check "it is the project's own file" same "$(cat results/bound/o)" "$(stat -c %d:%i large)"
check "and is as it was" same "$(stat -c '%a %s' large)" "644 70000000"
stage reads '{ "read": ["'"$work"'/data"] }' "cat $work/data/file >o; ! echo x >>$work/data/file"
check "it reads a declared folder and cannot write there" run reads.json
check "as it is" same "$(cat results/reads/o)" declared
check "the record names it" same "$(provenance reads a | grep -o '"read":\[.*\]')" "\"read\":[\"$work/data\"]"
stage absent '{ "read": ["'"$work"'/nowhere"] }' 'echo >o'
check "a declared folder that is missing fails it" exits 1 run absent.json
check "and is named" has run.out "sandbox.read: $work/nowhere: no such file or folder"
stage undeclared true 'cat undeclared.csv >o'
check "a file that is not declared fails it" exits 1 run undeclared.json
check "and is named" has run.out 'undeclared.csv exists and is no input of this stage; add it to "in"'

says() { # TEXT SHELL-TEXT [MORE-MEMBERS]
    stage says true "$2" "${3:-}"
    run says.json
    has run.out "$1"
}
check "a file elsewhere that it cannot read is named" says \
    "; the sandbox keeps the stage from reading $work/data/file; add it to \"in\", or its folder to \"read\" of \"sandbox\"" "cat $work/data/file >o"
check "a file elsewhere that it cannot write is named" says \
    "; the sandbox keeps the stage from writing $work/data/new: it writes in its own directory alone" "echo x >$work/data/new && echo >o"
check "a program elsewhere that it cannot execute is named" says "; the sandbox keeps the stage from executing $work/tool/bin/tool;" "$work/tool/bin/tool >o"
check "a file that it can read is not named" sh -c "! grep -q 'keeps the stage' run.out" "$(says . 'cat /etc/passwd /usr >o')"

stage tool true 'tool >o' ', "env": { "PATH": "'"$work"'/tool/bin:/usr/bin:/bin" }'
check "a program outside the system comes with its prefix" run tool.json
check "and finds its library" same "$(cat results/tool/o)" library
check "the record names the prefix" same "$(provenance tool a | grep -o '"read":\[.*\]')" "\"read\":[\"$work/tool\"]"
python3 -m venv --without-pip "$work/venv" && echo 'text = "module"' >"$(echo "$work"/venv/lib/python3*/site-packages)/own_module.py"
stage venv true 'python3 -c \"import own_module; print(own_module.text)\" >o' ', "toolchain": { "prefix": "'"$work"'/venv" }'
check "a venv is there" run venv.json
check "with its packages" same "$(cat results/venv/o)" module

# Folders of programs in the user's home do not open it.
mkdir "$work/home/bin" && cp "$(readlink -f /usr/bin/python3)" "$work/home/bin/python3"
stage within true 'python3 -c pass; cat '"$work"'/home/file '"$work"'/home/bin/../file; ls -A / >o' ', "env": { "PATH": "'"$work/home/bin:$work/home:/:/usr/bin:/bin"'" }'
run within.json
check "a program in the user's home runs" same "$(tr '\n' ' ' <results/within/o | grep -c 'proc')" 1
"$retort" log within.json a >log.out 2>&1
check "and the home stays closed" same "$(grep -c "home/.*file: No such file or directory" log.out)" 2
check "the record names its folder alone" same "$(provenance within a | grep -o '"read":\[.*\]')" "\"read\":[\"$work/home/bin\"]"

# The directory held inputs of an earlier stage.
cat >after.json <<'EOF'
{ "retort": 1, "name": "after", "stages": {
    "first": { "cmd": ["sh", "-c", "wc -c <in/x/given"], "in": { "x": "given" } },
    "a": { "after": ["first"], "cmd": ["sh", "-c", "cat ../[0-9]* >o 2>/dev/null; ls -A .. >>o; cat $RETORT_SPEC >spec"], "outs": ["o", "spec"], "sandbox": true } },
  "results": { "o": "${stages.a.outs.o}", "spec": "${stages.a.outs.spec}" } }
EOF
check "stages follow each other in a directory" run after.json -j 1
check "a sandboxed one sees no input of an earlier one" same "$(tr '\n' ' ' <results/after/o)" "dir spec.json "
check "and reads its own spec" has results/after/spec '"retort_spec":1'

# How it ends.
stage signal true 'kill -9 $$; sleep 60'
check "a command that dies of a signal fails" exits 1 run signal.json
check "and the failure names the signal" has run.out "killed by signal 9"
stage status true 'exit 7'
run status.json
check "the failure names the exit status" has run.out "exit status 7"
stage leaves true 'sleep 600 & echo >o'
check "a process that it leaves does not hold the run" run leaves.json
check "and is counted" sh -c "'$retort' show leaves.json a --json | grep -q '\"survivors\": 1,'"
stage slow true 'trap \"echo left >$RETORT_CHECKPOINT/c; exit 75\" TERM; if [ -e $RETORT_CHECKPOINT/c ]; then cat $RETORT_CHECKPOINT/c >o; exit; fi; echo >started; sleep 600 & wait' ', "checkpoint": true'
"$retort" run slow.json --progress none >slow.out 2>&1 &
engine=$!
until ls .retort/work/*/dir/started >/dev/null 2>&1 || ! alive $engine; do sleep 0.05; done
kill -INT $engine
check "an interrupt reaches it" exits 130 wait $engine
check "and the next run goes on from its checkpoint" run slow.json
check "that it wrote then" same "$(cat results/slow/o)" left
stage dies true 'echo >started; exec sleep 604'
"$retort" run dies.json --progress none >dies.out 2>&1 &
engine=$!
until ls .retort/work/*/dir/started >/dev/null 2>&1 || ! alive $engine; do sleep 0.05; done
sleeper=$(pgrep -f '^sleep 604$' | head -n 1)
kill -9 $engine
wait $engine 2>/dev/null
while alive "$sleeper"; do sleep 0.05; done
check "it does not outlive an engine that is killed" test -n "$sleeper"

check "verify runs it in a sandbox too" "$retort" verify plain.json a
stage plain true 'cat in/x/given >o; echo said; echo named >/dev/stdout'
check "a shell stands in the sandbox" same "$(echo 'ls -A /home /root 2>&1 | grep -c "No such file"; cat in/x/given' | SHELL=/bin/sh "$retort" shell plain.json a 2>/dev/null | tr '\n' ' ')" "2 given "

# Without namespaces Landlock does it alone. A sanitizer must be loaded before the library that lowers rights.
case $BUILD in *san) finish; exit ;; esac
landlock=$(python3 -c 'import ctypes; print(max(0, ctypes.CDLL(None).syscall(444, None, 0, 1)))') # its version
for version in $([ "$landlock" = 0 ] || echo 7 2 1); do
    rm -rf .retort results
    alone() { LD_PRELOAD="$BUILD/tests/fault/rightslib.so" RETORT_RIGHTS=$version "$BUILD/tests/fault/denied" "$retort" run "$@" --progress plain >run.out 2>&1; }
    check "Landlock $version alone: a command reads its input and writes its out" alone plain.json
    check "Landlock $version alone: the record says so" same "$(provenance plain a | grep -o '"guards":\[[^]]*\]')" '"guards":["landlock","seccomp"]'
    check "Landlock $version alone: a program comes with its prefix" alone tool.json
    check "Landlock $version alone: a venv is there" alone venv.json
    check "Landlock $version alone: a declared folder is read" alone reads.json
    check "Landlock $version alone: a file that is not declared fails it" exits 1 alone undeclared.json
    stage large true 'wc -c <in/y/large >o' ', "in": { "y": "large" }'
    sed -i 's/"in": { "x": "given" }, //' large.json
    check "Landlock $version alone: a large input is read" alone large.json
    check "Landlock $version alone: all of it" same "$(cat results/large/o)" 70000000
    [ $version = 1 ] && move='mv a/b/f a/b/h' || move='mv a/b/f c/f && ln c/f g' # version 1 moves nothing between folders
    stage folders true 'mkdir -p a/b c && echo x >a/b/f && '"$move"' && rm -r a && python3 -c \"import subprocess; subprocess.run([\\\"sh\\\", \\\"-c\\\", \\\"exit 0\\\"], check=True)\" && ls c >o'
    check "Landlock $version alone: it works with files, folders and processes" alone folders.json
done

# Nothing runs if no sandbox can be had.
stage never true 'echo >o; touch '"$work"'/ran'
check "without namespaces and Landlock it fails" exits 1 env LD_PRELOAD="$BUILD/tests/fault/rightslib.so" RETORT_RIGHTS=0 "$BUILD/tests/fault/denied" \
    "$retort" run never.json --progress plain
LD_PRELOAD="$BUILD/tests/fault/rightslib.so" RETORT_RIGHTS=0 "$BUILD/tests/fault/denied" "$retort" run never.json --progress plain >run.out 2>&1
check "and says why" has run.out "no sandbox can be had on this machine"
check "nothing was run" test ! -e "$work/ran"
finish

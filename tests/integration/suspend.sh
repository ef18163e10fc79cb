#!/bin/sh
# Ctrl-Z stops a run with its stages, and both go on later. Stopped time counts to no timeout.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<EOT
{ "retort": 1, "name": "p", "stages": { "s": { "timeout": "10s", "isolation": false, "outs": { "o": "o" },
  "cmd": ["sh", "-c", "echo \$\$ >$work/new; mv $work/new $work/stage; until [ -e $work/go ]; do :; done; echo >o"] } } }
EOT
# The shell of a terminal of its own: starts the run in the foreground, waits for its stop, and continues it.
cat >shell.py <<'EOT'
import os, pty, signal, sys, termios, time
retort, told = sys.argv[1], open("told", "w", buffering=1)

def state(pid):
    return open("/proc/%s/stat" % pid).read().rsplit(")", 1)[1].split()[0]

def wait_until(done):
    end = time.monotonic() + 60
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    return done()

def shell():
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    before = termios.tcgetattr(0)
    engine = os.fork()
    if engine == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(retort, [retort, "run", "p.json"])
    status = os.waitpid(engine, os.WUNTRACED)[1]
    os.tcsetpgrp(0, os.getpgrp())
    print("engine stopped", os.WIFSTOPPED(status), file=told)
    stage = open("stage").read().strip()
    print("stage stopped", wait_until(lambda: state(stage) == "T"), file=told)
    print("terminal as before", termios.tcgetattr(0) == before, file=told)
    time.sleep(10.5)
    os.tcsetpgrp(0, engine)
    os.kill(engine, signal.SIGCONT)
    print("stage goes on", wait_until(lambda: state(stage) != "T"), file=told)
    os.kill(engine, signal.SIGCONT)
    open("go", "w").close()
    print("exit status", os.waitstatus_to_exitcode(os.waitpid(engine, 0)[1]), file=told)
    os._exit(0)

pid, terminal = pty.fork()
if pid == 0:
    shell()
wait_until(lambda: os.path.exists("stage"))
os.write(terminal, b"\x1a")
try:
    while said := os.read(terminal, 4096):
        os.write(2, said) # shown when a check fails
except OSError:
    pass
os.waitpid(pid, 0)
EOT
python3 shell.py "$retort" 2>said.txt
check "Ctrl-Z stops the engine" has told "engine stopped True"
check "Ctrl-Z stops the stage" has told "stage stopped True"
check "the terminal is as before" has told "terminal as before True"
check "SIGCONT continues the stage" has told "stage goes on True"
check "the run ends well although it was stopped for longer than the timeout" has told "exit status 0"
check "the record's time is without the stop" "$retort" show p.json s --json
"$retort" show p.json s --json >show.json
check "the record's end is behind the stop" python3 -c '
import json, datetime
r = json.load(open("show.json"))
begin, end = (datetime.datetime.fromisoformat(r["provenance"][n].replace("Z", "+00:00")) for n in ("start", "end"))
assert (end - begin).total_seconds() >= r["wall_s"] + 10, r["provenance"]'
check "its energy is without the time of the stop" python3 -c '
import json
r = json.load(open("show.json"))
assert abs(r["energy"]["wall_s"] - r["wall_s"]) < 5, r["energy"]'
finish

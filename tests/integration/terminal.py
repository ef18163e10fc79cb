"""Runs a command on a terminal, where a user answers its question.

terminal.py ANSWER SHOWN COMMAND...: types ANSWER behind "[y/N] ", once, writes the output to SHOWN, and ends as the
command does.
"""
import os
import pty
import sys

answer, shown, command = sys.argv[1], sys.argv[2], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
output, asked = b"", False
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:  # the command has ended
        break
    if not piece:
        break
    output += piece
    if not asked and b"[y/N] " in output:
        asked = True
        os.write(terminal, answer.encode() + b"\n")
with open(shown, "wb") as file:
    file.write(output)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

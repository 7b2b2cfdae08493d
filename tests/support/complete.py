"""Types a command line into a real shell on a terminal, presses Tab, and prints what the line became.

complete.py SHELL SETUP TEXT: the shell reads SETUP first. What is printed are the arguments of the
completed command, each ended by a zero byte: the line begins with `show`, which prints them.
"""

import os
import pty
import select
import sys
import time

MARK = "READY%s> "


def main(shell, setup, text):
    arguments = {
        "bash": ["bash", "--norc", "--noprofile", "-i"],
        "zsh": ["zsh", "-f", "-i"],
    }[shell]
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", LC_ALL="C.UTF-8", INPUTRC="/dev/null")
        os.execvp(arguments[0], arguments)
    seen = b""

    def wait_for(mark, seconds=30):
        nonlocal seen
        end = time.monotonic() + seconds
        while mark.encode() not in seen:
            ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
            if not ready:
                sys.exit(f"{shell} does not say {mark!r}: {seen.decode(errors='replace')}")
            seen += os.read(terminal, 65536)
        seen = seen.split(mark.encode(), 1)[1]

    def type_in(keys):
        os.write(terminal, keys.encode())

    type_in(f"PS1='READ''Y1> '; {setup}\n")
    wait_for("READY1> ")
    type_in(text + "\t")
    # The shell takes what follows only when it has done with the Tab.
    type_in("\n")
    wait_for("READY1> ")
    type_in("exit\n")
    os.waitpid(pid, 0)


main(*sys.argv[1:])

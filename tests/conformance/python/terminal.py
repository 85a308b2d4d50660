# SPDX-License-Identifier: MIT
"""Terminals that type what a page says, and compare what they show with what the page shows."""

import fcntl
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import termios
import time

DONE_S_MAX = 60  # a block, the slowest being a Java program on a busy machine
END_S_MAX = 15  # a program that was told to end
COLUMNS, LINES = 120, 50
# A progress bar's states, each over the last: none of them stays.
PASSING = re.compile(r"\r[^\r\n]*\x1b\[K")
MARK = re.compile(r"\x1e(\d+)\x1e")


def shown_as(expected: str) -> re.Pattern:
    """A pattern for a text in which `...` stands for anything, alone on its line for any lines."""
    parts = []
    for line in expected.splitlines():
        if line.strip() == "...":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split("...")) + r"[ ]*\n")
    return re.compile("".join(parts))


class Terminal:
    """A bash whose programs see a terminal: what they print there is what a reader sees."""

    def __init__(self, folder, environment):
        self.folder = folder
        self.written = ""
        self.shown = ""  # without what was written over
        self.read_to = 0  # what was compared already
        self.blocks = 0
        self.master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST  # no carriage returns of its own
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        os.set_blocking(self.master, False)
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-s"], cwd=folder, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=slave, stderr=slave)
        os.close(slave)

    def read(self):
        """Takes what is there; False when nobody can write any more."""
        while True:
            try:
                data = os.read(self.master, 65536)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            self.written += data.decode(errors="replace")
            self.shown = PASSING.sub("", self.written)

    def wait(self, condition, timeout_s):
        """Reads until the condition holds; returns what it returned, or None when time or the shell is over."""
        deadline = time.monotonic() + timeout_s
        while True:
            open_still = self.read()
            result = condition()
            if result or not open_still or time.monotonic() > deadline:
                return result or None
            time.sleep(0.01)

    def type(self, text, may_fail=False):
        """Starts a block. Each of its lines must succeed, or it stops there; the shell too, unless it may fail."""
        self.blocks += 1
        path = self.folder / f".typed-{self.process.pid}-{self.blocks}"
        path.write_text(text)
        run = f"set -e; . {shlex.quote(str(path))}"
        run = f"({run}) </dev/null" if may_fail else f"{run} </dev/null; set +e"
        self.process.stdin.write(f"{run}; printf '\\036%d\\036' $?\n".encode())
        self.process.stdin.flush()

    def finish(self):
        """Waits until the block is done. Returns what it showed and its exit code: None when it does not end."""
        begin = self.read_to
        mark = self.wait(lambda: MARK.search(self.shown, begin), DONE_S_MAX)
        if mark is not None:
            self.read_to = mark.end()
            return self.shown[begin:mark.start()], int(mark[1])
        return self.shown[begin:], self.process.poll()

    def expect(self, expected):
        """Waits until what was shown since the last look begins so. None, or how it begins instead."""
        pattern = shown_as(expected)
        match = self.wait(lambda: pattern.match(self.shown, self.read_to), DONE_S_MAX)
        if match is None:
            return self.shown[self.read_to:]
        self.read_to = match.end()
        return None

    def interrupt(self):
        """Ctrl-C, then the end. What does not end is killed: False."""
        try:
            os.killpg(self.process.pid, signal.SIGINT)
        except ProcessLookupError:
            pass
        self.process.stdin.close()
        try:
            self.process.wait(END_S_MAX)
            return True
        except subprocess.TimeoutExpired:
            return False
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            os.close(self.master)

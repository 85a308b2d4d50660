# SPDX-License-Identifier: MIT
"""Programs at a terminal: a pty of a given size before, a Screen behind."""

import fcntl
import os
import pty
import select
import shlex
import signal
import struct
import subprocess
import termios
import time

import programs
from screen import Screen

WAIT_S_MAX = 60
CTRL_C = b"\x03"


class Terminal:
    """
    A terminal window in which programs run one after the other, `$ ` before each of them:

        with Terminal(environment) as terminal:
            assert terminal.run("iothub device create dev1") == 0
            assert terminal.screen.text == ...

    Keys, Ctrl-C among them, go through the terminal, as a person's do. `raw` has all the bytes.
    """

    def __init__(self, environment, columns=80, rows=24):
        self.environment = {"TERM": "xterm", "LANG": "C.UTF-8", **environment}
        self.screen = Screen(columns, rows)
        self.raw = b""
        self.process = None
        self.arguments = []
        self.typed_at = 0  # the line below the command
        self.master = self.slave = None
        self.resize(columns, rows)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for end in (self.master, self.slave):
            os.close(end)

    def resize(self, columns, rows):
        if self.master is None:
            self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    # ---- running ----

    def start(self, command):
        """Types a command; it runs until finish()."""
        self.receive(f"$ {command}\r\n".encode())
        self.typed_at = self.screen.row
        self.arguments = shlex.split(command)
        name, *arguments = self.arguments
        ours = programs.FOLDER / name
        self.process = subprocess.Popen(
            [ours if ours.exists() else name, *arguments],
            env={**programs.kept_environment(), **self.environment},
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            preexec_fn=self.take_terminal,
        )

    def take_terminal(self):
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def finish(self, timeout_s=WAIT_S_MAX):
        """Waits for the program's end; its exit code, as a shell would tell it."""
        deadline = time.monotonic() + timeout_s
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it still runs:\n{self.screen.text}"
            self.read(0.05)
        while self.read(0):
            pass
        assert self.screen.cursor_is_shown, "the program left the cursor hidden"
        if self.screen.column > 0:  # as zsh does: the prompt begins a line
            self.receive(b"\r\n")
        code = self.process.returncode
        programs.remember(*self.arguments, code=code)
        return code if code >= 0 else 128 - code

    def run(self, command, timeout_s=WAIT_S_MAX):
        self.start(command)
        return self.finish(timeout_s)

    # ---- watching and typing ----

    def wait_for(self, text, timeout_s=WAIT_S_MAX):
        """Until `text` is on the screen, below the command that was typed last."""

        def is_there(screen):
            return text in "\n".join(["", *screen.lines[self.typed_at :]])

        self.wait_until(is_there, timeout_s, repr(text))

    def wait_until(self, holds, timeout_s=WAIT_S_MAX, what="it"):
        deadline = time.monotonic() + timeout_s
        while not holds(self.screen):
            assert time.monotonic() < deadline, f"{what} was not seen:\n{self.screen.text}"
            if not self.read(0.05) and self.process.poll() is not None and not self.read(0):
                assert holds(self.screen), f"{what} was not seen:\n{self.screen.text}"

    def press(self, keys):
        os.write(self.master, keys)

    def interrupt(self):
        """Ctrl-C, as the terminal turns it into a signal; the exit code."""
        self.press(CTRL_C)
        return self.finish()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.finish()

    # ---- bytes ----

    def read(self, timeout_s):
        ready, _, _ = select.select([self.master], [], [], timeout_s)
        if not ready:
            return False
        self.receive(os.read(self.master, 65536))
        return True

    def receive(self, data):
        self.raw += data
        self.screen.feed(data)

# SPDX-License-Identifier: MIT
"""Ports of this machine for what a test puts in an emulator's place."""

import errno
import socket


class Listener(socket.socket):
    """
    Listens on a free port of 127.0.0.1, or, with no `backlog`, only holds it: nobody answers there.
    The same port of ::1 is held too, since `localhost` is both, and another test's emulator might
    answer on the other.
    """

    def __init__(self, backlog=128):
        self.held = None
        super().__init__()
        while not self.take():
            pass
        if backlog is not None:
            self.listen(backlog)

    def take(self):
        port = 0
        try:
            self.held = socket.socket(socket.AF_INET6)
            self.held.bind(("::1", 0))
            port = self.held.getsockname()[1]
        except OSError:
            pass  # a machine without IPv6
        try:
            self.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            self.held.close()
            return False
        return True

    @property
    def port(self):
        return self.getsockname()[1]

    def close(self):
        if self.held is not None:
            self.held.close()
        super().close()

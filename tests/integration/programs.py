# SPDX-License-Identifier: MIT
"""Starting the client programs, reading what they print, and a wire that can be cut."""

import json
import os
import queue
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from loopback import Listener

FOLDER = Path(os.environ.get("EMULATOR_BIN", "build/dev/bin/iothub-emulator")).resolve().parent
WAIT_S_MAX = 40


def kept_environment():
    """What a program gets of the test's own environment: what it cannot run without."""
    kept = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
    return {name: os.environ[name] for name in kept if name in os.environ}


def remember(name, *arguments, code):
    """Notes what was run, and how it ended, for the test that asks whether all of it was."""
    notes = os.environ.get("PROGRAM_RUNS")
    if notes is None:
        return
    run = {
        "test": os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0],
        "program": name,
        "arguments": list(map(str, arguments)),
        "code": code,
    }
    with open(notes, "a") as file:
        file.write(json.dumps(run) + "\n")


class Program:
    """A running client program. It trusts the emulator's CA and nothing of the test's environment."""

    def __init__(self, name, *arguments, ca=None, **environment):
        environment = {**kept_environment(), **environment}
        if ca is not None:
            environment["IOTHUB_CA_FILE"] = str(ca)
        self.process = subprocess.Popen(
            [FOLDER / name, *map(str, arguments)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.name = name
        self.arguments = arguments
        self.output = b""
        self.read_to = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.ended(self.process.wait())
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def wait_for(self, text, timeout_s=WAIT_S_MAX):
        """Reads until `text` was printed after all that was waited for before; returns the rest up
        to and with the end of its line."""
        deadline = time.monotonic() + timeout_s
        while True:
            at = self.output.find(text.encode(), self.read_to)
            end = self.output.find(b"\n", at) if at >= 0 else -1
            if end >= 0:
                seen = self.output[self.read_to : end].decode()
                self.read_to = end + 1
                return seen
            ready, _, _ = select.select([self.process.stdout], [], [], deadline - time.monotonic())
            chunk = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not chunk:
                self.process.kill()
                complaint = self.process.stderr.read().decode()
                raise AssertionError(
                    f"{text!r} was not printed, but {self.output.decode()!r}, {complaint!r}"
                )
            self.output += chunk

    def interrupt(self):
        """Ctrl-C: the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(WAIT_S_MAX)

    def finish(self, typed=None):
        """Waits for its end, after giving it `typed` to read: exit code, all that it printed, and
        its complaints."""
        output, complaints = self.process.communicate(typed and typed.encode(), timeout=120)
        return self.process.returncode, (self.output + output).decode(), complaints.decode()

    def ended(self, code):
        if self.name is not None:
            remember(self.name, *self.arguments, code=code)
        self.name = None  # once


def run(name, *arguments, typed=None, **keywords):
    """Runs a program to its end: exit code, output, complaints."""
    with Program(name, *arguments, **keywords) as program:
        return program.finish(typed)


class Wire:
    """A TCP relay to a port of the emulator: a device dials it, and a test cuts it. Each byte takes
    `delay_s` to get through, as many as there may be."""

    def __init__(self, port, delay_s=0):
        self.target = port
        self.delay_s = delay_s
        self.stalled = threading.Event()
        self.listener = Listener()
        self.port = self.listener.port
        self.pairs = []
        self.accepted = 0
        self.connected = True
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            if not self.connected:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            self.pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.relay, args=(source, sink), daemon=True).start()

    def relay(self, source, sink):
        under_way = queue.SimpleQueue()
        threading.Thread(target=self.arrive, args=(under_way, source, sink), daemon=True).start()
        try:
            while chunk := source.recv(65536):
                under_way.put((time.monotonic() + self.delay_s, chunk))
        except OSError:
            pass
        under_way.put((time.monotonic() + self.delay_s, b""))

    def arrive(self, under_way, source, sink):
        try:
            while True:
                due, chunk = under_way.get()
                time.sleep(max(0, due - time.monotonic()))
                if not chunk:
                    break
                if not self.stalled.is_set():
                    sink.sendall(chunk)
        except OSError:
            pass
        if self.stalled.is_set():
            return
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        """Ends all connections; new ones are refused until mend()."""
        self.connected = False
        for pair in self.pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs.clear()

    def mend(self):
        self.connected = True

    def stall(self):
        """From now on nothing gets through, and nobody is told."""
        self.stalled.set()


def device_string(emulator, identity, port=None):
    """The connection string of a device or module identity."""
    module = f"ModuleId={identity['moduleId']};" if "moduleId" in identity else ""
    key = identity["authentication"]["symmetricKey"]["primaryKey"]
    port = emulator.ports["mqtt"] if port is None else port
    return f"HostName=localhost:{port};DeviceId={identity['deviceId']};{module}SharedAccessKey={key}"


def service_string(emulator, policy="iothubowner"):
    key = emulator.policies[policy].primary_key
    port = emulator.ports["httpsAlt"]
    return f"HostName=localhost:{port};SharedAccessKeyName={policy};SharedAccessKey={key}"

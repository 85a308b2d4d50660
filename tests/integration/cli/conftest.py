# SPDX-License-Identifier: MIT
"""The command line, run as a user runs it: `iothub` with pipes, `terminal` at a terminal."""

import contextlib
import json

import pytest

import programs
from machine import Machine
from terminal import Terminal


class Result:
    """What a command said: `out` is data, `err` reasons; it ended with `code`."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    def __repr__(self):
        return f"code {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}---"

    @property
    def json(self):
        assert self.code == 0, self
        return json.loads(self.out)

    @property
    def lines(self):
        assert self.code == 0, self
        return self.out.splitlines()


class Iothub:
    """
    iothub("device", "show", "dev1").json: runs the program to its end. It finds the emulator by its
    ready file; environment variables are given as keywords, what it reads as `typed`.
    """

    def __init__(self, emulator, home):
        self.environment = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "IOTHUB_READY_FILE": str(emulator.ready_path),
        }
        self.started = []

    def __call__(self, *arguments, typed=None, **environment):
        environment = {**self.environment, **environment}
        return Result(*programs.run("iothub", *arguments, typed=typed, **environment))

    def start(self, *arguments, **environment):
        """Starts one that runs on: a programs.Program, ended with the test."""
        environment = {**self.environment, **environment}
        self.started.append(programs.Program("iothub", *arguments, **environment))
        return self.started[-1]


@pytest.fixture
def iothub(emulator, tmp_path):
    command = Iothub(emulator, tmp_path)
    yield command
    for program in command.started:
        program.__exit__()


ROUND_TRIP_S = 0.12  # as to a hub far away: work of some requests takes longer than a second


@contextlib.contextmanager
def far_away(emulator, folder):
    """A ready file that leads to the emulator by way of a long wire."""
    ready = json.loads(emulator.ready_path.read_text())
    with programs.Wire(emulator.ports["httpsAlt"], delay_s=ROUND_TRIP_S / 2) as wire:
        ready["ports"]["https"] = ready["ports"]["httpsAlt"] = wire.port
        path = folder / "far-away.json"
        path.write_text(json.dumps(ready))
        yield path


@pytest.fixture(scope="session")
def made_certificates(tmp_path_factory):
    """Certificates of an emulator, made once."""
    first = Machine(tmp_path_factory.mktemp("machine") / "first")
    first.start_emulator("--memory")
    first.close()
    return first.certificates


@pytest.fixture
def machine(tmp_path, made_certificates):
    """A machine of the test's own, without an emulator."""
    machine = Machine(tmp_path / "machine", made_certificates)
    yield machine
    machine.close()


@pytest.fixture
def running(machine):
    """A machine of the test's own, with an emulator on its usual ports."""
    machine.start_emulator("--memory")
    return machine


@pytest.fixture
def terminal(iothub):
    """Opens terminals: terminal(columns=60). Commands typed there find the emulator too."""
    opened = []

    def open_terminal(**size):
        opened.append(Terminal(iothub.environment, **size))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.__exit__()

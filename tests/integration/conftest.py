# SPDX-License-Identifier: MIT
"""
One emulator for all tests of a run, emptied before each of them.

EMULATOR_BIN names the program (default build/dev/bin/iothub-emulator). A test that needs other
options, a restart or a kill starts its own with the `emulator_factory` fixture.
"""

import os
from pathlib import Path

import pytest

import rest
from emulator import Emulator


def pytest_sessionstart():
    if "PROGRAM_RUNS" in os.environ:  # see programs.remember()
        notes = Path(os.environ["PROGRAM_RUNS"])
        notes.parent.mkdir(parents=True, exist_ok=True)
        notes.write_text("")


@pytest.fixture(scope="session")
def running_emulator(tmp_path_factory):
    emulator = Emulator(tmp_path_factory.mktemp("emulator"))
    yield emulator
    emulator.stop()


@pytest.fixture
def emulator(running_emulator):
    """The shared emulator, with an empty hub."""
    running_emulator.reset()
    return running_emulator


@pytest.fixture
def emulator_factory(tmp_path):
    """Starts emulators of a test's own: emulator_factory("--data", folder)."""
    started = []

    def start(*arguments):
        folder = tmp_path / f"emulator{len(started)}"
        started.append(Emulator(folder, arguments or ("--memory",)))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.stop()


@pytest.fixture
def owner(emulator):
    """A REST client with the iothubowner policy: may do everything."""
    with rest.service(emulator) as client:
        yield client


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows what the emulator said."""
    outcome = yield
    report = outcome.get_result()
    used = getattr(item, "funcargs", {}).get("running_emulator")
    if report.when == "call" and report.failed and used is not None:
        report.sections.append(("emulator log", used.log()[-6000:]))

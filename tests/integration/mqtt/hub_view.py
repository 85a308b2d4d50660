# SPDX-License-Identifier: MIT
"""The hub as others see it: registry, journal, log."""

import time

import pytest

import packets
from mqtt_client import WAIT_S_MAX


def register(owner, device, module=None, **fields):
    fields.setdefault(
        "authentication",
        {
            "type": "sas",
            "symmetricKey": {"primaryKey": packets.KEY, "secondaryKey": packets.OTHER_KEY},
        },
    )
    if module is not None:
        return owner.create_module(device, module, **fields)
    return owner.create_device(device, **fields)


class Journal:
    """The rows that came since the fixture was made."""

    def __init__(self, emulator):
        self.emulator = emulator
        self.start = self.get("limit=1")["last"]

    def get(self, query):
        status, answer = self.emulator.control("GET", f"/journal?{query}")
        assert status == 200, answer
        return answer

    def rows(self, kind=None, device=None):
        query = f"after={self.start}&limit=1000"
        query += f"&kind={kind}" if kind else ""
        query += f"&device={device}" if device else ""
        return self.get(query)["rows"]

    def row(self, kind, device=None):
        """The one row of a kind, waited for."""
        deadline = time.monotonic() + WAIT_S_MAX
        while not (rows := self.rows(kind, device)):
            assert time.monotonic() < deadline, f"no row '{kind}', but {self.rows()}"
            time.sleep(0.01)
        assert len(rows) == 1, rows
        return rows[0]


class Log:
    """The lines that came since the fixture was made."""

    def __init__(self, emulator):
        self.path = emulator.log_path
        self.start = self.path.stat().st_size

    def lines(self, fragment=""):
        with open(self.path, "rb") as log:
            log.seek(self.start)
            text = log.read().decode(errors="replace")
        return [line for line in text.splitlines() if fragment in line]

    def line(self, fragment):
        """The one line with a fragment, waited for."""
        deadline = time.monotonic() + WAIT_S_MAX
        while not (found := self.lines(fragment)):
            assert time.monotonic() < deadline, f"nobody logged {fragment!r}, but {self.lines()}"
            time.sleep(0.01)
        assert len(found) == 1, found
        return found[0]


# ---- fixtures: the conftest.py of a folder imports those its tests ask for ----


@pytest.fixture
def d1(owner):
    """The device most tests are about: registered, with packets.KEY."""
    return register(owner, "d1")


@pytest.fixture
def devices(owner):
    """Registers more devices or modules: devices("d2"), devices("d1", "m1")."""
    return lambda *ids, **fields: register(owner, *ids, **fields)


@pytest.fixture
def journal(emulator):
    return Journal(emulator)


@pytest.fixture
def log(emulator):
    return Log(emulator)

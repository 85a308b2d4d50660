# SPDX-License-Identifier: MIT
"""What tests of the AMQP endpoint share: connections, a witness, journal and log of this test."""

import sys
from pathlib import Path

# Qpid Proton is Debian's package for Debian's Python; an environment made from that Python does not
# look there by itself.
sys.path.append("/usr/lib/python3/dist-packages")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "mqtt"))

import pytest  # noqa: E402

from amqp_bytes import RawClient  # noqa: E402
from amqp_peer import Peer  # noqa: E402
from hub_view import d1, devices, journal, log  # noqa: E402, F401


@pytest.fixture
def dial(emulator):
    """Opens connections with Qpid Proton, and drops what a test left open."""
    opened = []

    def one(**how):
        opened.append(Peer(emulator, **how))
        return opened[-1]

    yield one
    for peer in opened:
        peer.abandon()


@pytest.fixture
def device(dial, d1):
    """A connection that may act for device d1."""
    return dial().open().become_device("d1")


@pytest.fixture
def service(dial, emulator):
    """A connection that may do what the policy iothubowner may."""
    return dial().open().become_service(emulator.policies["iothubowner"])


@pytest.fixture
def raw(emulator):
    """Opens sockets to which a test writes literal bytes."""
    opened = []

    def one(**how):
        opened.append(RawClient(emulator, **how))
        return opened[-1]

    yield one
    for client in opened:
        client.close()


@pytest.fixture
def witness(devices, dial, journal):
    """Another device that was connected before, and is not disturbed by whatever the test does."""
    devices("witness")
    peer = dial().open().become_device("witness")
    sender = peer.sender("/devices/witness/messages/events")
    assert peer.send(sender, b"before").outcome == "accepted"
    yield peer
    assert peer.send(sender, b"after").outcome == "accepted"
    assert [row["bodyText"] for row in journal.rows("telemetry", "witness")][-1] == "after"

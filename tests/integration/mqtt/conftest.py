# SPDX-License-Identifier: MIT
"""What tests of the MQTT endpoint share: clients, a witness, journal and log of this test."""

import pytest

from hub_view import d1, devices, journal, log, register  # noqa: F401
from mqtt_client import MqttClient


@pytest.fixture
def dial(emulator):
    """Opens TLS connections, and closes what a test left open."""
    opened = []

    def one(**how):
        opened.append(MqttClient(emulator, **how))
        return opened[-1]

    yield one
    for client in opened:
        client.abandon()


@pytest.fixture
def client(dial, d1):
    """A connection without a CONNECT yet; device d1 is registered."""
    return dial()


@pytest.fixture
def connected(client):
    """Device d1, connected."""
    return client.connect()


@pytest.fixture
def witness(owner, dial):
    """Another device that was connected before, and is not disturbed by whatever the test does."""
    register(owner, "witness")
    one = dial().connect("witness")
    yield one
    one.ping()

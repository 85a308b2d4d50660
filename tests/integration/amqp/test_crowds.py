# SPDX-License-Identifier: MIT
"""Many links, many devices, many connections (device reference, 9.2)."""

import time

import packets
import pytest
from amqp_peer import Endpoint

EVENTS = "/devices/d1/messages/events"
LINKS = 10000
DEVICES = 200


def test_ten_thousand_links_are_served_or_refused_and_nobody_is_disturbed(device, witness, journal):
    """More than one connection may have: those that fit work, the rest is told why."""
    session = device.session()
    links = []
    for number in range(LINKS):
        link = session.sender(f"link{number}")
        link.target.address = EVENTS
        link.source.address = "here"
        link.open()
        links.append(link)
        if number % 500 == 0:
            device.quiet(0.01)
    answered = Endpoint.REMOTE_ACTIVE | Endpoint.REMOTE_CLOSED
    try:
        device.wait(lambda: all(link.state & answered for link in links), 60, "an answer to each attach")
    except Exception:  # noqa: BLE001  the whole connection may be refused
        assert device.connection.remote_condition is not None
        assert journal.rows("refused")
        return
    refused = [link for link in links if link.remote_target.address is None]
    for link in refused:
        device.wait(lambda one=link: one.state & Endpoint.REMOTE_CLOSED, what="detach")
        assert link.remote_condition.name == "amqp:resource-limit-exceeded"
    served = [link for link in links if link.remote_target.address is not None]
    assert len(served) >= 1000
    device.wait(lambda: served[-1].credit > 0, what="credit")
    assert device.send(served[-1], b"from the last that fits").outcome == "accepted"
    if refused:
        assert journal.rows("refused")[0]["why"]


def test_two_hundred_devices_share_a_connection(dial, owner, journal):
    key = {"type": "sas", "symmetricKey": {"primaryKey": packets.KEY, "secondaryKey": packets.KEY}}
    for start in range(0, DEVICES, 100):
        answer = owner.request(
            "POST",
            "/devices",
            json=[
                {"id": f"many{number}", "importMode": "create", "authentication": key}
                for number in range(start, start + 100)
            ],
        )
        assert answer.status == 200, answer
    peer = dial().open()
    for number in range(DEVICES):
        peer.become_device(f"many{number}")
    deliveries = []
    for number in range(DEVICES):
        sender = peer.sender(f"/devices/many{number}/messages/events", session=peer.session())
        deliveries.append(peer.send(sender, f"n{number}".encode(), wait=False))
    assert {peer.settled(delivery).outcome for delivery in deliveries} == {"accepted"}
    rows = journal.rows("telemetry")
    assert {(row["deviceId"], row["bodyText"]) for row in rows} == {
        (f"many{number}", f"n{number}") for number in range(DEVICES)
    }


def test_a_storm_of_connections_that_come_and_go_leaves_nothing_behind(dial, d1, emulator, witness):
    def figures():
        text = emulator.control("GET", "/metrics")[1]
        return [line for line in text.splitlines() if "connections" in line and not line.startswith("#")]

    before = figures()
    for _ in range(50):
        peer = dial().open()
        peer.become_device("d1")
        peer.sender(EVENTS)
        peer.abandon()
    deadline = time.monotonic() + 20
    while figures() != before and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "plain"])
def test_links_that_come_and_go_on_one_connection_leave_nothing_behind(dial, d1, tls):
    peer = dial(tls=tls).open().become_device("d1")
    for _ in range(500):
        sender = peer.sender(EVENTS, name="the same")
        peer.detach(sender)
    assert peer.send(peer.sender(EVENTS), b"still").outcome == "accepted"

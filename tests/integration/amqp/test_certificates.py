# SPDX-License-Identifier: MIT
"""Devices and modules that prove who they are by a certificate (device reference, 7.3, 9.1, 9.2)."""

import pytest
from proton import Message

from amqp_peer import refused
from test_connecting import EXPIRED, SELF_SIGNED, self_signed, thumbprint

BY_CERTIFICATE = [None, "EXTERNAL"]  # Node, Java, C and .NET speak no SASL with one; others do


def events_of(device, module=None):
    return f"/devices/{device}{f'/modules/{module}' if module else ''}/messages/events"


@pytest.fixture
def x1(devices):
    return devices("x1", **self_signed(thumbprint(SELF_SIGNED, "sha256")))


@pytest.mark.parametrize("mechanism", BY_CERTIFICATE)
def test_31_a_device_with_the_registered_thumbprint_sends_without_a_token(dial, x1, journal, mechanism):
    peer = dial(mechanism=mechanism, certificate=SELF_SIGNED).open()
    peer.send(peer.sender(events_of("x1")), Message(body=b"by certificate", inferred=True))
    row = journal.row("telemetry")
    assert (row["bodyText"], row["auth"]) == ("by certificate", "device.x509Certificate")


@pytest.mark.parametrize("mechanism", BY_CERTIFICATE)
def test_31_so_does_a_module(dial, d1, devices, journal, mechanism):
    devices("d1", "x1", **self_signed(thumbprint(SELF_SIGNED, "sha1")))
    peer = dial(mechanism=mechanism, certificate=SELF_SIGNED).open()
    peer.send(peer.sender(events_of("d1", "x1")), Message(body=b"m", inferred=True))
    assert journal.row("telemetry")["moduleId"] == "x1"


def test_every_link_of_the_one_device_is_open_to_it(dial, x1):
    peer = dial(mechanism=None, certificate=SELF_SIGNED).open()
    for kind in ["twin", "methods/devicebound"]:
        peer.sender(f"/devices/x1/{kind}")
        peer.receiver(f"/devices/x1/{kind}")
    peer.receiver("/devices/x1/messages/devicebound")


@pytest.mark.parametrize("mechanism", BY_CERTIFICATE)
def test_a_connection_by_certificate_is_for_one_device_only(dial, x1, devices, log, mechanism):
    devices("x2", **self_signed(thumbprint(SELF_SIGNED, "sha256")))
    peer = dial(mechanism=mechanism, certificate=SELF_SIGNED).open()
    peer.sender(events_of("x1"))
    refusal = refused(lambda: peer.sender(events_of("x2")))
    assert refusal.condition == "amqp:unauthorized-access"
    log.line("is for one device or module only")
    peer.receiver("/devices/x1/messages/devicebound")


@pytest.mark.parametrize(
    "registered, shown, why",
    [
        (EXPIRED, SELF_SIGNED, "is not one of the registered"),
        (EXPIRED, EXPIRED, "the client certificate has expired"),
        (SELF_SIGNED, None, "nor a client certificate"),
    ],
)
def test_31_what_is_no_good_is_refused_and_explained(dial, devices, log, registered, shown, why):
    devices("x1", **self_signed(thumbprint(registered, "sha256")))
    peer = dial(mechanism=None, certificate=shown).open()
    assert refused(lambda: peer.sender(events_of("x1"))).condition == "amqp:unauthorized-access"
    log.line(why)

# SPDX-License-Identifier: MIT
"""Tokens over $cbs (device reference, 9.3; service reference, 6.3) and what they open."""

import time
import uuid

import pytest
from proton import Message, int32, ulong

import packets
import rest
import sas
from amqp_peer import TOKEN_TYPE, Peer, refused
from hub_view import register

EVENTS = "/devices/d1/messages/events"


@pytest.mark.parametrize(
    "message_id",
    [
        uuid.UUID("12345678-1234-5678-1234-567812345678"),
        "12345678-1234-5678-1234-567812345678",
        ulong(0),
        ulong(2**63),
        b"binary",
    ],
    ids=["uuid", "string like a uuid", "ulong 0", "large ulong", "binary"],
)
def test_cases_71_and_72_the_reply_has_the_requests_id_in_the_same_type(raw, d1, message_id):
    status, correlation_id = raw().begin().put_token(
        "localhost/devices/d1", packets.token_for("d1"), message_id
    )
    assert (status, type(status)) == (200, int32)
    assert (correlation_id, type(correlation_id)) == (message_id, type(message_id))


@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "plain"])
@pytest.mark.parametrize("mechanism", [None, "ANONYMOUS"])
def test_case_73_a_token_opens_links_with_and_without_sasl(dial, d1, journal, mechanism, tls):
    peer = dial(mechanism=mechanism, tls=tls).open().become_device("d1")
    assert peer.send(peer.sender(EVENTS), b"x").outcome == "accepted"
    assert journal.row("telemetry")["deviceId"] == "d1"


@pytest.mark.parametrize(
    "address",
    [EVENTS, "/messages/devicebound", "/devices/d1/twin", "messages/events/ConsumerGroups/$Default/Partitions/0"],
)
def test_case_73_without_a_token_a_link_is_refused_and_explained(dial, d1, journal, witness, address):
    peer = dial().open()
    attach = peer.receiver if "Partitions" in address else peer.sender
    assert refused(lambda: attach(address)).condition == "amqp:unauthorized-access"
    assert "token" in journal.row("refused")["why"]


WRONG_TOKENS = {
    "a wrong key": (lambda: packets.token_for("d1", key="B" + packets.KEY[1:]), 401, "not made with a key"),
    "expired": (lambda: packets.token_for("d1", lifetime_s=-3600), 401, "expired"),
    "another hub": (lambda: packets.token_for("d1", host="other.azure-devices.net"), 401, "other.azure-devices.net"),
    "unknown device": (lambda: packets.token_for("nobody"), 404, "nobody"),
    "no token": (lambda: "hello", 401, "SharedAccessSignature"),
    "empty": (lambda: "", 400, "token"),
    "unknown policy": (lambda: sas.token(packets.KEY, "localhost", "nopolicy"), 401, "nopolicy"),
}


@pytest.mark.parametrize("name", WRONG_TOKENS)
def test_a_wrong_token_is_refused_and_explained_and_the_connection_lives(dial, d1, journal, witness, name):
    make, status, words = WRONG_TOKENS[name]
    peer = dial().open()
    reply = peer.put_token("localhost/devices/d1", make())
    assert reply.status in (status, 401), reply
    assert words in journal.row("refused")["why"]
    peer.become_device("d1")
    peer.sender(EVENTS)


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"operation": "put-token"},
        {"operation": "delete-token", "type": TOKEN_TYPE, "name": "localhost/devices/d1"},
        {"operation": 5, "type": TOKEN_TYPE, "name": "localhost/devices/d1"},
        {"operation": "put-token", "type": "a type of its own", "name": "localhost/devices/d1"},
    ],
    ids=["nothing", "no type", "another operation", "a number", "another type"],
)
def test_a_request_that_is_no_put_token_is_answered_400(dial, d1, witness, properties):
    peer = dial().open()
    reply = peer.put_token("x", packets.token_for("d1"), properties=properties)
    assert reply.status == 400, reply
    assert reply.description
    peer.become_device("d1")


def test_a_token_in_another_section_than_a_value_is_answered_400(dial, d1):
    peer = dial().open().become_device("d1")
    request = Message(body=b"SharedAccessSignature", inferred=True, id="x")
    request.properties = {"operation": "put-token", "type": TOKEN_TYPE, "name": "localhost/devices/d1"}
    assert peer.send(peer.cbs[0], request).outcome == "accepted"
    assert peer.take(peer.cbs[1]).properties["status-code"] == 400


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "jwt"])
def test_an_entra_id_token_is_refused_and_explained(dial, d1, journal, kind):
    reply = dial().open().put_token("localhost", "eyJ0eXAi.e30.c2ln", kind=kind)
    assert reply.status in (400, 401)
    assert journal.row("refused")["why"]


@pytest.mark.parametrize(
    "address",
    [
        "/devices/d2/messages/events",
        "/devices/d1/modules/m1/messages/events",
        "/devices/d2/modules/m1/messages/events",
        "/messages/devicebound",
        "/devices/D1/messages/events",
    ],
)
def test_a_devices_token_opens_nobody_elses_address(device, devices, journal, witness, address):
    key = {"type": "sas", "symmetricKey": {"primaryKey": packets.OTHER_KEY, "secondaryKey": packets.OTHER_KEY}}
    for ids in (("d2",), ("d1", "m1"), ("d2", "m1")):
        devices(*ids, authentication=key)
    assert refused(lambda: device.sender(address)).condition == "amqp:unauthorized-access"
    assert journal.row("refused")["why"]
    assert device.send(device.sender(EVENTS), b"mine").outcome == "accepted"


def test_a_modules_token_opens_the_modules_address_and_not_its_devices(dial, d1, devices):
    devices("d1", "m1")
    peer = dial().open().become_device("d1", "m1")
    sender = peer.sender("/devices/d1/modules/m1/messages/events")
    assert peer.send(sender, b"x").outcome == "accepted"
    assert refused(lambda: peer.sender(EVENTS)).condition == "amqp:unauthorized-access"


def test_a_modules_token_counts_whatever_name_it_is_put_under(dial, d1, devices):
    devices("d1", "m1")
    peer = dial().open()
    # The Java SDK leaves the module out (device reference, 9.3).
    assert peer.put_token("localhost/devices/d1", packets.token_for("d1", "m1")).status == 200
    peer.sender("/devices/d1/modules/m1/messages/events")


def test_tokens_of_many_devices_live_on_one_connection(dial, devices, journal):
    peer = dial().open()
    for number in range(20):
        devices(f"pool{number}")
        peer.become_device(f"pool{number}")
    for number in range(20):
        sender = peer.sender(f"/devices/pool{number}/messages/events")
        assert peer.send(sender, str(number).encode()).outcome == "accepted"
    assert [row["deviceId"] for row in journal.rows("telemetry")] == [f"pool{n}" for n in range(20)]


@pytest.mark.parametrize(
    ("policy", "address", "may"),
    [
        ("service", "/messages/devicebound", True),
        ("service", EVENTS, False),
        ("device", EVENTS, True),
        ("device", "/messages/devicebound", False),
        ("registryRead", "/messages/devicebound", False),
        ("registryReadWrite", EVENTS, False),
        ("iothubowner", EVENTS, True),
        ("iothubowner", "/messages/devicebound", True),
    ],
)
def test_a_policy_opens_what_its_permissions_say(dial, emulator, d1, journal, policy, address, may):
    peer = dial().open().become_service(emulator.policies[policy])
    if may:
        peer.sender(address)
    else:
        assert refused(lambda: peer.sender(address)).condition == "amqp:unauthorized-access"
        assert policy in journal.row("refused")["why"]


def test_a_token_that_is_renewed_keeps_its_links(dial, d1):
    peer = dial().open().become_device("d1", lifetime_s=2)
    sender = peer.sender(EVENTS)
    peer.become_device("d1", lifetime_s=3600)
    peer.quiet(3)
    assert peer.send(sender, b"still").outcome == "accepted"


def test_a_token_that_runs_out_ends_its_links_and_no_others(emulator_factory):
    own = emulator_factory("--memory", "--set", "token-skew-s=0", "--set", "token-close-grace-s=0")
    with rest.service(own) as owner:
        register(owner, "d1")
        register(owner, "d2")
    peer = Peer(own).open().become_device("d1", lifetime_s=2).become_device("d2")
    first, second = peer.sender(EVENTS), peer.sender("/devices/d2/messages/events")
    assert peer.ended(first) == "amqp:unauthorized-access"
    assert peer.send(second, b"still").outcome == "accepted"
    peer.abandon()


def test_a_disabled_device_is_refused(dial, devices, owner, journal):
    devices("off", status="disabled")
    peer = dial().open()
    reply = peer.put_token("localhost/devices/off", packets.token_for("off"))
    if reply.status == 200:
        refusal = refused(lambda: peer.sender("/devices/off/messages/events"))
        assert refusal.condition == "amqp:unauthorized-access"
    assert "disabled" in journal.rows("refused")[-1]["why"]


def test_a_device_that_is_deleted_loses_its_links(device, owner, witness):
    sender = device.sender(EVENTS)
    owner.request("DELETE", "/devices/d1", headers={"If-Match": "*"})
    assert device.ended(sender) is not None


def test_a_connection_without_a_token_waits_and_others_do_not(dial, d1):
    silent = dial().open()
    started = time.monotonic()
    peer = dial().open().become_device("d1")
    peer.sender(EVENTS)
    assert time.monotonic() - started < 10
    assert not silent.is_at_end

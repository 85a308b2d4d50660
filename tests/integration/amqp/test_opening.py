# SPDX-License-Identifier: MIT
"""What comes before links: protocol headers, SASL, open (device reference, 9.1, 9.2; service reference, 6.2)."""

import socket
import ssl
import time

import pytest

import amqp_bytes as raw_amqp
import packets
import sas
from amqp_bytes import AMQP_HEADER, SASL_HEADER, Ended
from amqp_peer import QUIET_S, WAIT_S_MAX, refused

MECHANISMS = ["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"]


def policy_token(emulator, policy="service", resource="localhost", **how):
    return sas.token(emulator.policies[policy].primary_key, resource, policy, **how)


# ---- protocol headers ----


def test_a_client_without_sasl_gets_amqps_header_back(raw):
    client = raw().send(AMQP_HEADER)
    assert client.bytes(8) == AMQP_HEADER


def test_a_client_with_sasl_gets_sasls_header_and_the_mechanisms_as_an_array_of_symbols(raw):
    client = raw().send(SASL_HEADER)
    assert client.bytes(8) == SASL_HEADER
    whole = client.frame_bytes()
    assert whole[5] == 1, "a SASL frame"
    value, _ = raw_amqp.decode(whole[8:])
    assert sorted(raw_amqp.symbols_of(value.value[0])) == sorted(MECHANISMS)
    # Not a single symbol, nor a list: the C SDK calls array accessors.
    assert any(whole[index] in (0xE0, 0xF0) for index in range(8, 16)), whole


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP"),
        (b"\x10\x20\x00\x04MQTT\x04\x02\x00\x3c\x00\x02d1", "MQTT"),
        (b"AMQP\x00\x00\x09\x01", "0-9-1"),
        (b"AMQP\x02\x01\x00\x00", "TLS"),
        (b"AMQP\x01\x01\x00\x0a", "0-10"),
        (b"AMQP\x00\x02\x00\x00", "AMQP 1.0"),
        (b"\x00" * 64, "AMQP 1.0"),
    ],
    ids=["HTTP", "MQTT", "AMQP 0-9-1", "TLS within AMQP", "AMQP 0-10", "a later version", "zeros"],
)
def test_another_header_is_answered_with_the_right_one_and_explained(raw, journal, witness, sent, words):
    client = raw().send(sent)
    answer = client.rest()
    assert answer in (SASL_HEADER, AMQP_HEADER)
    assert words in journal.row("refused")["why"]


def test_a_header_in_single_bytes_is_read(raw):
    client = raw()
    for byte in SASL_HEADER:
        client.send(bytes([byte]))
    assert client.bytes(8) == SASL_HEADER


def test_everything_at_once_is_taken_in_order(raw, d1):
    client = raw().send(
        SASL_HEADER,
        raw_amqp.sasl_init("ANONYMOUS"),
        AMQP_HEADER,
        raw_amqp.open_frame(),
        raw_amqp.begin_frame(),
    )
    assert client.bytes(8) == SASL_HEADER
    assert client.frame().code == raw_amqp.SASL_MECHANISMS
    assert client.frame().fields == [0]
    assert client.bytes(8) == AMQP_HEADER
    assert client.frame().code == raw_amqp.OPEN
    assert client.frame().code == raw_amqp.BEGIN


def test_tls_on_the_plain_port_is_explained(emulator, log, witness):
    tcp = socket.create_connection(("127.0.0.1", emulator.ports["amqpPlain"]), WAIT_S_MAX)
    context = ssl.create_default_context(cafile=emulator.ca_path)
    with pytest.raises(OSError):
        context.wrap_socket(tcp, server_hostname="localhost")
    tcp.close()
    assert log.line("TLS")


def test_no_tls_on_the_tls_port_is_explained(emulator, log, witness):
    tcp = socket.create_connection(("127.0.0.1", emulator.ports["amqp"]), WAIT_S_MAX)
    tcp.sendall(SASL_HEADER)
    tcp.settimeout(WAIT_S_MAX)
    while tcp.recv(100):
        pass
    tcp.close()
    deadline = time.monotonic() + WAIT_S_MAX
    while not [line for line in log.lines() if "TLS" in line and "warn" in line]:
        assert time.monotonic() < deadline, log.lines()
        time.sleep(0.01)


# ---- SASL ----


@pytest.mark.parametrize("mechanism", ["ANONYMOUS", "MSSBCBS"])
@pytest.mark.parametrize("response", [b"", b"anything"])
def test_mechanisms_that_announce_a_token_succeed_with_any_response(raw, mechanism, response):
    client = raw().send(SASL_HEADER, raw_amqp.sasl_init(mechanism, response))
    client.bytes(8)
    assert client.until(raw_amqp.SASL_OUTCOME).fields == [0]
    assert client.send(AMQP_HEADER).bytes(8) == AMQP_HEADER


@pytest.mark.parametrize(
    ("mechanism", "words"),
    [("EXTERNAL", "certificate"), ("SCRAM-SHA-256", "SCRAM-SHA-256"), ("anonymous", "anonymous")],
)
def test_a_mechanism_that_cannot_be_gets_outcome_1_and_an_explanation(raw, journal, witness, mechanism, words):
    client = raw().send(SASL_HEADER, raw_amqp.sasl_init(mechanism))
    client.bytes(8)
    assert client.until(raw_amqp.SASL_OUTCOME).fields == [1]
    assert client.rest() == b""
    assert words in journal.row("refused")["why"]


@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "plain"])
@pytest.mark.parametrize("user", ["service@sas.root.localhost", "service@SAS.root.LOCALHOST"])
def test_case_74_plain_with_a_policys_token_may_do_what_the_policy_may(dial, emulator, d1, user, tls):
    peer = dial(tls=tls, mechanism="PLAIN", user=user, password=policy_token(emulator)).open()
    peer.sender("/messages/devicebound")


def test_plain_with_a_devices_token_may_do_what_the_device_may(dial, d1, journal):
    peer = dial(mechanism="PLAIN", user="d1@sas.localhost", password=packets.token_for("d1")).open()
    sender = peer.sender("/devices/d1/messages/events")
    assert peer.send(sender, b"21").outcome == "accepted"
    assert journal.row("telemetry")["deviceId"] == "d1"


@pytest.mark.parametrize(
    ("user", "password", "words"),
    [
        (
            "service@sas.root.localhost",
            lambda emulator: policy_token(emulator)[:-30] + policy_token(emulator)[-30:].replace("sig", "gis"),
            "",
        ),
        ("service@sas.root.localhost", lambda emulator: "a password", "SharedAccessSignature"),
        ("service@sas.root.localhost", lambda emulator: policy_token(emulator, lifetime_s=-3600), "expired"),
        ("device@sas.root.localhost", lambda emulator: policy_token(emulator, "service"), "'device'"),
        ("d2@sas.localhost", lambda emulator: packets.token_for("d1"), "'d2'"),
        ("nobody@sas.localhost", lambda emulator: packets.token_for("nobody"), ""),
        ("service", lambda emulator: policy_token(emulator), "policy@sas.root"),
    ],
    ids=["flipped", "no token", "expired", "another policy", "another device", "unknown device", "no @sas"],
)
def test_case_74_plain_with_a_wrong_password_gets_outcome_1_and_an_explanation(
    raw, emulator, d1, journal, witness, user, password, words
):
    token = password(emulator)
    if words == "" and user.startswith("service"):
        token = sas.token(emulator.policies["iothubowner"].secondary_key, "localhost", "service")
    response = b"\0" + user.encode() + b"\0" + token.encode()
    client = raw().send(SASL_HEADER, raw_amqp.sasl_init("PLAIN", response))
    client.bytes(8)
    assert client.until(raw_amqp.SASL_OUTCOME).fields == [1]
    assert client.rest() == b""
    assert words in journal.row("refused")["why"]


@pytest.mark.parametrize(
    "sent",
    [
        raw_amqp.frame_of(b"\x00\x53\x41", kind=1),  # cut off in the performative
        raw_amqp.frame(raw_amqp.SASL_OUTCOME, [0], kind=1),  # the server's to say
        raw_amqp.frame_of(b"", kind=1, size=4),  # smaller than a header
        raw_amqp.frame_of(b"", kind=1, size=1 << 30),
        raw_amqp.open_frame(),  # before the outcome
        raw_amqp.frame(raw_amqp.SASL_INIT, [], kind=1),  # without the mechanism
    ],
    ids=["truncated", "outcome", "tiny", "huge", "open", "no mechanism"],
)
def test_what_is_no_sasl_init_ends_the_connection_and_is_explained(raw, journal, witness, sent):
    client = raw().send(SASL_HEADER, sent)
    client.bytes(8)
    client.rest()
    assert journal.row("refused")["why"]


# ---- open ----


def test_open_promises_frames_of_64_kb_many_channels_and_four_idle_minutes(raw):
    client = raw().send(AMQP_HEADER, raw_amqp.open_frame())
    client.bytes(8)
    fields = client.until(raw_amqp.OPEN).fields
    assert fields[2] == 65536
    assert fields[3] >= 255
    assert fields[4] == 240000


@pytest.mark.parametrize("hostname", ["localhost", "hub.localhost", "LOCALHOST:5671", None])
def test_every_name_of_the_hub_opens(raw, hostname):
    client = raw().send(AMQP_HEADER, raw_amqp.open_frame(hostname=hostname))
    client.bytes(8)
    assert client.frame().code == raw_amqp.OPEN


def test_another_hubs_name_is_refused_with_not_found_and_explained(raw, journal, witness):
    client = raw().send(AMQP_HEADER, raw_amqp.open_frame(hostname="other.azure-devices.net"))
    client.bytes(8)
    assert raw_amqp.condition_of(client.until(raw_amqp.CLOSE))[0] == "amqp:not-found"
    assert "other.azure-devices.net" in journal.row("refused")["why"]


def test_a_second_open_ends_the_connection(raw, witness):
    client = raw().begin().send(raw_amqp.open_frame())
    assert client.until(raw_amqp.CLOSE)
    client.rest()


def test_a_close_is_answered_with_a_close(raw):
    client = raw().begin().send(raw_amqp.frame(raw_amqp.CLOSE))
    close = client.until(raw_amqp.CLOSE)
    assert not close.fields or close.fields[0] is None
    assert client.rest() == b""


def test_many_sessions_live_on_one_connection(device):
    sessions = [device.session() for _ in range(200)]
    sender = device.sender("/devices/d1/messages/events", session=sessions[-1])
    assert device.send(sender, b"from the last").outcome == "accepted"
    for session in sessions[:-1]:
        session.close()
    assert device.send(sender, b"still").outcome == "accepted"


# ---- idle time ----


def test_case_51_the_peers_idle_time_is_kept_with_empty_frames(dial, d1):
    peer = dial(idle_timeout_s=1).open()  # Proton ends the connection itself when nothing comes
    before = peer.transport.frames_input
    peer.quiet(3)
    assert not peer.is_at_end
    assert peer.transport.frames_input - before >= 3


def test_case_51_heartbeats_are_at_most_half_the_idle_time_apart(raw):
    client = raw()
    fields = ["raw", "localhost", raw_amqp.uint(65536), raw_amqp.ushort(10), raw_amqp.uint(4000)]
    client.send(AMQP_HEADER, raw_amqp.frame(raw_amqp.OPEN, fields))
    client.bytes(8)
    client.until(raw_amqp.OPEN)
    last = time.monotonic()
    for _ in range(2):
        assert client.frame().code is None
        assert time.monotonic() - last < 3.5, "half of it, and some leave for a busy machine"
        last = time.monotonic()


def test_a_half_open_socket_that_says_nothing_costs_nobody_anything(raw, witness, device):
    silent = [raw() for _ in range(20)]
    silent[0].half_close()
    with pytest.raises((Ended, socket.timeout)):
        silent[1].bytes(1, QUIET_S)
    sender = device.sender("/devices/d1/messages/events")
    assert device.send(sender, b"meanwhile").outcome == "accepted"


def test_a_peer_that_vanishes_leaves_its_device_disconnected(dial, d1, owner, journal):
    peer = dial().open().become_device("d1")
    peer.sender("/devices/d1/messages/events")
    assert owner.get("/devices/d1").json["connectionState"] == "Connected"
    peer.abandon()
    journal.row("disconnected", "d1")
    assert owner.get("/devices/d1").json["connectionState"] == "Disconnected"


def test_a_connection_refused_at_a_link_still_serves_others(device, devices):
    devices("d2")
    assert refused(lambda: device.sender("/devices/d2/messages/events")).condition == "amqp:unauthorized-access"
    sender = device.sender("/devices/d1/messages/events")
    assert device.send(sender, b"still").outcome == "accepted"

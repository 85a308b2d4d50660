# SPDX-License-Identifier: MIT
"""What devices and modules send (device reference, 9.5)."""

import base64
import uuid

import pytest
from proton import Message, int32, symbol, timestamp, uint, ulong

import amqp_bytes as raw_amqp
import packets
from amqp_peer import SENDER_SETTLED, refused

EVENTS = "/devices/d1/messages/events"
KB = 1024


@pytest.fixture
def sender(device):
    return device.sender(EVENTS)


def data_section(body):
    return raw_amqp.encode(raw_amqp.described(0x75, body))


def encoded(body, **properties):
    return Message(body=body, inferred=True, **properties).encode()


def batch_of(*messages):
    return b"".join(data_section(message) for message in messages)


@pytest.fixture
def by_hand(raw, d1):
    """Handle 2 of a session made by hand is a telemetry link of d1 with credit."""
    client = raw().begin()
    assert client.put_token("localhost/devices/d1", packets.token_for("d1"))[0] == 200
    client.send(raw_amqp.attach_frame(EVENTS, handle=2))
    attach = client.until(raw_amqp.ATTACH)
    assert attach.fields[6] is not None, "the target is echoed"
    client.until(raw_amqp.FLOW)
    return client


def outcome_of(client):
    """Of the transfer that was sent last: the outcome's descriptor and fields."""
    state = client.until(raw_amqp.DISPOSITION).fields[4]
    return int(state.descriptor), state.value


# ---- the link ----


@pytest.mark.parametrize("handle", [2, 3])
def test_a_name_given_to_a_new_link_right_behind_its_detach_is_answered_in_that_order(by_hand, handle):
    by_hand.send(
        raw_amqp.frame(raw_amqp.DETACH, [uint(2), True]),
        raw_amqp.attach_frame(EVENTS, handle=handle, name="raw-2"),
    )
    frames = [by_hand.frame() for _ in range(3)]
    answers = [frame for frame in frames if frame.code in (raw_amqp.ATTACH, raw_amqp.DETACH)]
    assert [frame.code for frame in answers] == [raw_amqp.DETACH, raw_amqp.ATTACH]
    assert answers[1].fields[0] == "raw-2"
    by_hand.send(raw_amqp.transfer_frame(data_section(b"1"), handle=handle))
    assert outcome_of(by_hand)[0] == raw_amqp.ACCEPTED


def test_case_45_the_attach_names_a_largest_message_and_echoes_both_ends(device):
    sender = device.sender(EVENTS, properties={"com.microsoft:api-version": "2020-09-30"})
    assert sender.remote_max_message_size == 262144
    assert sender.remote_target.address == EVENTS
    assert sender.remote_source.address == "here"
    assert sender.credit >= 100


@pytest.mark.parametrize(
    "address",
    [
        "devices/d1/messages/events",
        "/DEVICES/d1/Messages/Events",
        "amqps://localhost/devices/d1/messages/events",
        "amqps://localhost:5671/devices/d1/messages/events",
        "/devices/d%31/messages/events",
    ],
)
def test_an_address_may_be_written_in_each_of_the_sdks_ways(device, journal, address):
    sender = device.sender(address)
    assert device.send(sender, b"x").outcome == "accepted"
    assert journal.row("telemetry")["deviceId"] == "d1"


@pytest.mark.parametrize("device_id", ["a.b:c=d@e(1)%", "50%", "a+b", "$sys", "x" * 128])
def test_case_53_a_device_id_may_have_special_characters(dial, devices, journal, device_id):
    from urllib.parse import quote

    import sas

    devices(device_id)
    peer = dial().open()
    resource = f"localhost/devices/{quote(device_id, safe='')}"
    assert peer.put_token(resource, sas.token(packets.KEY, resource, encode=False)).status == 200
    sender = peer.sender(f"/devices/{quote(device_id, safe='')}/messages/events")
    assert peer.send(sender, b"x").outcome == "accepted"
    assert journal.row("telemetry")["deviceId"] == device_id


@pytest.mark.parametrize(
    ("address", "condition"),
    [
        ("/devices/d1/messages/nothing", "amqp:not-found"),
        ("/devices/d1", "amqp:not-found"),
        ("", "amqp:not-found"),
        ("/", "amqp:not-found"),
        ("/devices//messages/events", "amqp:not-found"),
        ("/devices/d1/messages/events/more", "amqp:not-found"),
        ("x" * 5000, "amqp:not-found"),
    ],
)
def test_an_address_that_is_none_is_refused_and_explained(device, journal, witness, address, condition):
    assert refused(lambda: device.sender(address)).condition == condition
    assert journal.row("refused")["why"]


def test_a_receiver_of_a_devices_events_is_refused_as_the_wrong_direction(device, journal):
    assert refused(lambda: device.receiver(EVENTS)).condition in ("amqp:not-allowed", "amqp:not-found")
    assert journal.row("refused")["why"]


def test_the_same_link_name_lives_in_several_sessions(device, journal):
    sessions = [device.session(), device.session()]
    senders = [device.sender(EVENTS, name="TelemetrySenderLink", session=one) for one in sessions]
    for sender in senders:
        assert device.send(sender, b"x").outcome == "accepted"
    assert len(journal.rows("telemetry")) == 2


# ---- one message ----


def test_a_message_arrives_as_it_was_sent(device, sender, journal):
    message = Message(body="Grüße".encode(), inferred=True)
    message.id = "m-1"
    message.correlation_id = "c-1"
    message.user_id = b"somebody"
    message.address = "/devices/d1/messages/events"
    message.content_type = "application/json"
    message.content_encoding = "utf-8"
    message.properties = {"alert": "true", "path": "a/b&c=d %é", "iothub-creation-time-utc": "2026-01-02T03:04:05Z"}
    assert device.send(sender, message).outcome == "accepted"
    row = journal.row("telemetry")
    assert row["bodyText"] == "Grüße"
    assert row["properties"]["path"] == "a/b&c=d %é"
    assert row["properties"]["alert"] == "true"
    system = row["systemProperties"]
    assert (system["messageId"], system["correlationId"]) == ("m-1", "c-1")
    assert (system["contentType"], system["contentEncoding"]) == ("application/json", "utf-8")
    assert system["userId"] == "somebody"


@pytest.mark.parametrize(
    ("message_id", "text"),
    [
        (uuid.UUID("12345678-1234-5678-1234-567812345678"), "12345678-1234-5678-1234-567812345678"),
        (ulong(42), "42"),
        ("text", "text"),
    ],
    ids=["uuid", "ulong", "string"],
)
def test_a_message_id_of_each_type_becomes_text(device, sender, journal, message_id, text):
    assert device.send(sender, Message(body=b"x", inferred=True, id=message_id)).outcome == "accepted"
    assert journal.row("telemetry")["systemProperties"]["messageId"] == text


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (int32(7), "7"), (2**40, "1099511627776"), (symbol("s"), "s"), (1.5, "1.5")]
)
def test_a_property_that_is_no_string_becomes_its_text(device, sender, journal, value, text):
    message = Message(body=b"x", inferred=True)
    message.properties = {"k": value}
    assert device.send(sender, message).outcome == "accepted"
    assert journal.row("telemetry")["properties"]["k"] == text


def test_several_data_sections_are_one_body(by_hand, journal):
    by_hand.send(raw_amqp.transfer_frame(data_section(b"one,") + data_section(b"two"), 2, 1))
    assert outcome_of(by_hand)[0] == raw_amqp.ACCEPTED
    assert journal.row("telemetry")["bodyText"] == "one,two"


def test_a_message_in_many_frames_is_put_together(device, sender, journal):
    body = bytes(number % 251 for number in range(200 * KB))
    assert device.send(sender, body).outcome == "accepted"
    assert len(base64.b64decode(journal.row("telemetry")["bodyBase64"])) == len(body)


def test_a_message_in_frames_of_one_byte_is_put_together(by_hand, journal):
    message = encoded(b"in small pieces")
    frames = [
        raw_amqp.transfer_frame(message[at : at + 1], 2, 1, more=at + 1 < len(message))
        for at in range(len(message))
    ]
    by_hand.send(*frames)
    assert outcome_of(by_hand)[0] == raw_amqp.ACCEPTED
    assert journal.row("telemetry")["bodyText"] == "in small pieces"


def test_a_settled_message_is_taken_without_a_word(device, journal):
    sender = device.sender(EVENTS, settle=SENDER_SETTLED)
    device.send(sender, b"settled", settled=True)
    assert journal.row("telemetry")["bodyText"] == "settled"


def test_a_thousand_messages_arrive_in_order(device, sender, journal):
    deliveries = []
    for number in range(1000):
        deliveries.append(device.send(sender, f"n{number}".encode(), wait=False))
    assert {device.settled(delivery).outcome for delivery in deliveries} == {"accepted"}
    assert [row["bodyText"] for row in journal.rows("telemetry")] == [f"n{n}" for n in range(1000)]


@pytest.mark.parametrize("size", [256 * KB, 300 * KB, 1024 * KB])
def test_a_message_that_is_too_large_is_refused_and_explained(device, sender, journal, witness, size):
    try:
        settled = device.send(sender, b"x" * (size + 1))
        assert (settled.outcome, settled.condition) == ("rejected", "amqp:link:message-size-exceeded")
        assert device.send(sender, b"still").outcome == "accepted"
    except Exception as refusal:  # noqa: BLE001  what is far too large ends the link
        assert refusal.condition == "amqp:link:message-size-exceeded", refusal
    assert journal.row("refused", "d1")["why"]


def test_a_message_of_exactly_256_kb_is_taken(device, sender):
    assert device.send(sender, b"x" * (256 * KB)).outcome == "accepted"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00",
        b"\x00\x53\x75",
        b"\x00\x53\x75\xb0\xff\xff\xff\xff",
        b"\x00\x53\x75\xa0\x05abc",
        b"\xff" * 50,
        b"\x00\x53\x73\xc0\x01",
        b"\x00" * 1000,
        b"\x00\x53\x75\xa0\x01x" + b"\x00\x53\x74\xc1\x03\x02\xa1\x01",
    ],
    ids=["empty", "a null", "no value", "4 GB of data", "short data", "ones", "short list", "zeros", "short map"],
)
def test_bytes_that_are_no_message_are_rejected_and_explained(by_hand, journal, witness, message):
    by_hand.send(raw_amqp.transfer_frame(message, 2, 1))
    descriptor, fields = outcome_of(by_hand)
    if message:
        assert descriptor == raw_amqp.REJECTED
        assert str(fields[0].value[0]) in ("amqp:decode-error", "com.microsoft:argument-error")
        assert journal.row("refused", "d1")["why"]
    by_hand.send(raw_amqp.transfer_frame(encoded(b"still"), 2, 2, b"u"))
    assert outcome_of(by_hand)[0] == raw_amqp.ACCEPTED


def test_an_expiry_or_a_creation_time_harms_nothing(device, sender, journal):
    message = Message(body=b"x", inferred=True)
    message.expiry_time = 1.0
    message.creation_time = 2.0
    message.annotations = {symbol("x-opt-anything"): timestamp(5)}
    assert device.send(sender, message).outcome == "accepted"
    journal.row("telemetry")


# ---- batches ----


def test_case_45_a_batch_is_split_and_has_one_outcome(by_hand, journal):
    messages = [encoded(b"one"), encoded(b"two", id="m-2"), encoded(b"three", properties={"k": "v"})]
    by_hand.send(raw_amqp.transfer_frame(batch_of(*messages), 2, 1, message_format=raw_amqp.BATCH_FORMAT))
    assert outcome_of(by_hand)[0] == raw_amqp.ACCEPTED
    rows = journal.rows("telemetry")
    assert [row["bodyText"] for row in rows] == ["one", "two", "three"]
    assert rows[1]["systemProperties"]["messageId"] == "m-2"
    assert rows[2]["properties"] == {"k": "v"}


def test_case_45_a_batch_of_one_is_what_the_c_sdk_always_sends(by_hand, journal):
    by_hand.send(raw_amqp.transfer_frame(batch_of(encoded(b"x")), 2, 1, message_format=raw_amqp.BATCH_FORMAT))
    assert outcome_of(by_hand)[0] == raw_amqp.ACCEPTED
    assert journal.row("telemetry")["bodyText"] == "x"


def test_a_batch_in_several_frames_is_put_together(by_hand, journal):
    batch = batch_of(*[encoded(f"n{number}".encode()) for number in range(500)])
    parts = [batch[at : at + 1000] for at in range(0, len(batch), 1000)]
    by_hand.send(
        *[
            raw_amqp.transfer_frame(
                part, 2, 1, message_format=raw_amqp.BATCH_FORMAT, more=part is not parts[-1]
            )
            for part in parts
        ]
    )
    assert outcome_of(by_hand)[0] == raw_amqp.ACCEPTED
    assert [row["bodyText"] for row in journal.rows("telemetry")] == [f"n{n}" for n in range(500)]


def test_a_batch_with_one_bad_message_is_rejected_whole(by_hand, journal, witness):
    batch = batch_of(encoded(b"good"), b"\xff\xff", encoded(b"good too"))
    by_hand.send(raw_amqp.transfer_frame(batch, 2, 1, message_format=raw_amqp.BATCH_FORMAT))
    assert outcome_of(by_hand)[0] == raw_amqp.REJECTED
    assert journal.rows("telemetry", "d1") == []
    assert journal.row("refused", "d1")["why"]


def test_a_batch_that_is_too_large_is_refused(by_hand, journal, witness):
    batch = batch_of(*[encoded(b"x" * 30 * KB) for _ in range(9)])
    parts = [batch[at : at + 60000] for at in range(0, len(batch), 60000)]
    by_hand.send(
        *[
            raw_amqp.transfer_frame(
                part, 2, 1, message_format=raw_amqp.BATCH_FORMAT, more=part is not parts[-1]
            )
            for part in parts
        ]
    )
    descriptor, fields = outcome_of(by_hand)
    assert descriptor == raw_amqp.REJECTED
    assert str(fields[0].value[0]) == "amqp:link:message-size-exceeded"
    assert journal.rows("telemetry", "d1") == []

# SPDX-License-Identifier: MIT
"""Telemetry and its properties. Numbers are the device protocol reference's, section 11."""

import pytest

import packets

EVENTS = "devices/d1/messages/events/"
MESSAGE_SIZE_MAX = 262144


def test_4_system_properties_of_the_bag(connected, journal):
    connected.send(
        '32 60 00 55 "devices/d1/messages/events/'
        '%24.ct=application%2Fjson&%24.ce=utf-8&alert=true&n=%C3%A9" 00 0a \'{"t":1}\''
    )
    connected.expect("40 02 00 0a")
    row = journal.row("telemetry")
    assert row["deviceId"] == "d1"
    assert row["systemProperties"] == {"contentType": "application/json", "contentEncoding": "utf-8"}
    assert row["properties"] == {"alert": "true", "n": "é"}
    assert row["body"] == {"t": 1}
    assert row["auth"] == "device.sas"


def test_4_the_row_tells_the_identitys_generation(connected, owner, journal):
    connected.telemetry(EVENTS)
    assert journal.row("telemetry")["generationId"] == owner.get("/devices/d1").json["generationId"]


SPELLINGS = {
    "python and node": "%24.mid=m-1&%24.cid=c%201&k=v",
    "java": "$.mid=m-1&$.cid=c%201&k=v",
    "dotnet and a slash at the end": "%24.mid=m-1&%24.cid=c%201&k=v/",
    "java module and a slash at the end": "$.mid=m-1&$.cid=c%201&k=v/",
    "an edge document's question mark": "?%24.mid=m-1&%24.cid=c%201&k=v",
    "another order": "k=v&%24.cid=c%201&%24.mid=m-1",
}


@pytest.mark.parametrize("bag", SPELLINGS.values(), ids=SPELLINGS)
def test_5_every_sdks_spelling_reads_the_same(connected, journal, bag):
    connected.telemetry(EVENTS + bag, "x")
    row = journal.row("telemetry")
    assert row["systemProperties"] == {"messageId": "m-1", "correlationId": "c 1"}
    assert row["properties"] == {"k": "v"}
    assert row["bodyText"] == "x"


def test_5_what_a_bag_may_hold(connected, journal):
    """Values keep what was escaped; a plus is no blank; a stray percent sign is data (C SDK)."""
    connected.telemetry(EVENTS + "slash=%2F&plus=a%2Bb&space=a%20b&percent=100%&empty=&null&both=a%3Db")
    assert journal.row("telemetry")["properties"] == {
        "slash": "/", "plus": "a+b", "space": "a b", "percent": "100%",
        "empty": "", "null": None, "both": "a=b",
    }  # fmt: skip


def test_5_a_device_cannot_say_it_is_another(connected, journal):
    connected.telemetry(EVENTS + "%24.cdid=d2&%24.cmid=m2&k=v")
    row = journal.row("telemetry")
    assert row["deviceId"] == "d1"
    assert "systemProperties" not in row
    assert row["properties"] == {"k": "v"}


@pytest.mark.parametrize("topic", ["devices/d1/messages/events", EVENTS])
def test_a_topic_without_properties_and_an_empty_body(connected, journal, topic):
    connected.telemetry(topic)
    row = journal.row("telemetry")
    assert "properties" not in row
    assert row["bodyText"] == ""


def test_bytes_that_are_no_text_are_kept(connected, journal):
    connected.telemetry(EVENTS, bytes([0, 255, 128]))
    assert journal.row("telemetry")["bodyBase64"] == "AP+A"


def test_qos_0_is_taken_without_an_answer(connected, journal):
    connected.send('30 1f 00 1b "devices/d1/messages/events/" "hi"')
    connected.ping()
    assert journal.row("telemetry")["bodyText"] == "hi"


def test_pubacks_come_in_the_order_of_the_publishes(connected, journal):
    """Windows of SDKs break when they do not (reference, 1.5); ids are the client's choice."""
    ids = [(7919 * i) % 65535 + 1 for i in range(1000)]
    connected.send(b"".join(packets.publish(EVENTS, str(id_), packet_id=id_) for id_ in ids))
    connected.expect(b"".join(b"\x40\x02" + id_.to_bytes(2, "big") for id_ in ids))
    assert [row["body"] for row in journal.rows("telemetry")] == ids


def test_an_id_may_be_used_again(connected, journal):
    for _ in range(3):
        connected.telemetry(EVENTS, "1")
    assert len(journal.rows("telemetry")) == 3


def test_a_duplicate_is_stored_like_any_other(connected, journal):
    connected.telemetry(EVENTS, "x", duplicate=True)
    assert "properties" not in journal.row("telemetry")


def test_18_qos_2_closes_and_stores_nothing(connected, witness, journal, log):
    connected.send('34 21 00 1b "devices/d1/messages/events/" 00 0a "hi"')
    connected.expect_closed()
    assert journal.rows("telemetry") == []
    assert "QoS 2" in journal.row("refused", "d1")["why"]
    assert log.line("refused code=400003: PUBLISH with QoS 2: the hub has QoS 0 and 1")


@pytest.mark.parametrize(
    "topic, why",
    [
        ("devices/d2/messages/events/", "it may publish for nobody else"),
        ("devices/d1/modules/m1/messages/events/", "only messages/events/ may be published to"),
        ("devices/D1/messages/events/", "it may publish for nobody else"),
        ("Devices/d1/messages/events/", "the hub is no broker"),
        ("devices/d1/messages/devicebound/", "only messages/events/ may be published to"),
        ("devices/d1/messages/eventsx", "only messages/events/ may be published to"),
        ("foo/bar", "the hub is no broker"),
        ("$iothub/twin/POST/?$rid=1", "the hub is no broker"),
        ("$SYS/x", "the hub is no broker"),
    ],
)
def test_19_a_topic_that_is_not_ones_own_closes(connected, devices, witness, journal, log, topic, why):
    devices("d2")
    devices("d1", "m1")
    connected.send(packets.publish(topic, "x", packet_id=1))
    connected.expect_closed()
    assert why in log.line("refused code=400003")
    row = journal.row("refused")
    assert row["deviceId"] == "d1"
    assert topic in row["why"]
    assert journal.rows("telemetry") == []


def test_36_a_modules_telemetry_names_device_and_module(dial, d1, devices, journal):
    devices("d1", "m1")
    module = dial().connect("d1", "m1")
    module.send('32 2a 00 26 "devices/d1/modules/m1/messages/events/" 00 0a')
    module.expect("40 02 00 0a")
    row = journal.row("telemetry")
    assert (row["deviceId"], row["moduleId"], row["auth"]) == ("d1", "m1", "module.sas")


def test_36_a_modules_output(dial, d1, devices, journal):
    devices("d1", "m1")
    dial().connect("d1", "m1").telemetry("devices/d1/modules/m1/messages/events/%24.on=out1/", "1")
    assert journal.row("telemetry")["systemProperties"] == {"outputName": "out1"}


def test_36_a_module_may_not_publish_as_its_device(dial, d1, devices, witness, log):
    devices("d1", "m1")
    module = dial().connect("d1", "m1")
    module.send(packets.publish(EVENTS, "x", packet_id=1))
    module.expect_closed()
    assert "devices/d1/modules/m1/messages/events/" in log.line("refused code=400003")


def test_37_retain_becomes_a_property_and_nothing_is_retained(dial, connected, d1, journal):
    connected.send('33 21 00 1b "devices/d1/messages/events/" 00 0a "hi"')
    connected.expect("40 02 00 0a")
    assert journal.row("telemetry")["properties"] == {"mqtt-retain": "true"}
    again = dial().connect()
    again.subscribe("devices/d1/messages/devicebound/#")
    again.ping()


def test_the_largest_message_is_taken(connected, journal):
    """Body, values of system properties, names and values of the others count (reference, 0)."""
    counted = len("mm") + len("k") + len("vv")
    connected.telemetry(EVENTS + "%24.mid=mm&k=vv", b"a" * (MESSAGE_SIZE_MAX - counted))
    assert len(journal.row("telemetry")["bodyText"]) == MESSAGE_SIZE_MAX - counted


@pytest.mark.parametrize("bag, extra", [("%24.mid=mm&k=vv", 5), ("", 0)])
def test_one_byte_more_closes(connected, witness, journal, log, bag, extra):
    body = b"a" * (MESSAGE_SIZE_MAX - extra + 1)
    connected.send(packets.publish(EVENTS + bag, body, packet_id=1))
    connected.expect_closed()
    assert "the message has 262145 bytes with its properties; at most 262144" in log.line(
        "refused code=413001"
    )
    assert journal.row("refused")["deviceId"] == "d1"
    assert journal.rows("telemetry") == []

# SPDX-License-Identifier: MIT
"""How connections end: the Will, silence, a stop. Numbers: device protocol reference, section 11."""

import time

import pytest

import packets
import rest
from hub_view import Journal, register
from mqtt_client import MqttClient

EVENTS = "devices/d1/messages/events/"


def assert_will(row, message="gone", **properties):
    assert row["kind"] == "telemetry"
    assert row["bodyText"] == message
    assert row["properties"] == {**properties, "iothub-MessageType": "Will"}


# ---- the Will (1.8) ----

ENDS = {
    "a reset": lambda client: client.reset(),
    "a FIN": lambda client: client.abandon(),
    "the end of TLS": lambda client: client.close(),
    "a protocol error": lambda client: client.send("f0 00"),
    "QoS 2": lambda client: client.send('34 21 00 1b "devices/d1/messages/events/" 00 0a "hi"'),
    "half a packet": lambda client: (client.send("30 7f 00 1b"), client.abandon()),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_will_is_published_when_a_connection_ends_without_disconnect(
    client, witness, journal, end
):
    end(client.connect(will=(EVENTS + "a=b&%24.mid=w1", "gone")))
    row = journal.row("telemetry")
    assert_will(row, a="b")
    assert row["systemProperties"] == {"messageId": "w1"}
    journal.row("disconnected", "d1")
    kinds = [one["kind"] for one in journal.rows(device="d1") if one["kind"] != "refused"]
    assert kinds == ["connected", "telemetry", "disconnected"]


def test_no_will_after_disconnect(client, journal, log):
    client.connect(will=(EVENTS, "gone")).disconnect()
    assert "the client disconnected" in journal.row("disconnected", "d1")["why"]
    assert journal.rows("telemetry") == []
    assert log.lines("refused") == []


def test_a_will_of_qos_1_that_is_retained(client, journal):
    client.connect(will=(EVENTS, "gone", 1, True)).abandon()
    row = journal.row("telemetry")
    assert_will(row, **{"mqtt-retain": "true"})


def test_an_empty_will(client, journal):
    client.connect(will=(EVENTS, b"")).abandon()
    assert_will(journal.row("telemetry"), "")


def test_a_modules_will(dial, d1, devices, journal):
    devices("d1", "m1")
    dial().connect("d1", "m1", will=("devices/d1/modules/m1/messages/events/", "gone")).abandon()
    row = journal.row("telemetry")
    assert_will(row)
    assert row["moduleId"] == "m1"


def test_no_will_of_a_device_that_was_deleted(client, owner, journal):
    client.connect(will=(EVENTS, "gone"))
    assert owner.delete("/devices/d1", headers={"If-Match": "*"}).status == 204
    client.expect_closed()
    assert journal.rows("telemetry") == []


# ---- 26: silence (1.4) ----


def seconds_until_closed(client, since):
    client.expect_closed()
    return time.monotonic() - since


def test_26_silence_closes_after_one_and_a_half_keep_alives(
    dial, d1, devices, witness, journal, log
):
    """Not a packet says goodbye, but the Will is published. A ping in time keeps another one up."""
    devices("d2")
    pinging = dial().connect("d2", keep_alive_s=1)
    quiet = dial().connect("d1", keep_alive_s=2, will=(EVENTS, "gone"))
    time.sleep(0.7)
    quiet.ping()  # any packet starts it anew
    quiet_since = time.monotonic()
    for _ in range(3):
        pinging.ping()
        time.sleep(0.7)
    pinging.ping()
    assert 2.95 < seconds_until_closed(quiet, quiet_since) < 6
    assert log.line("disconnected: nothing received for 3 s with a keep alive of 2 s")
    assert "nothing received for 3 s" in journal.row("disconnected", "d1")["why"]
    assert_will(journal.row("telemetry", "d1"))


def test_26_every_packet_counts(dial, d1):
    client = dial().connect("d1", keep_alive_s=1)
    for _ in range(3):
        time.sleep(0.8)
        client.send(packets.publish(EVENTS, "x"))
    client.ping()


def test_26_bytes_that_are_no_packet_yet_do_not_count(dial, d1, log):
    client = dial().connect("d1", keep_alive_s=1)
    since = time.monotonic()
    client.send("32 7f 00")
    time.sleep(0.7)
    client.send("1b")
    assert 1.45 < seconds_until_closed(client, since) < 3.5
    assert log.line("with a keep alive of 1 s")


def test_26_no_keep_alive_is_no_hurry(dial, d1):
    client = dial().connect("d1", keep_alive_s=0)
    time.sleep(2)
    client.ping()


# ---- tokens end (1.8) ----


def test_a_connection_outlives_its_token_by_the_grace(dial, d1):
    """By default it is closed ten minutes after `se`; the next test sets another grace."""
    client = dial().connect(password=packets.token_for("d1", lifetime_s=1))
    time.sleep(1.2)
    client.ping()


def test_a_connection_ends_with_its_token_when_the_grace_is_over(emulator_factory):
    emulator = emulator_factory(
        "--memory", "--set", "token-close-grace-s=1", "--set", "token-skew-s=0"
    )
    with rest.service(emulator) as owner:
        register(owner, "d1")
    journal = Journal(emulator)
    token = packets.token_for("d1", lifetime_s=1)
    client = MqttClient(emulator).connect(password=token, will=(EVENTS, "gone"))
    client.ping()
    client.expect_closed()
    assert "token" in journal.row("disconnected", "d1")["why"]
    assert_will(journal.row("telemetry", "d1"))
    again = MqttClient(emulator)
    again.connect(password=token, expect="20 02 00 05")
    again.expect_closed()
    assert "the token expired" in journal.row("refused", "d1")["why"]


# ---- the emulator ends ----


@pytest.fixture
def kept(emulator_factory, tmp_path):
    """An emulator that keeps its data, with d1 registered."""
    emulator = emulator_factory("--data", str(tmp_path / "data"))
    with rest.service(emulator) as owner:
        register(owner, "d1")
    return emulator


def test_a_stop_says_goodbye_and_keeps_everything(kept):
    journal = Journal(kept)
    client = MqttClient(kept).connect(will=(EVENTS, "gone"))
    client.telemetry(EVENTS + "n=1", "kept")
    kept.stop()
    client.expect_closed()
    kept.start()
    first, will = journal.rows("telemetry")
    assert first["bodyText"] == "kept"
    assert_will(will)
    assert "the server is stopping" in journal.row("disconnected", "d1")["why"]
    with rest.service(kept) as owner:
        assert owner.get("/devices/d1").json["connectionState"] == "Disconnected"
    with MqttClient(kept) as again:
        again.connect().telemetry(EVENTS, "again")
    sequences = [row["sequence"] for row in journal.rows()]
    assert sequences == sorted(set(sequences))


def test_what_was_acknowledged_survives_a_kill(kept):
    """The PUBACK leaves after the commit: whoever has it finds the row again."""
    journal = Journal(kept)
    with MqttClient(kept) as client:
        client.connect()
        client.send(b"".join(packets.publish(EVENTS, str(i), packet_id=i) for i in range(1, 301)))
        client.expect(b"".join(b"\x40\x02" + i.to_bytes(2, "big") for i in range(1, 301)))
        kept.kill()
    kept.start()
    assert [row["body"] for row in journal.rows("telemetry")] == list(range(1, 301))
    with rest.service(kept) as owner:
        assert owner.get("/devices/d1").json["connectionState"] == "Disconnected"


def test_who_came_and_went_is_logged_with_the_connection(client, log):
    client.connect()
    came = log.line(" connected auth=device.sas")
    client.disconnect()
    went = log.line("disconnected: the client disconnected")
    number = came.split("conn=")[1].split(" ")[0]
    assert f"conn={number} " in went and "device=d1 module= " in came
    assert "peer=127.0.0.1:" in came and "api-version=2021-04-12" in came

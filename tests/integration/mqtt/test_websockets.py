# SPDX-License-Identifier: MIT
"""MQTT over WebSockets (device protocol reference, 1.9; case 82 of the service reference)."""

import threading
import time

import pytest

import packets
import rest
from conversation import conversations
from test_connecting import SELF_SIGNED, thumbprint
from websocket_client import BINARY, CLOSE, MORE, PING, PONG, TEXT, WebSocketClient, frame, head

EVENTS = "devices/d1/messages/events/"


@pytest.fixture
def web(emulator):
    """Opens WebSockets, and closes what a test left open."""
    opened = []

    def one(**how):
        opened.append(WebSocketClient(emulator, **how))
        return opened[-1]

    yield one
    for client in opened:
        client.abandon()


# ---- the handshake ----


@pytest.mark.parametrize("protocol", ["mqtt", "MQTT", "Mqtt"])
def test_82_the_sub_protocol_is_echoed_as_the_client_spells_it(web, d1, protocol):
    web(protocol=protocol).connect().ping()


@pytest.mark.parametrize(
    "path",
    [
        "/$iothub/websocket",
        "/%24iothub/websocket",
        "/$iothub/websocket/",
        "/$iothub/websocket?iothub-no-client-cert=true",
        "/:8443/$iothub/websocket",
        "/$servicebus/websocket/",
    ],
)
def test_every_path_that_sdks_send_is_accepted(web, d1, path):
    web(path=path).connect().ping()


@pytest.mark.parametrize("protocol", ["AMQPWSB10", "amqpwsb10"])
@pytest.mark.parametrize("path", ["/$iothub/websocket", "/$servicebus/websocket/", "/"])
def test_82_amqp_is_carried_too(web, path, protocol):
    """The header of AMQP, its echo, and that what follows is AMQP's."""
    client = web(path=path, protocol=protocol)
    client.send_bytewise('"AMQP" 03 01 00 00')
    client.expect('"AMQP" 03 01 00 00')
    size = int.from_bytes(client.receive(4), "big")
    assert b"MSSBCBS" in client.receive(size - 4)


def test_mqtt_has_no_websocket_at_the_root(web, log):
    client = web(handshake=False)
    client.send_raw(head(path="/"))
    assert client.answer().startswith("HTTP/1.1 400 ")
    assert log.line("only AMQP may leave out the path")


def test_compression_is_declined(web, d1):
    offer = "permessage-deflate; client_max_window_bits"
    web(Sec_WebSocket_Extensions=offer).connect().ping()


REFUSED = {
    "no sub-protocol": ({"protocol": None}, 400, 'is "", it must be mqtt'),
    "an unknown sub-protocol": ({"protocol": "soap"}, 400, 'is "soap", it must be mqtt'),
    "version 8": ({"Sec_WebSocket_Version": "8"}, 426, 'is "8", it must be 13'),
    "no key": ({"Sec_WebSocket_Key": None}, 400, "must be 16 bytes"),
    "a short key": ({"Sec_WebSocket_Key": "AAAA"}, 400, "must be 16 bytes"),
    "no Connection: Upgrade": ({"Connection": "close"}, 400, "Connection: Upgrade"),
    "no Upgrade": ({"Upgrade": None}, 426, "is an address for WebSockets"),
    "a head that is too long": ({"X": "a" * 20000}, 431, "exceeds 16384 bytes"),
}


@pytest.mark.parametrize("how, status, why", REFUSED.values(), ids=REFUSED)
def test_a_handshake_that_cannot_be_granted(web, witness, journal, log, how, status, why):
    client = web(handshake=False)
    client.send_raw(head(**how))
    answer = client.answer()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert ("\r\nSec-WebSocket-Version: 13\r\n" in answer) == (status == 426)
    size = int(answer.split("Content-Length: ")[1].split("\r\n")[0])
    assert why in client.raw(size).decode()
    assert client.raw(1) == b""
    assert why in log.line("refused code=400006")
    assert why in journal.row("refused")["why"]


def test_https_goes_on_beside_it(emulator, web, owner, d1):
    web().connect()
    with rest.Rest(emulator) as nobody:
        assert nobody.get("/devices/d1").status == 401
    assert owner.get("/devices/d1").status == 200


# ---- packets in frames ----


def test_packets_span_and_share_frames(web, d1, journal):
    client = web()
    stream = (
        packets.connect()
        + packets.publish(EVENTS, b"one", packet_id=1)
        + packets.publish(EVENTS, b"two" * 1000, packet_id=2)
        + packets.read(packets.PINGREQ)
    )
    client.send_raw(frame(0x02, stream[:3]))
    client.send_raw(frame(PING, b"in between"))
    client.send_raw(frame(MORE, stream[3:10]) + frame(MORE) + frame(0x80, stream[10:100]))
    client.send_raw(frame(BINARY, stream[100:2000]) + frame(BINARY, stream[2000:]))
    assert client.frame() == (PONG, b"in between")
    client.expect("20 02 00 00 40 02 00 01 40 02 00 02 d0 00")
    assert [row["bodyText"] for row in journal.rows("telemetry")] == ["one", "two" * 1000]


def test_every_byte_in_a_frame_of_its_own(web, d1):
    client = web()
    client.send_bytewise(packets.connect())
    client.expect("20 02 00 00")


@pytest.mark.parametrize("size", [125, 126, 65535, 65536, 262000])
def test_messages_of_every_length_of_length(web, d1, journal, size):
    client = web().connect()
    client.telemetry(EVENTS, b"x" * size)
    assert len(journal.row("telemetry")["bodyText"]) == size


def test_a_certificate_is_read_through_the_websocket(web, devices):
    auth = {"primaryThumbprint": thumbprint(SELF_SIGNED, "sha1")}
    devices("x1", authentication={"type": "selfSigned", "x509Thumbprint": auth})
    web(certificate=SELF_SIGNED).connect("x1", password=b"").ping()


def test_a_second_connection_takes_over_on_any_transport(web, dial, d1):
    first = web().connect()
    second = dial().connect()
    first.expect_closed()
    third = web().connect()
    second.expect_closed()
    third.ping()


def test_twin_and_method_over_a_websocket(web, d1, owner):
    client = web().connect()
    client.subscribe("$iothub/twin/res/#", "$iothub/methods/POST/#", qos=0)
    client.send(packets.publish("$iothub/twin/GET/?$rid=1", " "))
    topic, body = client.publish()
    assert topic == "$iothub/twin/res/200/?$rid=1"
    assert body == b'{"desired":{"$version":1},"reported":{"$version":1}}'
    answers = []
    call = {"methodName": "reboot", "payload": {"in": 1}}
    asking = threading.Thread(
        target=lambda: answers.append(owner.post("/twins/d1/methods", json=call))
    )
    asking.start()
    topic, body = client.publish()
    rid = topic.removeprefix("$iothub/methods/POST/reboot/?$rid=")
    assert body == b'{"in":1}'
    client.send(packets.publish(f"$iothub/methods/res/200/?$rid={rid}", '{"done":true}'))
    asking.join()
    assert answers[0].json == {"status": 200, "payload": {"done": True}}


# ---- how it ends ----


def test_disconnect_and_a_close_frame_in_one_record(web, d1, journal, log):
    client = web().connect(will=(EVENTS, "gone"))
    client.send_raw(frame(BINARY, b"\xe0\x00") + frame(CLOSE, b"\x03\xe8"))
    client.expect_closed(1000)
    assert "the client disconnected" in journal.row("disconnected", "d1")["why"]
    assert journal.rows("telemetry") == []
    assert log.lines("refused") == []


def test_a_close_frame_without_disconnect_leaves_the_will(web, d1, journal):
    client = web().connect(will=(EVENTS, "gone"))
    client.send_raw(frame(CLOSE, b"\x03\xe9"))
    client.expect_closed(1001)
    assert journal.row("telemetry")["bodyText"] == "gone"
    assert "WebSocket code 1001" in journal.row("disconnected", "d1")["why"]


def test_a_refused_connect_reaches_the_client_before_the_close(web, d1):
    client = web()
    client.send(packets.connect(password=b"nonsense"))
    client.expect("20 02 00 05")
    client.expect_closed(1000)


BROKEN = {
    "an unmasked frame": (frame(BINARY, b"\xc0\x00", mask=None), 1002, "not masked"),
    "a text frame": (frame(TEXT, b"hello"), 1003, "text frame"),
    "a reserved bit": (frame(0xC2, b"x"), 1002, "reserved bits"),
    "an unknown kind": (frame(0x83, b"x"), 1002, "does not exist"),
    "a continuation of nothing": (frame(0x80, b"x"), 1002, "continues nothing"),
    "a message in a message": (frame(0x02, b"\xc0") + frame(BINARY, b"x"), 1002, "before the frag"),
    "a long ping": (frame(PING, b"p" * 126), 1002, "125 bytes"),
    "a frame that is too long": (frame(BINARY, b"x" * (1 << 20) + b"x"), 1009, "at most 1048576"),
    "half a close code": (frame(CLOSE, b"\x03"), 1002, "no valid code"),
    "a reason that is not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007, "not UTF-8"),
}


@pytest.mark.parametrize("sent, code, why", BROKEN.values(), ids=BROKEN)
def test_broken_frames_close_with_the_right_code(web, d1, witness, journal, log, sent, code, why):
    client = web().connect(will=(EVENTS, "gone"))
    client.send_raw(sent)
    client.expect_closed(code)
    assert why in log.line(f"closed: WebSocket error {code}")
    assert why in journal.row("disconnected", "d1")["why"]
    assert journal.row("telemetry")["bodyText"] == "gone"


def test_a_client_that_vanishes_before_and_after_the_handshake(web, witness, d1, journal):
    half = web(handshake=False)
    half.send_raw(head()[:60])
    half.reset()
    bare = web(handshake=False)
    bare.send_raw(head())
    bare.answer()
    bare.reset()
    gone = web().connect()
    gone.send_raw(frame(BINARY, b"\xc0\x00")[:3])
    gone.reset()
    journal.row("disconnected", "d1")


def test_a_half_open_socket_is_noticed_by_its_keep_alive(web, d1, journal):
    """Nothing comes any more, and nobody says so."""
    client = web().connect(keep_alive_s=1)
    since = time.monotonic()
    client.send_raw(frame(BINARY, b"\x32\x7f\x00")[:4])  # a frame that never ends
    client.expect_closed(1000)
    assert 1.4 < time.monotonic() - since < 5
    assert "nothing received" in journal.row("disconnected", "d1")["why"]


@pytest.mark.parametrize("one", conversations(), ids=lambda one: one.path.stem)
def test_conversation(one, d1, web, log):
    """Each of fixtures/conversations, byte for byte, in frames."""
    client = web()
    one.run(client)
    if one.lines[-1] == "C leaves":
        log.line("closed by the peer")
    for _, code, words in one.refusals:
        assert words in log.line(f"refused code={code}")
    if not one.refusals:
        assert log.lines("refused") == []

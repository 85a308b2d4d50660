# SPDX-License-Identifier: MIT
"""
Cloud-to-device messages as an MQTT client gets them, byte for byte. Numbers are cases of the device
protocol reference, section 11; the rules of the topic are its section 3.
"""

import time

import pytest

import packets
import rest
from hub_view import register
from mqtt_client import WAIT_S_MAX, MqttClient
from websocket_client import WebSocketClient

QUEUE = "/devices/d1/messages/deviceBound"
FILTER = "devices/d1/messages/devicebound/#"
TO = "%24.to=%2Fdevices%2Fd1%2Fmessages%2FdeviceBound"


def send(owner, body=b"x", queue=QUEUE, status=204, **properties):
    """POST as IoT Explorer sends; names are written with a leading "app_" for the user's own."""
    headers = {f"iothub-{name.replace('app_', 'app-')}": v for name, v in properties.items()}
    answer = owner.post(queue, body=body, headers=headers)
    assert answer.status == status, answer
    return answer


def publish(client):
    """The next PUBLISH: its flags, packet identifier (None at QoS 0), bag and payload."""
    first, body = client.packet()
    assert first >> 4 == 3, f"came packet {first:02x} {packets.show(body)}, expected PUBLISH"
    size = int.from_bytes(body[:2], "big")
    topic, rest = body[2 : 2 + size].decode(), body[2 + size :]
    packet_id = None
    if first & 6:
        packet_id, rest = int.from_bytes(rest[:2], "big"), rest[2:]
    assert topic.startswith("devices/d1/messages/devicebound/")
    return first & 15, packet_id, topic.removeprefix("devices/d1/messages/devicebound/"), rest


def puback(client, packet_id):
    client.send(b"\x40\x02" + packet_id.to_bytes(2, "big"))


def outcomes(journal, count):
    """The outcomes of the messages that left the queue, in order."""
    deadline = time.monotonic() + WAIT_S_MAX
    while len(rows := journal.rows("c2dSettled")) < count:
        assert time.monotonic() < deadline, f"{count} were expected, but {rows}"
        time.sleep(0.01)
    assert len(rows) == count, rows
    return [row["outcome"] for row in rows]


def waiting(owner):
    return owner.get("/devices/d1").json["cloudToDeviceMessageCount"]


@pytest.fixture(params=[MqttClient, WebSocketClient], ids=["tls", "websocket"])
def transport(request):
    return request.param


@pytest.fixture
def join(emulator, d1, transport):
    """Opens connections of either transport, and closes what a test left open."""
    opened = []

    def one():
        opened.append(transport(emulator))
        return opened[-1]

    yield one
    for client in opened:
        client.abandon()


# ---- 7: delivery and PUBACK ----


def test_7_a_message_is_published_and_its_puback_completes_it(join, owner, journal):
    client = join().connect().subscribe(FILTER)
    send(owner, b'{"a":1}', messageid="m1", ack="full")
    flags, packet_id, bag, payload = publish(client)
    assert (flags, bag, payload) == (2, f"%24.mid=m1&{TO}&iothub-ack=full", b'{"a":1}')
    assert packet_id > 0
    assert waiting(owner) == 1
    puback(client, packet_id)
    assert outcomes(journal, 1) == ["completed"]
    assert waiting(owner) == 0
    records = feedback(owner)
    assert [(one["originalMessageId"], one["statusCode"]) for one in records] == [("m1", "Success")]
    client.ping()


def feedback(owner):
    deadline = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < deadline:
        answer = owner.get("/messages/serviceBound/feedback")
        if answer.status == 200:
            return answer.json
        time.sleep(0.05)
    raise AssertionError("no feedback came")


def test_7_the_packet_byte_for_byte(join, owner):
    client = join().connect().subscribe(FILTER)
    send(owner, b"hi")
    head = client.receive(2 + 2 + 79)
    packet_id = client.receive(2)
    assert head == packets.read(f'32 55 00 4f "devices/d1/messages/devicebound/{TO}"')
    client.expect('"hi"')
    client.send(packets.read("40 02") + packet_id)
    client.ping()


def test_7_what_waits_is_delivered_on_subscribing_behind_the_suback(join, owner):
    send(owner, b"one")
    send(owner, b"two")
    client = join().connect().subscribe(FILTER)
    assert [publish(client)[3] for _ in range(2)] == [b"one", b"two"]
    client.ping()


def test_at_qos_0_a_message_is_completed_as_it_is_written(join, owner, journal):
    client = join().connect().subscribe(FILTER, qos=0)
    send(owner, b"hi")
    assert publish(client) == (0, None, TO, b"hi")
    assert outcomes(journal, 1) == ["completed"]


def test_an_empty_message(join, owner):
    client = join().connect().subscribe(FILTER, qos=0)
    send(owner, b"")
    assert publish(client) == (0, None, TO, b"")


def test_messages_are_in_order_and_may_be_acknowledged_in_any(join, owner, journal):
    client = join().connect().subscribe(FILTER)
    for i in range(3):
        send(owner, str(i), messageid=str(i))
    ids = [publish(client)[1] for _ in range(3)]
    assert len(set(ids)) == 3
    for packet_id in reversed(ids):
        puback(client, packet_id)
    assert outcomes(journal, 3) == ["completed"] * 3
    assert [row["messageId"] for row in journal.rows("c2dSettled")] == ["2", "1", "0"]


def test_a_message_may_be_as_large_as_64_kb(join, owner):
    client = join().connect().subscribe(FILTER, qos=0)
    send(owner, b"x" * 65000)
    assert publish(client)[3] == b"x" * 65000
    send(owner, b"x" * 65537, status=413)
    client.ping()


# ---- 8, 9: the bag ----


def test_8_an_expiry_has_seven_digits(join, owner):
    client = join().connect().subscribe(FILTER, qos=0)
    send(owner, b"x", expiry="2099-12-31T23:59:59.5Z")
    assert publish(client)[2] == f"{TO}&%24.exp=2099-12-31T23%3A59%3A59.5000000Z"


def test_9_every_character_arrives(join, owner):
    client = join().connect().subscribe(FILTER, qos=0)
    send(owner, b"x", app_k="/&= %?#+")
    assert publish(client)[2] == f"{TO}&k=%2F%26%3D%20%25%3F%23%2B"


def test_9_all_system_properties_stand_first_in_their_order(join, owner):
    client = join().connect().subscribe(FILTER, qos=0)
    send(owner, b"x", app_a="b", ack="negative", contentencoding="utf-8", userid="u",
         contenttype="text/plain", correlationid="c", messageid="m")  # fmt: skip
    assert publish(client)[2] == (
        f"%24.mid=m&%24.cid=c&%24.uid=u&{TO}&%24.ct=text%2Fplain&%24.ce=utf-8"
        "&iothub-ack=negative&a=b"
    )


# ---- 23: sessions ----


def test_23_a_session_gets_its_messages_without_subscribing_again(join, owner, journal):
    join().connect().subscribe(FILTER).disconnect()
    for i in range(3):
        send(owner, str(i))
    client = join().connect(expect=packets.CONNACK_OK_SESSION_PRESENT)
    for i in range(3):
        flags, packet_id, _, payload = publish(client)
        assert (flags, payload) == (2, str(i).encode())
        puback(client, packet_id)
    assert outcomes(journal, 3) == ["completed"] * 3
    client.ping()


def test_23_a_clean_session_gets_none_until_it_subscribes(join, owner):
    join().connect().subscribe(FILTER).disconnect()
    send(owner, b"x")
    client = join().connect(clean=True)
    client.ping()
    client.subscribe(FILTER)
    assert publish(client)[3] == b"x"


def test_what_was_not_acknowledged_comes_again_as_a_duplicate(join, owner, journal):
    client = join().connect().subscribe(FILTER)
    for i in range(3):
        send(owner, str(i))
    first = [publish(client) for _ in range(3)]
    puback(client, first[1][1])
    client.ping()
    client.reset()
    journal.row("disconnected", "d1")
    again = join().connect(expect=packets.CONNACK_OK_SESSION_PRESENT)
    for before in (first[0], first[2]):
        assert publish(again) == (0x0A, *before[1:])
    again.ping()


def test_a_takeover_takes_the_messages_along(join, owner):
    first = join().connect().subscribe(FILTER)
    send(owner, b"x")
    publish(first)
    second = join().connect(expect=packets.CONNACK_OK_SESSION_PRESENT)
    assert publish(second)[3] == b"x"
    first.expect_closed()


def test_after_unsubscribing_nothing_comes(join, owner):
    client = join().connect().subscribe(FILTER)
    client.send(packets.packet(0xA2, b"\x00\x05" + packets.text(FILTER)))
    client.expect("b0 02 00 05")
    send(owner, b"x")
    client.ping()
    assert waiting(owner) == 1


def test_queue_and_session_outlive_a_killed_process(emulator_factory, transport, tmp_path):
    emulator = emulator_factory("--data", str(tmp_path / "data"))
    with rest.service(emulator) as owner:
        register(owner, "d1")
        client = transport(emulator).connect().subscribe(FILTER)
        send(owner, b"one")
        send(owner, b"two")
        before = [publish(client) for _ in range(2)]
        puback(client, before[0][1])
        client.ping()
    emulator.kill()
    client.abandon()
    emulator.start()
    client = transport(emulator).connect(expect=packets.CONNACK_OK_SESSION_PRESENT)
    assert publish(client) == (0x0A, *before[1][1:])
    client.ping()
    client.abandon()


# ---- 25, purge, expiry ----


def test_25_the_51st_waiting_message_is_refused(join, owner):
    for i in range(50):
        send(owner, str(i))
    answer = send(owner, b"51", status=403)
    assert answer.code == "DeviceMaximumQueueDepthExceeded"
    client = join().connect().subscribe(FILTER)
    for i in range(50):
        _, packet_id, _, payload = publish(client)
        assert payload == str(i).encode()
        puback(client, packet_id)
    client.ping()
    send(owner, b"52")
    assert publish(client)[3] == b"52"


def test_at_most_twenty_are_in_flight(join, owner):
    for i in range(22):
        send(owner, str(i))
    client = join().connect().subscribe(FILTER)
    ids = [publish(client)[1] for _ in range(20)]
    client.ping()  # and no more
    puback(client, ids[0])
    assert publish(client)[3] == b"20"
    client.ping()


def test_a_message_that_is_purged_in_flight(join, owner, journal):
    client = join().connect().subscribe(FILTER)
    send(owner, b"x")
    packet_id = publish(client)[1]
    assert owner.delete("/devices/d1/commands").status == 200
    puback(client, packet_id)
    client.ping()
    assert outcomes(journal, 1) == ["purged"]


# ---- modules, and who gets nothing ----


def test_a_module_that_subscribes_gets_its_own(dial, devices, d1, owner):
    devices("d1", "m1")
    module = dial().connect("d1", "m1")
    module.subscribe("devices/d1/modules/m1/messages/devicebound/#")
    device = dial().connect("d1").subscribe(FILTER)
    send(owner, b"for the device")
    assert publish(device)[3] == b"for the device"
    module.ping()


def test_a_client_without_the_subscription_leaves_the_queue_alone(join, owner):
    client = join().connect().subscribe("$iothub/twin/res/#")
    send(owner, b"x")
    client.ping()
    assert waiting(owner) == 1


def test_on_request_a_first_subscription_gets_nothing_older(emulator_factory, transport):
    emulator = emulator_factory("--memory", "--set", "c2d-on-first-subscribe=0")
    with rest.service(emulator) as owner:
        register(owner, "d1")
        send(owner, b"before")
        client = transport(emulator).connect().subscribe(FILTER)
        send(owner, b"after")
        assert publish(client)[3] == b"after"
        client.abandon()


# ---- a client that does not read, and many at once ----


def test_a_client_that_does_not_read_holds_up_nobody(join, owner, witness):
    slow = join().connect().subscribe(FILTER, qos=0)
    for _ in range(40):
        send(owner, b"x" * 60000)
    witness.ping()
    for _ in range(40):
        assert len(publish(slow)[3]) == 60000
    slow.ping()


def test_many_devices_at_once(emulator, transport, devices, owner):
    """Each gets its own, in order, while all are sent to at the same time."""
    names = [f"many{i}" for i in range(10)]
    for name in names:
        devices(name)
    clients = {
        name: transport(emulator).connect(name).subscribe(f"devices/{name}/messages/devicebound/#")
        for name in names
    }
    for i in range(5):
        for name in names:
            send(owner, f"{name} {i}", queue=f"/devices/{name}/messages/deviceBound")
    for name, client in clients.items():
        for i in range(5):
            first, body = client.packet()
            size = int.from_bytes(body[:2], "big")
            assert body[2 + size + 2 :] == f"{name} {i}".encode()
            puback(client, int.from_bytes(body[2 + size : 4 + size], "big"))
        client.ping()
        client.abandon()

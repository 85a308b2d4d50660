# SPDX-License-Identifier: MIT
"""Direct methods as devices see them. Numbers are the device protocol reference's, section 11."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

import packets
import rest

METHODS = "$iothub/methods/POST/#"


@pytest.fixture
def invoke(emulator):
    """Starts a call in the background: invoke("reboot", payload=1).result() is its REST answer."""
    with ThreadPoolExecutor(8) as pool:

        def call(path, method):
            with rest.service(emulator) as client:
                return client.post(path, method)

        def start(name, path="/twins/d1/methods", **members):
            return pool.submit(call, path, {"methodName": name, **members})

        yield start


@pytest.fixture
def device(connected):
    return connected.subscribe(METHODS)


def taken(client):
    """The call that came: request id, name and payload."""
    topic, payload = client.publish()
    name, rid = re.fullmatch(r"\$iothub/methods/POST/(.+)/\?\$rid=([0-9a-f]+)", topic).groups()
    return rid, name, payload


def answer(client, rid, status=200, payload=b"", packet_id=None):
    client.send(packets.publish(f"$iothub/methods/res/{status}/?$rid={rid}", payload, packet_id))


def code_of(response):
    return response.status, int(re.search(r'\\"errorCode\\":(\d+)', response.body.decode())[1])


def test_14_a_call_and_its_answer(device, invoke, journal):
    call = invoke("reboot", payload={"delay": 5})
    first, body = device.packet()
    assert first == 0x30  # QoS 0, though 1 was granted
    size = int.from_bytes(body[:2], "big")
    assert re.fullmatch(rb"\$iothub/methods/POST/reboot/\?\$rid=[0-9a-f]+", body[2 : 2 + size])
    assert body[2 + size :] == b'{"delay":5}'
    answer(device, body[2 : 2 + size].split(b"=")[1].decode(), 200, '{"ok":true}')
    response = call.result()
    assert (response.status, response.json) == (200, {"status": 200, "payload": {"ok": True}})
    assert journal.row("methodInvoked")["method"] == "reboot"
    assert journal.row("methodAnswered")["deviceId"] == "d1"
    device.ping()


@pytest.mark.parametrize("packet_id", [None, 5], ids=["QoS 0", "QoS 1"])
@pytest.mark.parametrize(
    "status, sent, payload",
    [(200, "", None), (200, "null", None), (500, '"x"', "x"), (-1, "[1]", [1]), (0, "{}", {})],
)
def test_14_statuses_and_payloads_are_the_devices_own(
    device, invoke, status, sent, payload, packet_id
):
    call = invoke("reboot")
    rid, _, request = taken(device)
    assert request == b""
    answer(device, rid, status, sent, packet_id)
    if packet_id is not None:
        device.expect("40 02 00 05")
    assert call.result().json == {"status": status, "payload": payload}


@pytest.mark.parametrize("name", ["a", "name with blanks", "x" * 100, "dots.and-dashes_1"])
def test_14_names_are_passed_as_they_are(device, invoke, name):
    call = invoke(name)
    rid, came, _ = taken(device)
    assert came == name
    answer(device, rid)
    assert call.result().status == 200


def test_14_calls_may_be_answered_in_any_order(device, invoke):
    calls = {name: invoke(name) for name in ("one", "two", "three")}
    came = {name: rid for rid, name, _ in (taken(device) for _ in calls)}
    assert set(came) == set(calls)
    for name in ("three", "one", "two"):
        answer(device, came[name], payload=f'"{name}"')
    for name, call in calls.items():
        assert call.result().json["payload"] == name


def test_14_a_single_methods_filter(connected, invoke):
    connected.subscribe("$iothub/methods/POST/reboot/#")
    call = invoke("reboot")
    rid, _, _ = taken(connected)
    answer(connected, rid)
    assert call.result().status == 200
    assert code_of(invoke("other").result()) == (404, 404103)


def test_15_connected_but_not_subscribed_is_404103(connected, invoke):
    connected.subscribe("$iothub/twin/res/#")
    assert code_of(invoke("reboot").result()) == (404, 404103)
    connected.ping()


def test_15_offline_is_404103(d1, invoke):
    assert code_of(invoke("reboot").result()) == (404, 404103)


def test_15_a_device_that_comes_in_time_gets_the_call(d1, dial, invoke, journal):
    call = invoke("reboot", connectTimeoutInSeconds=60)
    journal.row("methodInvoked")
    device = dial().connect()
    device.subscribe(METHODS)
    rid, _, _ = taken(device)
    answer(device, rid)
    assert call.result().status == 200


def test_15_a_restored_subscription_is_enough(d1, dial, invoke, journal):
    dial().connect().subscribe(METHODS).disconnect()
    call = invoke("reboot", connectTimeoutInSeconds=60)
    journal.row("methodInvoked")
    device = dial().connect(expect=packets.CONNACK_OK_SESSION_PRESENT)
    rid, _, _ = taken(device)
    answer(device, rid)
    assert call.result().status == 200


def test_15_no_answer_in_time_is_504_and_a_late_one_is_ignored(device, invoke):
    """Five seconds are the shortest wait there is; others are answered meanwhile."""
    slow = invoke("slow", responseTimeoutInSeconds=5)
    late, _, _ = taken(device)
    quick = invoke("quick")
    rid, _, _ = taken(device)
    answer(device, rid)
    assert quick.result().status == 200
    assert code_of(slow.result()) == (504, 504101)
    answer(device, late)
    answer(device, late, packet_id=6)
    device.expect("40 02 00 06")
    device.ping()


@pytest.mark.parametrize("rid", ["ffffffff", "0", "no-hex", "1" * 40])
def test_a_request_id_nobody_gave_is_ignored(device, rid, log):
    answer(device, rid)
    device.ping()
    assert log.lines("refused") == []


def test_the_id_of_another_devices_call_is_no_use(device, dial, devices, invoke):
    devices("d2")
    other = dial().connect("d2").subscribe(METHODS)
    call = invoke("reboot")
    rid, _, _ = taken(device)
    answer(other, rid, 200, '"not mine"')
    other.ping()
    answer(device, rid, 200, '"mine"')
    assert call.result().json["payload"] == "mine"


def test_an_answer_that_is_no_json_is_502(device, invoke, witness):
    call = invoke("reboot")
    rid, _, _ = taken(device)
    answer(device, rid, 200, "{oops")
    assert call.result().status == 502
    device.ping()


@pytest.mark.parametrize("size, status", [(131072, 200), (131073, 502)])
def test_an_answer_has_at_most_128_kb(device, invoke, size, status):
    call = invoke("reboot")
    rid, _, _ = taken(device)
    answer(device, rid, 200, '"' + "x" * (size - 2) + '"')
    assert call.result().status == status
    device.ping()


def test_36_a_modules_methods_are_its_own(device, dial, devices, invoke):
    devices("d1", "m1")
    path = "/twins/d1/modules/m1/methods"
    assert code_of(invoke("reboot", path).result()) == (404, 404103)
    module = dial().connect("d1", "m1").subscribe(METHODS)
    call = invoke("reboot", path)
    rid, _, _ = taken(module)
    device.ping()
    answer(module, rid, 201, "1")
    assert call.result().json == {"status": 201, "payload": 1}
    call = invoke("reboot")
    rid, _, _ = taken(device)
    module.ping()
    answer(device, rid, 202)
    assert call.result().json == {"status": 202, "payload": None}

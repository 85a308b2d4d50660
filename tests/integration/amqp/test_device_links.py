# SPDX-License-Identifier: MIT
"""What a device has besides telemetry: twin, methods, cloud-to-device messages (device reference, 9.6 to 9.8)."""

import json
import threading
import uuid

import pytest
from proton import Delivery, Message, int32, symbol, ubyte

import packets
from amqp_peer import RECEIVER_SETTLES_SECOND, SENDER_SETTLED, Refused, refused

TWIN = "/devices/d1/twin"
METHODS = "/devices/d1/methods/devicebound"
DEVICEBOUND = "/devices/d1/messages/devicebound"
IDS = [uuid.UUID("12345678-1234-5678-1234-567812345678"), "Get12345678-1234-5678-1234-567812345678"]
ID_NAMES = ["uuid", "string"]


class Twin:
    """The pair of links, and requests over it."""

    def __init__(self, peer, address=TWIN, **how):
        self.peer = peer
        guid = str(uuid.uuid4())
        properties = {"com.microsoft:channel-correlation-id": f"twin:{guid}"}
        self.requests = peer.sender(address, properties=properties, **how)
        self.answers = peer.receiver(address, properties=properties)

    def ask(self, operation, resource=None, body=b"", version=None, correlation_id="id"):
        request = Message(body=body, inferred=True)
        request.correlation_id = correlation_id
        request.annotations = {symbol("operation"): operation}
        if resource:
            request.annotations[symbol("resource")] = resource
        if version is not None:
            request.annotations[symbol("version")] = version
        assert self.peer.send(self.requests, request).outcome == "accepted"
        return self.peer.take(self.answers)

    def patch(self, document, **how):
        return self.ask("PATCH", "/properties/reported", json.dumps(document).encode(), **how)

    def listen(self):
        return self.ask("PUT", "/notifications/twin/properties/desired")


def status_of(answer):
    status = answer.annotations[symbol("status")]
    assert isinstance(status, int32), f"the C SDK demands an int: {status!r}"
    return int(status)


def patch_twin(owner, document, path="/twins/d1"):
    answer = owner.request("PATCH", path, json=document)
    assert answer.status == 200, answer


# ---- twin ----


@pytest.mark.parametrize("correlation_id", IDS, ids=ID_NAMES)
def test_case_47_a_twin_is_read_with_desired_and_reported_and_no_tags(device, owner, correlation_id):
    patch_twin(owner, {"tags": {"t": 1}, "properties": {"desired": {"level": 1}}})
    answer = Twin(device).ask("GET", body=b" ", correlation_id=correlation_id)
    assert status_of(answer) == 200
    assert answer.correlation_id == correlation_id
    assert type(answer.correlation_id) is type(correlation_id)
    document = json.loads(answer.body)
    assert set(document) == {"desired", "reported"}
    assert document["desired"] == {"level": 1, "$version": 2}


@pytest.mark.parametrize("correlation_id", IDS, ids=ID_NAMES)
def test_case_47_a_report_is_answered_with_its_version_as_a_long(device, owner, correlation_id):
    answer = Twin(device).patch({"a": 1, "b": None}, correlation_id=correlation_id)
    assert status_of(answer) in (200, 204)
    version = answer.annotations[symbol("version")]
    assert (version, type(version)) == (2, int), "an AMQP long"
    assert answer.correlation_id == correlation_id
    reported = owner.get("/twins/d1").json["properties"]["reported"]
    assert (reported["a"], reported["$version"]) == (1, 2)


@pytest.mark.parametrize(
    ("body", "version", "status"),
    [
        (b"{", None, 400),
        (b"[1]", None, 400),
        (b'{"bad.name":1}', None, 400),
        (b'{"a":"' + b"x" * 33 * 1024 + b'"}', None, 400),
        (b'{"a":1}', int32(7), 412),
    ],
    ids=["no JSON", "no object", "a name with a dot", "33 KB", "a stale version"],
)
def test_a_report_that_cannot_be_has_its_status_and_words(device, journal, witness, body, version, status):
    answer = Twin(device).ask("PATCH", "/properties/reported", body, version)
    assert status_of(answer) == status
    assert answer.body
    assert journal.row("refused", "d1")["why"]


def test_case_47_desired_changes_come_after_a_put_and_not_before_nor_after_a_delete(device, owner):
    twin = Twin(device)
    patch_twin(owner, {"properties": {"desired": {"before": 1}}})
    assert device.receives_nothing(twin.answers)
    assert status_of(twin.listen()) == 200
    patch_twin(owner, {"properties": {"desired": {"level": 2}}})
    news = device.take(twin.answers)
    assert news.correlation_id is None, "by this .NET and Node tell it from an answer"
    assert news.annotations[symbol("resource")] == "/properties/desired"
    assert (news.annotations[symbol("version")], type(news.annotations[symbol("version")])) == (3, int)
    assert json.loads(news.body) == {"level": 2, "$version": 3}
    assert status_of(twin.ask("DELETE", "/notifications/twin/properties/desired")) == 200
    patch_twin(owner, {"properties": {"desired": {"after": 1}}})
    assert device.receives_nothing(twin.answers)


@pytest.mark.parametrize(
    ("operation", "resource"),
    [("POST", None), ("PATCH", "/properties/desired"), ("PUT", "/properties/reported"), ("", None)],
)
def test_an_operation_that_a_twin_has_not_is_answered_400(device, journal, operation, resource):
    answer = Twin(device).ask(operation, resource, b"{}")
    assert status_of(answer) == 400
    assert journal.row("refused", "d1")["why"]


def test_a_settled_request_is_answered_too(device):
    twin = Twin(device, settle=SENDER_SETTLED)
    request = Message(body=b" ", inferred=True, correlation_id="x")
    request.annotations = {symbol("operation"): "GET"}
    device.send(twin.requests, request, settled=True)
    assert status_of(device.take(twin.answers)) == 200


def test_a_module_has_a_twin_of_its_own(dial, d1, devices, owner):
    devices("d1", "m1")
    peer = dial().open().become_device("d1", "m1")
    twin = Twin(peer, "/devices/d1/modules/m1/twin")
    assert status_of(twin.patch({"mine": 1})) in (200, 204)
    assert "mine" in owner.get("/twins/d1/modules/m1").json["properties"]["reported"]
    assert "mine" not in owner.get("/twins/d1").json["properties"]["reported"]


# ---- methods ----


class Call(threading.Thread):
    """A back end's call, in the time of which the device answers."""

    def __init__(self, owner, path="/twins/d1/methods", name="reboot", payload=None, timeout_s=20):
        super().__init__()
        self.owner, self.path = owner, path
        self.body = {"methodName": name, "responseTimeoutInSeconds": timeout_s, "payload": payload}
        self.answer = None
        self.start()

    def run(self):
        self.answer = self.owner.request("POST", self.path, json=self.body)

    def result(self):
        self.join()
        return self.answer


def methods_of(peer, address=METHODS):
    properties = {"com.microsoft:channel-correlation-id": "methods:1"}
    return peer.sender(address, properties=properties), peer.receiver(address, properties=properties)


def reply(correlation_id, status=None, body=b""):
    message = Message(body=body, inferred=True)
    message.correlation_id = correlation_id
    message.properties = {} if status is None else {"IoThub-status": status}
    return message


@pytest.mark.parametrize("as_text", [False, True], ids=["as a uuid", "as a string"])
def test_case_48_a_method_goes_there_and_back(device, owner, as_text):
    responses, requests = methods_of(device)
    call = Call(owner, payload={"in": 5})
    request = device.take(requests)
    assert request.properties == {"IoThub-methodname": "reboot"}
    assert json.loads(request.body) == {"in": 5}
    assert isinstance(request.correlation_id, uuid.UUID), "the C SDK takes nothing else"
    correlation_id = str(request.correlation_id) if as_text else request.correlation_id
    assert device.send(responses, reply(correlation_id, int32(207), b'{"out":6}')).outcome == "accepted"
    answer = call.result()
    assert (answer.status, answer.json) == (200, {"status": 207, "payload": {"out": 6}})


def test_a_method_is_answered_without_a_body(device, owner):
    responses, requests = methods_of(device)
    call = Call(owner)
    device.send(responses, reply(device.take(requests).correlation_id, int32(200)))
    assert call.result().json["status"] == 200


@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        (lambda given: reply(uuid.uuid4(), int32(200), b"1"), "accepted"),
        (lambda given: reply("no uuid", int32(200), b"1"), "accepted"),
        (lambda given: reply(None, int32(200), b"1"), "accepted"),
        (lambda given: reply(given, None, b"1"), "rejected"),
        (lambda given: reply(given, "200", b"1"), "rejected"),
    ],
    ids=["to no call", "to no uuid", "to nothing", "without a status", "with a status of text"],
)
def test_an_answer_that_is_none_changes_nothing_and_the_right_one_counts(
    device, owner, journal, witness, make, outcome
):
    responses, requests = methods_of(device)
    call = Call(owner)
    correlation_id = device.take(requests).correlation_id
    assert device.send(responses, make(correlation_id)).outcome == outcome
    if outcome == "rejected":
        assert "IoThub-status" in journal.row("refused", "d1")["why"]
    device.send(responses, reply(correlation_id, int32(200), b"2"))
    assert call.result().json == {"status": 200, "payload": 2}


def test_an_answer_that_is_no_json_is_told_to_the_caller(device, owner):
    responses, requests = methods_of(device)
    call = Call(owner)
    device.send(responses, reply(device.take(requests).correlation_id, int32(200), b"{no json"))
    assert call.result().status == 502


def test_a_method_without_a_receiver_is_404(device, owner):
    device.sender("/devices/d1/messages/events")
    answer = Call(owner, timeout_s=5).result()
    assert (answer.status, answer.code) == (404, "DeviceNotOnline") or answer.status == 404


def test_calls_that_were_under_way_end_when_the_link_does(device, owner):
    responses, requests = methods_of(device)
    call = Call(owner, timeout_s=10)
    device.take(requests)
    device.abandon()
    assert call.result().status in (404, 504)


# ---- cloud-to-device ----


@pytest.fixture
def send(service):
    """Sends to d1 as a back end does."""
    sender = service.sender("/messages/devicebound")

    def one(body, to="/devices/d1/messages/devicebound", **properties):
        message = Message(body=body, inferred=True, address=to)
        for name, value in properties.items():
            setattr(message, name, value)
        settled = service.send(sender, message)
        assert settled.outcome == "accepted", settled
        return message

    return one


def pending(owner, device="d1"):
    return owner.get(f"/devices/{device}").json["cloudToDeviceMessageCount"]


def test_case_46_a_message_has_a_tag_of_16_bytes_and_all_that_was_sent(device, send, owner):
    receiver = device.receiver(DEVICEBOUND)
    send(
        "drei ß".encode(),
        id="m-1",
        correlation_id="c-1",
        user_id=b"boss",
        content_type="text/plain",
        content_encoding="utf-8",
        properties={"path": "a/b&c=d %é", "iothub-ack": "full"},
    )
    message, tag, _ = received = device.receive(receiver)
    # Proton's binding reads tags as text; lock tokens are no text, and their length is what counts.
    assert len(tag.encode("utf-8", "surrogateescape")) == 16
    assert message.body == "drei ß".encode()
    assert (message.id, message.correlation_id, message.user_id) == ("m-1", "c-1", b"boss")
    assert (message.content_type, message.content_encoding) == ("text/plain", "utf-8")
    assert message.address == "/devices/d1/messages/devicebound"
    assert message.properties["path"] == "a/b&c=d %é"
    assert message.properties["iothub-ack"] == "full"
    annotations = message.annotations
    assert uuid.UUID(annotations[symbol("x-opt-lock-token")])
    assert annotations[symbol("x-opt-sequence-number")] >= 0
    assert annotations[symbol("iothub-enqueuedtime")] > 1_500_000_000_000
    assert type(annotations[symbol("iothub-deliverycount")]) is ubyte
    device.settle(received, Delivery.ACCEPTED)
    device.quiet()
    assert pending(owner) == 0


@pytest.mark.parametrize("outcome", [Delivery.RELEASED, Delivery.MODIFIED], ids=["released", "modified"])
def test_case_46_what_is_given_back_comes_again_and_is_counted(device, send, outcome):
    receiver = device.receiver(DEVICEBOUND)
    send(b"again")
    first = device.receive(receiver)
    device.settle(first, outcome)
    second = device.receive(receiver)
    assert second.message.body == b"again"
    count = symbol("iothub-deliverycount")
    assert second.message.annotations[count] == first.message.annotations[count] + 1
    device.settle(second, Delivery.ACCEPTED)


def test_case_46_what_is_rejected_does_not_come_again(device, send, owner):
    receiver = device.receiver(DEVICEBOUND)
    send(b"no")
    device.settle(device.receive(receiver), Delivery.REJECTED)
    assert device.receives_nothing(receiver)
    assert pending(owner) == 0


def test_case_46_a_receiver_that_settles_second_gets_the_hubs_own_settlement(device, send):
    receiver = device.receiver(DEVICEBOUND, rcv_settle=RECEIVER_SETTLES_SECOND)
    send(b"as .NET does")
    received = device.receive(receiver)
    received.delivery.update(Delivery.ACCEPTED)
    device.wait(lambda: received.delivery.settled, what="the hub's settlement")
    assert received.delivery.remote_state == Delivery.ACCEPTED


def test_what_was_not_settled_when_the_link_ended_comes_again_in_order(device, send):
    receiver = device.receiver(DEVICEBOUND)
    for body in (b"1", b"2", b"3"):
        send(body)
    for _ in range(3):
        device.receive(receiver)
    device.detach(receiver)
    again = device.receiver(DEVICEBOUND)
    assert [device.take(again).body for _ in range(3)] == [b"1", b"2", b"3"]


def test_no_more_come_than_there_is_credit_for(device, send):
    receiver = device.receiver(DEVICEBOUND, credit=2)
    for body in (b"1", b"2", b"3"):
        send(body)
    assert [device.receive(receiver).message.body for _ in range(2)] == [b"1", b"2"]
    assert device.receives_nothing(receiver)
    receiver.flow(1)
    assert device.receive(receiver).message.body == b"3"


def test_a_message_to_a_module_reaches_the_module_and_not_its_device(dial, d1, devices, device, send):
    devices("d1", "m1")
    module = dial().open().become_device("d1", "m1")
    address = "/devices/d1/modules/m1/messages/devicebound"
    mine, other = module.receiver(address), device.receiver(DEVICEBOUND)
    send(b"for the module", to=address)
    assert module.take(mine).body == b"for the module"
    assert device.receives_nothing(other)


# ---- takeover ----


@pytest.mark.parametrize(
    "attach",
    [
        lambda peer: peer.sender("/devices/d1/messages/events"),
        lambda peer: peer.receiver(DEVICEBOUND),
        lambda peer: Twin(peer).answers,
    ],
    ids=["telemetry", "devicebound", "twin"],
)
def test_case_50_a_devices_links_elsewhere_end_the_old_ones_and_not_their_connection(
    dial, device, devices, journal, attach
):
    devices("d2")
    device.become_device("d2")
    old, beside = attach(device), device.sender("/devices/d2/messages/events")
    attach(dial().open().become_device("d1"))
    assert device.ended(old) == "com.microsoft:link-creation-conflict"
    assert device.send(beside, b"not concerned").outcome == "accepted"


def test_links_of_one_device_on_one_connection_are_no_conflict(device):
    first = device.sender("/devices/d1/messages/events")
    second = device.sender("/devices/d1/messages/events", session=device.session())
    assert device.send(first, b"1").outcome == device.send(second, b"2").outcome == "accepted"


@pytest.mark.parametrize("address", [TWIN, METHODS, DEVICEBOUND])
def test_another_devices_address_is_refused_and_explained(dial, d1, devices, journal, witness, address):
    key = {"primaryKey": packets.OTHER_KEY, "secondaryKey": packets.OTHER_KEY}
    devices("d2", authentication={"type": "sas", "symmetricKey": key})
    peer = dial().open().become_device("d1")
    with pytest.raises(Refused) as refusal:
        peer.receiver(address.replace("d1", "d2"))
    assert refusal.value.condition == "amqp:unauthorized-access"
    assert journal.row("refused")["why"]


def test_devicebound_is_not_to_be_sent_to(device, journal):
    assert refused(lambda: device.sender(DEVICEBOUND)).condition in ("amqp:not-allowed", "amqp:not-found")
    assert journal.row("refused")["why"]

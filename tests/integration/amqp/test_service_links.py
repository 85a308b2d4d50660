# SPDX-License-Identifier: MIT
"""What a back end has: cloud-to-device messages, feedback, file notifications (service reference, 6.4 to 6.6)."""

import json
import time

import pytest
from proton import Delivery, Message, symbol

from amqp_peer import refused

DEVICEBOUND = "/messages/devicebound"
FEEDBACK = "/messages/serviceBound/feedback"
TO_D1 = "/devices/d1/messages/devicebound"


def message(body=b"x", to=TO_D1, ack=None, **properties):
    one = Message(body=body, inferred=True, address=to)
    for name, value in properties.items():
        setattr(one, name, value)
    if ack is not None:
        one.properties = {"iothub-ack": ack}
    return one


@pytest.fixture
def sender(service, d1):
    return service.sender(DEVICEBOUND)


@pytest.mark.parametrize(
    "address",
    [
        DEVICEBOUND,
        "messages/devicebound",
        "/messages/deviceBound",
        "amqps://localhost/messages/devicebound",
        "amqps://localhost:5671/messages/deviceBound",
    ],
)
def test_the_address_may_be_written_in_each_of_the_sdks_ways(service, d1, owner, address):
    assert service.send(service.sender(address), message()).outcome == "accepted"
    assert owner.get("/devices/d1").json["cloudToDeviceMessageCount"] == 1


@pytest.mark.parametrize("to", [TO_D1, "/devices/d%31/messages/devicebound", "/devices/d1/messages/deviceBound"])
def test_to_may_be_written_in_each_of_the_sdks_ways(service, sender, owner, to):
    assert service.send(sender, message(to=to)).outcome == "accepted"
    assert owner.get("/devices/d1").json["cloudToDeviceMessageCount"] == 1


REFUSALS = {
    "to an unknown device": (lambda: message(to="/devices/nobody/messages/devicebound"), "amqp:not-found", "nobody"),
    "to nowhere": (lambda: message(to="/nowhere"), "com.microsoft:argument-error", ""),
    "without to": (lambda: message(to=None), "com.microsoft:argument-error", ""),
    "with an expiry that is over": (
        lambda: message(expiry_time=time.time() - 60),
        "com.microsoft:argument-error",
        "",
    ),
    "with an ack that is none": (lambda: message(ack="perhaps"), "com.microsoft:argument-error", "iothub-ack"),
    "of 65 KB (case 81)": (lambda: message(b"x" * 65 * 1024), "amqp:link:message-size-exceeded", ""),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_message_is_rejected_with_a_condition_and_explained(service, sender, journal, witness, name):
    make, condition, words = REFUSALS[name]
    settled = service.send(sender, make())
    assert (settled.outcome, settled.condition) == ("rejected", condition), settled
    assert settled.description
    assert words in journal.row("refused")["why"]
    assert service.send(sender, message()).outcome == "accepted"


def test_case_76_the_51st_is_rejected_as_a_limit(service, sender, journal, witness):
    for number in range(50):
        assert service.send(sender, message(str(number).encode())).outcome == "accepted"
    settled = service.send(sender, message(b"one too many"))
    assert (settled.outcome, settled.condition) == ("rejected", "amqp:resource-limit-exceeded")
    assert journal.row("refused")["why"]


def test_a_message_of_exactly_64_kb_is_taken(service, sender):
    assert service.send(sender, message(b"x" * (64 * 1024 - 200))).outcome == "accepted"


@pytest.mark.parametrize("address", [DEVICEBOUND, FEEDBACK])
def test_a_devices_token_opens_no_services_address(device, journal, witness, address):
    attach = device.sender if address == DEVICEBOUND else device.receiver
    assert refused(lambda: attach(address)).condition == "amqp:unauthorized-access"
    assert journal.row("refused")["why"]


# ---- feedback ----


def feedback_of(service, receiver):
    """The next batch's records, and the message."""
    received = service.receive(receiver)
    service.settle(received, Delivery.ACCEPTED)
    return json.loads(received.message.body), received


def decide(device, outcome):
    receiver = device.receiver(TO_D1)
    device.settle(device.receive(receiver), outcome)
    device.quiet()
    device.detach(receiver)


@pytest.mark.parametrize(
    ("ack", "outcome", "expected"),
    [
        ("full", Delivery.ACCEPTED, "Success"),
        ("positive", Delivery.ACCEPTED, "Success"),
        ("negative", Delivery.ACCEPTED, None),
        ("none", Delivery.ACCEPTED, None),
        ("full", Delivery.REJECTED, "Rejected"),
        ("negative", Delivery.REJECTED, "Rejected"),
        ("positive", Delivery.REJECTED, None),
    ],
)
def test_case_77_feedback_says_what_became_of_a_message(service, sender, device, owner, ack, outcome, expected):
    receiver = service.receiver(FEEDBACK)
    service.send(sender, message(id="m-1", ack=ack))
    decide(device, outcome)
    if expected is None:
        assert service.receives_nothing(receiver, 2)
        return
    (record,), _ = feedback_of(service, receiver)
    assert record["statusCode"] == expected
    assert (record["originalMessageId"], record["deviceId"]) == ("m-1", "d1")
    assert record["deviceGenerationId"] == owner.get("/devices/d1").json["generationId"]


def test_case_77_a_message_that_ran_out_of_time_is_expired(service, sender):
    receiver = service.receiver(FEEDBACK)
    service.send(sender, message(id="m-late", ack="full", expiry_time=time.time() + 1.5))
    (record,), _ = feedback_of(service, receiver)
    assert (record["originalMessageId"], record["statusCode"]) == ("m-late", "Expired")


def test_case_77_a_message_that_was_purged_is_told(service, sender, owner):
    receiver = service.receiver(FEEDBACK)
    service.send(sender, message(id="m-purged", ack="full"))
    assert owner.request("DELETE", "/devices/d1/commands").status == 200
    (record,), _ = feedback_of(service, receiver)
    assert record["statusCode"] == "Purged"


@pytest.mark.parametrize("address", [FEEDBACK, "/messages/servicebound/feedback", "amqps://localhost/messages/serviceBound/feedback"])
def test_case_78_a_batch_has_what_net_reads(service, sender, device, address):
    receiver = service.receiver(address)
    service.send(sender, message(id="m-1", ack="full"))
    decide(device, Delivery.ACCEPTED)
    _, received = feedback_of(service, receiver)
    assert len(received.tag.encode("utf-8", "surrogateescape")) == 16
    assert received.message.content_type == "application/vnd.microsoft.iothub.feedback.json"
    assert received.message.user_id
    assert received.message.annotations[symbol("iothub-enqueuedtime")] > 1_500_000_000_000
    assert received.message.body.decode("ascii")


def test_a_batch_that_is_released_comes_again_and_one_receiver_gets_it(service, sender, device):
    first, second = service.receiver(FEEDBACK), service.receiver(FEEDBACK)
    service.send(sender, message(id="m-1", ack="full"))
    decide(device, Delivery.ACCEPTED)

    def either():
        return next((one for one in (first, second) if one.current and one.current.readable), None)

    holder = service.wait(either, what="a batch")
    other = second if holder is first else first
    assert service.receives_nothing(other)
    service.settle(service.receive(holder), Delivery.RELEASED)
    again = service.wait(either, what="the batch again")
    (record,), _ = feedback_of(service, again)
    assert record["originalMessageId"] == "m-1"


def test_feedback_that_nobody_waited_for_waits(service, sender, device):
    service.send(sender, message(id="m-1", ack="full"))
    decide(device, Delivery.ACCEPTED)
    service.quiet(2)
    (record,), _ = feedback_of(service, service.receiver(FEEDBACK))
    assert record["originalMessageId"] == "m-1"


@pytest.mark.parametrize(
    "address", ["/messages/serviceBound/filenotifications", "/messages/servicebound/filenotifications"]
)
def test_the_receiver_of_file_notifications_is_there_and_empty(service, d1, address):
    assert service.receives_nothing(service.receiver(address))

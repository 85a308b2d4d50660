# SPDX-License-Identifier: MIT
"""The Event Hubs-compatible endpoint, as Event Hubs clients speak to it (service reference, 7)."""

import time

import pytest
from proton import Array, Described, Message, int32, symbol, timestamp, ulong

import packets
import rest
import sas
from amqp_peer import Peer, Refused, refused, selector
from hub_view import register

PARTITIONS = ("0", "1", "2", "3")
EPOCH = "com.microsoft:epoch"


def address_of(partition, group="$Default", hub="hub"):
    return f"{hub}/ConsumerGroups/{group}/Partitions/{partition}"


@pytest.fixture
def reader(dial, emulator):
    """A connection as an Event Hubs client makes one: its tokens are for sb:// names."""
    peer = dial().open()
    policy = emulator.policies["service"]
    resource = "sb://localhost/hub"
    assert peer.put_token(resource, sas.token(policy.primary_key, resource, "service")).status == 200
    return peer


@pytest.fixture
def telemetry(device):
    """Sends bodies as d1."""
    sender = device.sender("/devices/d1/messages/events")

    def send(*bodies, **properties):
        for body in bodies:
            message = Message(body=body, inferred=True)
            for name, value in properties.items():
                setattr(message, name, value)
            assert device.send(sender, message).outcome == "accepted"

    return send


def turned_away(peer, address, **how):
    """As Event Hubs does it: the attach is answered, and a detach with the reason follows."""
    return peer.ended(peer.receiver(address, wait=False, **how))


class Management:
    def __init__(self, peer):
        self.peer = peer
        self.requests, self.answers = peer.sender("$management"), peer.receiver("$management")

    def read(self, kind, message_id="id", name="hub", **more):
        request = Message(body=None, id=message_id, reply_to="here")
        request.properties = {"operation": "READ", "type": kind, "name": name, **more}
        assert self.peer.send(self.requests, request).outcome == "accepted"
        return self.peer.take(self.answers)

    def partition(self, number):
        return self.read("com.microsoft:partition", partition=number).body


def filled(management):
    """The partitions that have something: one, where one device has sent."""
    return [number for number in PARTITIONS if not management.partition(number)["is_partition_empty"]]


def partition_of(peer):
    return filled(Management(peer))[0]


def bodies(peer, receiver, count):
    return [bytes(peer.take(receiver).body) for _ in range(count)]


# ---- $management ----


@pytest.mark.parametrize("message_id", ["text", ulong(7)], ids=["string", "ulong"])
def test_case_83_the_hub_tells_its_partitions_in_an_array(reader, message_id):
    answer = Management(reader).read("com.microsoft:eventhub", message_id)
    assert answer.properties["status-code"] == 200
    assert isinstance(answer.properties["status-code"], int32)
    assert answer.correlation_id == message_id
    body = answer.body
    assert body["name"] == "hub"
    assert body["type"] == "com.microsoft:eventhub"
    assert (body["partition_count"], type(body["partition_count"])) == (4, int32)
    assert isinstance(body["partition_ids"], Array), "not a list: clients call array accessors"
    assert [str(one) for one in body["partition_ids"].elements] == list(PARTITIONS)
    assert type(body["created_at"]) is timestamp


def test_case_84_an_empty_partition_says_so(reader):
    body = Management(reader).partition("0")
    assert body["last_enqueued_offset"] == "-1"
    assert body["is_partition_empty"] is True
    assert body["partition"] == "0"
    assert body["type"] == "com.microsoft:partition"
    assert body["last_enqueued_sequence_number"] == -1


def test_a_partition_that_has_something_tells_where_it_ends(reader, telemetry):
    telemetry(b"1", b"2", b"3")
    management = Management(reader)
    body = management.partition(filled(management)[0])
    assert body["last_enqueued_sequence_number"] - body["begin_sequence_number"] == 2
    assert int(body["last_enqueued_offset"]) >= 0
    assert abs(body["last_enqueued_time_utc"] / 1000 - time.time()) < 60


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("com.microsoft:partition", {"partition": "4"}),
        ("com.microsoft:partition", {"partition": "x"}),
        ("com.microsoft:partition", {}),
        ("com.microsoft:nothing", {}),
    ],
)
def test_what_there_is_not_is_answered_404_or_400_and_explained(reader, journal, witness, kind, more):
    answer = Management(reader).read(kind, **more)
    assert answer.properties["status-code"] in (400, 404)
    assert answer.properties["status-description"]
    assert journal.row("refused")["why"]


def test_a_token_may_come_in_the_request_as_the_java_sdk_has_it(dial, emulator):
    resource = "sb://localhost/hub"
    token = sas.token(emulator.policies["service"].primary_key, resource, "service")
    answer = Management(dial().open()).read("com.microsoft:eventhub", security_token=token)
    assert answer.properties["status-code"] == 200


@pytest.mark.parametrize(
    "make",
    [lambda emulator: "", lambda emulator: "nonsense", lambda emulator: packets.token_for("d1")],
    ids=["none", "no token", "a device's"],
)
def test_without_a_policys_token_the_answer_is_401_and_explained(dial, emulator, d1, journal, witness, make):
    management = Management(dial().open())
    answer = management.read("com.microsoft:eventhub", security_token=make(emulator))
    assert answer.properties["status-code"] == 401
    assert answer.body is None
    assert journal.row("refused")["why"]


# ---- events ----


def test_case_85_telemetry_arrives_whole_and_with_its_annotations(reader, telemetry, owner):
    body = b'{"t": 21.5, "text": "\xc3\x9f"}'
    telemetry(
        body,
        id="m-1",
        correlation_id="c-1",
        content_type="application/json",
        content_encoding="utf-8",
        properties={"alert": "true"},
    )
    message = reader.take(reader.receiver(address_of(partition_of(reader))))
    assert bytes(message.body) == body
    assert (message.id, message.correlation_id) == ("m-1", "c-1")
    assert (message.content_type, message.content_encoding) == ("application/json", "utf-8")
    assert message.properties == {"alert": "true"}
    annotations = {str(key): value for key, value in message.annotations.items()}
    assert type(annotations["x-opt-sequence-number"]) is int, "an AMQP long"
    assert type(annotations["x-opt-offset"]) is str and annotations["x-opt-offset"].isdecimal()
    assert type(annotations["x-opt-enqueued-time"]) is timestamp
    assert annotations["iothub-connection-device-id"] == "d1"
    assert annotations["iothub-message-source"] == "Telemetry"
    assert '"scope":"device"' in annotations["iothub-connection-auth-method"]
    assert annotations["iothub-connection-auth-generation-id"] == owner.get("/devices/d1").json["generationId"]
    assert type(annotations["iothub-enqueuedtime"]) is timestamp


def test_a_modules_event_names_the_module(reader, dial, d1, devices):
    devices("d1", "m1")
    module = dial().open().become_device("d1", "m1")
    module.send(module.sender("/devices/d1/modules/m1/messages/events"), b"x")
    message = reader.take(reader.receiver(address_of(partition_of(reader))))
    assert message.annotations[symbol("iothub-connection-module-id")] == "m1"


def test_telemetry_over_mqtt_reaches_the_same_reader(reader, telemetry, emulator, d1):
    from mqtt_client import MqttClient

    telemetry(b"first")
    client = MqttClient(emulator).connect("d1")
    client.send(packets.publish("devices/d1/messages/events/", b"by MQTT", packet_id=1))
    receiver = reader.receiver(address_of(partition_of(reader)))
    assert bodies(reader, receiver, 2) == [b"first", b"by MQTT"]
    client.abandon()


def test_a_device_stays_in_one_partition_and_in_order(reader, telemetry):
    telemetry(*[f"n{number}".encode() for number in range(200)])
    receiver = reader.receiver(address_of(partition_of(reader)), credit=200)
    assert bodies(reader, receiver, 200) == [f"n{number}".encode() for number in range(200)]
    assert len(filled(Management(reader))) == 1


def test_a_reader_that_waits_gets_what_comes(reader, telemetry):
    telemetry(b"before")
    receiver = reader.receiver(address_of(partition_of(reader)), filters=selector("amqp.annotation.x-opt-offset > '@latest'"))
    assert reader.receives_nothing(receiver)
    telemetry(b"after")
    assert bodies(reader, receiver, 1) == [b"after"]


def test_no_more_events_come_than_there_is_credit_for(reader, telemetry):
    telemetry(b"0", b"1", b"2")
    receiver = reader.receiver(address_of(partition_of(reader)), credit=2)
    assert [bytes(reader.receive(receiver).message.body) for _ in range(2)] == [b"0", b"1"]
    assert reader.receives_nothing(receiver)
    receiver.flow(5)
    assert bytes(reader.receive(receiver).message.body) == b"2"


# ---- filters ----


def annotation(peer, partition, index, name):
    receiver = peer.receiver(address_of(partition), credit=index + 1)
    for _ in range(index):
        peer.receive(receiver)
    value = peer.receive(receiver).message.annotations[symbol(name)]
    peer.detach(receiver)
    return value


FILTERS = {
    "from the start, quoted": ("amqp.annotation.x-opt-offset > '-1'", 0),
    "from the start, bare": ("amqp.annotation.x-opt-offset > -1", 0),
    "after an offset": ("amqp.annotation.x-opt-offset > '{offset}'", 3),
    "from an offset": ("amqp.annotation.x-opt-offset >= '{offset}'", 2),
    "after a sequence number": ("amqp.annotation.x-opt-sequence-number > '{sequence}'", 3),
    "from a sequence number, bare": ("amqp.annotation.x-opt-sequence-number >= {sequence}", 2),
    "after a time": ("amqp.annotation.x-opt-enqueued-time > '{time}'", 3),
    "after a time, as the CLI": ("amqp.annotation.x-opt-enqueuedtimeutc > {time}", 3),
    "with two blanks": ("amqp.annotation.x-opt-sequence-number  >  '{sequence}'", 3),
    "newest": ("amqp.annotation.x-opt-offset > '@latest'", 5),
}


@pytest.mark.parametrize("name", FILTERS)
def test_case_86_each_filter_starts_where_it_says(reader, telemetry, name):
    text, first = FILTERS[name]
    for number in range(5):
        telemetry(f"n{number}".encode())
        time.sleep(0.01)  # times are milliseconds
    partition = partition_of(reader)
    values = {
        "offset": annotation(reader, partition, 2, "x-opt-offset"),
        "sequence": annotation(reader, partition, 2, "x-opt-sequence-number"),
        "time": int(annotation(reader, partition, 2, "x-opt-enqueued-time")) + 1,
    }
    receiver = reader.receiver(address_of(partition), filters=selector(text.format(**values)))
    expected = [f"n{number}".encode() for number in range(first, 5)]
    assert bodies(reader, receiver, len(expected)) == expected
    assert reader.receives_nothing(receiver)


@pytest.mark.parametrize(
    "descriptor",
    [symbol("apache.org:selector-filter:string"), ulong(0x468C00000004), ulong(0x137000000A)],
    ids=["Python's", "Node's", ".NET's"],
)
def test_case_86_a_filters_descriptor_may_be_each_sdks(reader, telemetry, descriptor):
    telemetry(b"0", b"1")
    name = symbol("apache.org:selector-filter:string")
    partition = partition_of(reader)
    first = annotation(reader, partition, 0, "x-opt-sequence-number")
    filters = {name: Described(descriptor, f"amqp.annotation.x-opt-sequence-number > {first}")}
    receiver = reader.receiver(address_of(partition), filters=filters)
    assert bodies(reader, receiver, 1) == [b"1"]


@pytest.mark.parametrize(
    "text", ["", "nonsense", "amqp.annotation.x-opt-offset < '5'", "amqp.annotation.x-opt-nothing > 5", "a" * 5000]
)
def test_a_filter_that_is_none_is_refused_and_explained(reader, journal, witness, text):
    condition = turned_away(reader, address_of("0"), filters=selector(text))
    assert condition == "com.microsoft:argument-error"
    assert journal.row("refused")["why"]


@pytest.mark.parametrize(
    ("address", "condition"),
    [
        (address_of("4"), "com.microsoft:argument-error"),
        (address_of("x"), "com.microsoft:argument-error"),
        (address_of("-1"), "com.microsoft:argument-error"),
        (address_of("0", hub="other"), "amqp:not-found"),
        ("hub/ConsumerGroups/$Default", "amqp:not-found"),
    ],
)
def test_an_address_that_is_no_partition_is_refused_and_explained(reader, journal, witness, address, condition):
    assert turned_away(reader, address) == condition
    assert journal.row("refused")["why"]


@pytest.mark.parametrize(
    "address", [address_of("0", "$default"), "amqps://localhost/" + address_of("0"), "amqps://localhost:5671/" + address_of("0")]
)
def test_the_address_may_be_written_in_each_of_the_sdks_ways(reader, address):
    assert reader.receives_nothing(reader.receiver(address))


# ---- epochs ----


def test_case_87_a_higher_epoch_steals_the_partition(reader, journal):
    first = reader.receiver(address_of("0"), properties={EPOCH: 1})
    second = reader.receiver(address_of("0"), properties={EPOCH: 2})
    assert reader.ended(first) == "amqp:link:stolen"
    assert reader.is_attached(second)


@pytest.mark.parametrize("properties", [{EPOCH: 1}, None], ids=["a lower epoch", "no epoch"])
def test_case_87_who_comes_with_less_is_refused(reader, journal, witness, properties):
    holder = reader.receiver(address_of("0"), properties={EPOCH: 2})
    assert turned_away(reader, address_of("0"), properties=properties) == "amqp:link:stolen"
    assert journal.row("refused")["why"]
    assert reader.is_attached(holder)


def test_epochs_of_other_partitions_and_groups_do_not_touch(reader):
    links = [
        reader.receiver(address_of("0"), properties={EPOCH: 5}),
        reader.receiver(address_of("1"), properties={EPOCH: 1}),
    ]
    reader.quiet()
    assert all(reader.is_attached(link) for link in links)


def test_more_readers_than_a_partition_may_have_are_refused_and_explained(reader, journal, witness):
    links = [reader.receiver(address_of("0")) for _ in range(5)]
    assert turned_away(reader, address_of("0")) in (
        "amqp:resource-limit-exceeded",
        "com.microsoft:quota-exceeded",
    )
    assert journal.row("refused")["why"]
    assert all(reader.is_attached(link) for link in links)


# ---- redirects and rights ----


@pytest.mark.parametrize(
    "address",
    [
        "messages/events/$management",
        "amqps://localhost/messages/events/$management",
        "messages/events/ConsumerGroups/$Default/Partitions/0",
        "/messages/events/ConsumerGroups/$Default/Partitions/0",
    ],
)
def test_case_88_who_begins_at_the_iot_host_is_sent_on(service, d1, emulator, address):
    link = service.receiver(address, wait=False)
    assert service.ended(link) == "amqp:link:redirect"
    info = {str(key): value for key, value in link.remote_condition.info.items()}
    assert int(info["port"]) == emulator.ports["amqp"]
    assert f":{emulator.ports['amqp']}/" in info["address"], "Explorer looks for the port"
    assert info["hostname"] == info["network-host"]


def test_case_89_a_reader_on_the_plain_port_needs_no_certificate(dial, emulator, telemetry):
    telemetry(b"x")
    peer = dial(tls=False).open()
    resource = "sb://localhost/hub"
    key = emulator.policies["iothubowner"].primary_key
    assert peer.put_token(resource, sas.token(key, resource, "iothubowner")).status == 200
    receiver = peer.receiver(address_of(partition_of(peer)))
    assert bodies(peer, receiver, 1) == [b"x"]


def test_a_devices_token_reads_no_events(device, journal, witness):
    assert refused(lambda: device.receiver(address_of("0"))).condition == "amqp:unauthorized-access"
    assert journal.row("refused")["why"]


def test_a_sender_to_a_partition_is_refused_and_explained(reader, journal, witness):
    with pytest.raises(Refused) as refusal:
        reader.sender(address_of("0"))
    assert refusal.value.condition in ("amqp:not-allowed", "amqp:not-found")
    assert journal.row("refused")["why"]


# ---- other events ----


def test_twin_lifecycle_and_connection_events_come_when_they_are_asked_for(emulator_factory):
    own = emulator_factory("--memory", "--events", "telemetry,twin,lifecycle,connection", "--partitions", "1")
    with rest.service(own) as owner:
        register(owner, "d1")
        owner.request("PATCH", "/twins/d1", json={"tags": {"t": 1}})
        device = Peer(own).open().become_device("d1")
        device.send(device.sender("/devices/d1/messages/events"), b"x")
        device.abandon()
        reader = Peer(own).open().become_service(own.policies["iothubowner"])
        receiver = reader.receiver(address_of("0"))
        sources = []
        while not {"twinChangeEvents", "deviceLifecycleEvents", "deviceConnectionStateEvents", "Telemetry"} <= set(sources):
            message = reader.take(receiver)
            sources.append(message.annotations[symbol("iothub-message-source")])
    reader.abandon()
    assert sources[0] == "deviceLifecycleEvents"

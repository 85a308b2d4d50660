# SPDX-License-Identifier: MIT
"""azure-eventhub reads telemetry: over TLS, in WebSockets, and as it reads a development emulator."""

import threading
from datetime import datetime, timezone

import pytest
from azure.eventhub import EventHubConsumerClient, TransportType
from azure.eventhub.exceptions import EventHubError
from azure.iot.device import IoTHubDeviceClient, Message
from azure.iot.hub import IoTHubRegistryManager

from conftest import PublicEmulator, connection_string, eventually, sdk, trust

TRANSPORTS = {
    "AMQP": ("", {}),
    "AMQP-WS": ("", {"transport_type": TransportType.AmqpOverWebsocket}),
    "AMQP (plain)": (";UseDevelopmentEmulator=true", {}),
}


def cells(feature):
    """One run per transport, each a cell of the matrix; those of one transport share a Reader."""
    return pytest.mark.parametrize(
        "reader",
        [
            pytest.param(transport, id=transport, marks=sdk("reader", "azure-eventhub", transport, feature))
            for transport in TRANSPORTS
        ],
        indirect=True,
        scope="module",
    )


class Reading:
    """A subscription to one partition, in a thread of its own."""

    def __init__(self, client, partition, **options):
        self.client = client
        self.events = []
        self.errors = []
        self.thread = threading.Thread(
            target=lambda: client.receive(
                lambda _, event: event is not None and self.events.append(event),
                on_error=lambda _, error: self.errors.append(error),
                partition_id=partition,
                max_wait_time=1,
                **options,
            ),
            daemon=True,
        )
        self.thread.start()

    def bodies(self, wanted):
        """The bodies received, once there are that many."""
        eventually(lambda: len(self.events) >= wanted)
        return [event.body_as_str() for event in self.events]

    def close(self):
        """Begins to: the SDK takes seconds for it, and nobody has to wait."""
        threading.Thread(target=self.client.close, daemon=True).start()


class Reader:
    """A hub with one device, and how to read what it sends over `transport`."""

    def __init__(self, emulator, transport):
        suffix, self.options = TRANSPORTS[transport]
        if not suffix:
            self.options = {**self.options, "connection_verify": emulator.ca_path}
        policy = emulator.policies["service"]
        self.text = (
            f"Endpoint=sb://localhost;SharedAccessKeyName=service;SharedAccessKey={policy.primary_key};"
            f"EntityPath={emulator.hub_name}{suffix}"
        )
        self.emulator = emulator
        self.device = new_device(emulator)
        self.send("first")
        with self.client() as client:
            partitions = map(client.get_partition_properties, client.get_partition_ids())
            self.partition = next(one["id"] for one in partitions if not one["is_empty"])

    def figures(self):
        with self.client() as client:
            return client.get_partition_properties(self.partition)

    def send_three(self):
        """Sends 0, 1, 2; gives the partition's figures from before and after."""
        before = self.figures()
        for number in range(3):
            self.send(str(number))
        return before, self.figures()

    def send(self, body):
        message = Message(body, message_id=f"m-{body}", content_type="application/json", content_encoding="utf-8")
        message.custom_properties = {"alert": "true"}
        self.device.send_message(message)

    def client(self):
        return EventHubConsumerClient.from_connection_string(self.text, "$Default", retry_total=0, **self.options)

    def subscribe(self, position, **options):
        return Reading(self.client(), self.partition, starting_position=position, **options)

    def read(self, *wanted):
        """Bodies read by several at once; each is told by how many there are, a position, and options."""
        readings = [self.subscribe(position, **options) for _, position, options in wanted]
        bodies = [reading.bodies(count) for reading, (count, _, _) in zip(readings, wanted)]
        for reading in readings:
            reading.close()
        return bodies


def new_device(emulator):
    registry = IoTHubRegistryManager.from_connection_string(emulator.service_connection_string)
    created = registry.create_device_with_sas("myDeviceId", "", "", "enabled")
    text = connection_string("myDeviceId", created.authentication.symmetric_key.primary_key)
    device = IoTHubDeviceClient.create_from_connection_string(text)
    device.connect()
    return device


@pytest.fixture(scope="module")
def reader(request, tmp_path_factory):
    emulator = PublicEmulator(tmp_path_factory.mktemp("emulator"), ("--memory",))
    trust(emulator)
    reader = Reader(emulator, request.param)
    yield reader
    reader.device.shutdown()
    emulator.stop()


@cells("properties")
def test_the_properties_of_the_hub_and_its_partitions(reader):
    before, after = reader.send_three()
    assert after["last_enqueued_sequence_number"] == before["last_enqueued_sequence_number"] + 3
    assert int(after["last_enqueued_offset"]) > int(before["last_enqueued_offset"])
    assert (after["beginning_sequence_number"], after["is_empty"]) == (0, False)
    with reader.client() as client:
        hub = client.get_eventhub_properties()
        assert hub["eventhub_name"] == reader.emulator.hub_name
        assert hub["partition_ids"] == ["0", "1", "2", "3"]
        assert hub["created_at"] <= datetime.now(timezone.utc)
        other = "0" if reader.partition != "0" else "1"
        assert client.get_partition_properties(other)["is_empty"]
        with pytest.raises(EventHubError):
            client.get_partition_properties("4")


@cells("earliest")
def test_everything_from_the_first_event(reader):
    reader.send_three()
    reading = reader.subscribe("-1", track_last_enqueued_event_properties=True)
    bodies = reading.bodies(4)
    reading.close()
    assert bodies[:1] == ["first"] and bodies[-3:] == ["0", "1", "2"]
    events = reading.events
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert int(events[1].offset) > int(events[0].offset)
    event = events[-2]
    assert event.properties == {b"alert": b"true"}
    assert (event.message_id, event.content_type) == ("m-1", "application/json")
    stamped = event.system_properties
    assert stamped[b"iothub-connection-device-id"] == b"myDeviceId"
    assert stamped[b"iothub-message-source"] == b"Telemetry"
    assert b'"scope":"device"' in stamped[b"iothub-connection-auth-method"]
    assert abs((event.enqueued_time - datetime.now(timezone.utc)).total_seconds()) < 60


@cells("latest")
def test_only_what_comes_after_the_subscription(reader):
    reading = reader.subscribe("@latest")
    sent = []

    def send_one_more():
        sent.append(f"new-{len(sent)}")
        reader.send(sent[-1])
        # In WebSockets, the SDK hands events on once a second has passed without one.
        return eventually(lambda: reading.events, 2)

    assert eventually(send_one_more)  # the subscription is on its way
    bodies = reading.bodies(1)
    reading.close()
    assert bodies and set(bodies) <= set(sent)


@cells("sequence")
def test_from_a_sequence_number_and_from_an_offset(reader):
    before, after = reader.send_three()
    one = before["last_enqueued_sequence_number"] + 2
    inclusive = {"starting_position_inclusive": True}
    last = after["last_enqueued_offset"]
    bodies = reader.read((1, one, {}), (2, one, inclusive), (1, last, inclusive))
    assert bodies == [["2"], ["1", "2"], ["2"]]


@cells("time")
def test_from_a_time(reader):
    before = reader.figures()["last_enqueued_time_utc"]
    eventually(lambda: datetime.now(timezone.utc) > before)
    reader.send("later")
    since, all_of_them = reader.read((1, before, {}), (2, datetime.fromtimestamp(0, timezone.utc), {}))
    assert since == ["later"]
    assert all_of_them[0] == "first"


@cells("epoch")
def test_the_higher_owner_level_takes_the_partition(reader):
    low = reader.subscribe("-1", owner_level=1)
    assert low.bodies(1)[0] == "first"
    high = reader.subscribe("-1", owner_level=2)
    assert high.bodies(1)[0] == "first"
    assert eventually(lambda: low.errors), "nobody told the lower one"
    assert "epoch" in str(low.errors[0])
    late = reader.subscribe("-1", owner_level=1)
    assert eventually(lambda: late.errors)
    assert late.events == []
    reader.send("after")
    assert eventually(lambda: "after" in high.bodies(1))
    for reading in (low, late, high):
        reading.close()

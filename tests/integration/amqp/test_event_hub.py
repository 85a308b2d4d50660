# SPDX-License-Identifier: MIT
"""
The Event Hubs-compatible endpoint of a whole program: on both ports, across restarts, with its options. What each
filter, epoch and request does stands in tests/unit/amqp.
"""

import subprocess

import pytest
from amqp_peer import Peer, refused, selector
from emulator import Emulator
from hub_view import register
from proton import Message
from rest import service as rest_service

FIRST = selector("amqp.annotation.x-opt-offset > '-1'")
LATEST = selector("amqp.annotation.x-opt-offset > '@latest'")
PARTITIONS = 4


def reader_of(emulator, **how):
    return Peer(emulator, **how).open().become_service(emulator.policies["service"])


def address(emulator, partition, group="$Default"):
    return f"{emulator.hub_name}/ConsumerGroups/{group}/Partitions/{partition}"


def manage(peer, **asked):
    session = peer.session()
    sender = peer.sender("$management", session=session)
    receiver = peer.receiver("$management", session=session)
    request = Message(id="r1", reply_to="here", properties={"operation": "READ", **asked})
    assert peer.send(sender, request).outcome == "accepted"
    answer = peer.take(receiver)
    assert answer.correlation_id == "r1"
    return answer


def partitions_of(peer, emulator):
    """What $management says of each."""
    kind = "com.microsoft:partition"
    return [
        manage(peer, type=kind, name=emulator.hub_name, partition=str(number)).body for number in range(PARTITIONS)
    ]


def send(emulator, *bodies, device="d1"):
    peer = Peer(emulator).open().become_device(device)
    sender = peer.sender(f"/devices/{device}/messages/events")
    for body in bodies:
        assert peer.send(sender, body).outcome == "accepted"
    peer.close()


def the_one_with_events(peer, emulator):
    (body,) = [body for body in partitions_of(peer, emulator) if not body["is_partition_empty"]]
    return body


def bodies(peer, receiver, count):
    return [bytes(peer.take(receiver).body) for _ in range(count)]


@pytest.fixture
def start(tmp_path):
    """Starts emulators of the test's own, and ends them."""
    started = []

    def one(*arguments, folder="own"):
        started.append(Emulator(tmp_path / folder, arguments))
        return started[-1]

    yield one
    for emulator in started:
        if emulator.process.poll() is None:
            emulator.stop()


@pytest.mark.parametrize("tls", [True, False])
def test_case_89_telemetry_is_read_on_both_ports(emulator, d1, tls):
    send(emulator, b"one", b"two")
    peer = reader_of(emulator, tls=tls)
    partition = the_one_with_events(peer, emulator)
    receiver = peer.receiver(address(emulator, partition["partition"]), filters=FIRST)
    message = peer.take(receiver)
    assert bytes(message.body) == b"one"
    assert message.annotations["x-opt-sequence-number"] == partition["begin_sequence_number"]
    assert message.annotations["iothub-connection-device-id"] == "d1"
    assert bodies(peer, receiver, 1) == [b"two"]
    send(emulator, b"three")
    assert bodies(peer, receiver, 1) == [b"three"]
    peer.close()


def test_case_83_the_event_hub_is_described(emulator):
    peer = reader_of(emulator)
    answer = manage(peer, type="com.microsoft:eventhub", name=emulator.hub_name)
    assert answer.properties["status-code"] == 200
    assert answer.body["partition_count"] == PARTITIONS
    assert list(answer.body["partition_ids"].elements) == ["0", "1", "2", "3"]
    peer.close()


def test_case_87_the_higher_epoch_steals_from_another_connection(emulator):
    low, high = reader_of(emulator), reader_of(emulator)
    one = low.receiver(address(emulator, 0), properties={"com.microsoft:epoch": 1})
    two = high.receiver(address(emulator, 0), properties={"com.microsoft:epoch": 2})
    assert low.ended(one) == "amqp:link:stolen"
    assert high.is_attached(two)
    late = low.receiver(address(emulator, 0), properties={"com.microsoft:epoch": 1})
    assert low.ended(late) == "amqp:link:stolen"
    low.close()
    high.close()


def test_case_88_readers_at_the_iot_hub_are_redirected(emulator):
    peer = reader_of(emulator)
    receiver = peer.receiver("messages/events/$management")
    assert peer.ended(receiver) == "amqp:link:redirect"
    info = receiver.remote_condition.info
    assert info["hostname"] == "localhost"
    assert info["port"] == emulator.ports["amqp"]
    assert info["address"] == f"amqps://localhost:{emulator.ports['amqp']}/{emulator.hub_name}/$management"
    peer.close()


def test_a_reader_that_reads_nothing_holds_nobody_up(emulator, d1):
    send(emulator, *[bytes(200_000)] * 20)
    lazy, busy = reader_of(emulator), reader_of(emulator)
    number = the_one_with_events(busy, emulator)["partition"]
    lazy.receiver(address(emulator, number), filters=FIRST, credit=1000, wait=False)
    receiver = busy.receiver(address(emulator, number), filters=FIRST, credit=1000)
    assert len(bodies(busy, receiver, 20)) == 20
    send(emulator, b"more")
    assert bodies(busy, receiver, 1) == [b"more"]
    lazy.abandon()
    busy.close()


def test_positions_and_the_number_of_partitions_survive_a_kill(start, tmp_path):
    data = str(tmp_path / "data")
    emulator = start("--data", data, "--partitions", "2")
    with rest_service(emulator) as owner:
        register(owner, "d1")
    send(emulator, b"one", b"two")
    emulator.kill()

    emulator = start("--data", data)
    peer = reader_of(emulator)
    hub = manage(peer, type="com.microsoft:eventhub", name=emulator.hub_name).body
    assert hub["partition_count"] == 2
    kind = "com.microsoft:partition"
    figures = [manage(peer, type=kind, name=emulator.hub_name, partition=n).body for n in "01"]
    (ours,) = [body for body in figures if not body["is_partition_empty"]]
    assert (ours["begin_sequence_number"], ours["last_enqueued_sequence_number"]) == (0, 1)
    receiver = peer.receiver(
        address(emulator, ours["partition"]), filters=selector("amqp.annotation.x-opt-sequence-number > '0'")
    )
    assert bodies(peer, receiver, 1) == [b"two"]
    send(emulator, b"three")
    message = peer.take(receiver)
    assert (bytes(message.body), message.annotations["x-opt-sequence-number"]) == (b"three", 2)
    peer.close()
    emulator.stop()

    refusal = subprocess.run(
        [emulator.binary, "--data", data, "--partitions", "3", "--home", str(tmp_path / "home")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refusal.returncode == 2
    assert "made with 2 partitions" in refusal.stderr


def test_other_events_come_when_they_are_asked_for(start):
    emulator = start("--memory", "--events", "telemetry,twin,lifecycle,connection", "--partitions", "1")
    with rest_service(emulator) as owner:
        register(owner, "d1")
        assert owner.patch("/twins/d1", json={"tags": {"a": 1}}).status == 200
    send(emulator, b"hello")
    peer = reader_of(emulator)
    receiver = peer.receiver(address(emulator, 0), filters=FIRST)
    messages = [peer.take(receiver) for _ in range(5)]
    said = [
        (message.annotations["iothub-message-source"], (message.properties or {}).get("opType"))
        for message in messages
    ]
    assert said == [
        ("deviceLifecycleEvents", "createDeviceIdentity"),
        ("twinChangeEvents", "updateTwin"),
        ("deviceConnectionStateEvents", "deviceConnected"),
        ("Telemetry", None),
        ("deviceConnectionStateEvents", "deviceDisconnected"),
    ]
    assert [message.annotations["x-opt-sequence-number"] for message in messages] == [0, 1, 2, 3, 4]
    peer.close()


def test_consumer_groups_are_named_at_the_start(start):
    emulator = start("--memory", "--consumer-groups", "web,backup")
    peer = reader_of(emulator)
    for group in ("$default", "web", "BACKUP"):
        assert peer.is_attached(peer.receiver(address(emulator, 0, group), filters=LATEST))
    stranger = peer.receiver(address(emulator, 0, "other"), filters=LATEST)
    assert peer.ended(stranger) == "amqp:not-found"
    assert "--consumer-groups other" in stranger.remote_condition.description
    peer.close()


def test_a_bad_filter_is_refused_with_its_place(emulator):
    peer = reader_of(emulator)
    receiver = peer.receiver(
        address(emulator, 0), filters=selector("amqp.annotation.x-opt-enqueuedtimeutc > 'NaN'")
    )
    assert peer.ended(receiver) == "com.microsoft:argument-error"
    assert "at byte 41" in receiver.remote_condition.description
    peer.close()


def test_a_device_reads_no_events(emulator, device):
    assert refused(lambda: device.receiver(address(emulator, 0))).condition == "amqp:unauthorized-access"

# SPDX-License-Identifier: MIT
"""
What was acknowledged is there after the emulator was killed in the middle of it.

Devices send telemetry and report properties, a service writes tags and registers devices, all at
once and each noting what it got an answer for. Then kill -9, a restart on the same data, and a
comparison. What was sent but not answered may be there or not.
"""

import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "mqtt"))

import packets
import rest
from hub_view import register
from mqtt_client import MqttClient

DEVICES = ["d0", "d1", "d2"]
WINDOW = 16
ANSWERS_MIN = 100  # of each kind, before the kill
WORK_S_MAX = 60


class Worker(threading.Thread):
    """Repeats `step` until the hub is gone; counts what it got answers for."""

    def __init__(self):
        super().__init__(daemon=True)
        self.answered = 0

    def run(self):
        try:
            while True:
                self.step()
        except (OSError, AssertionError, rest.http.client.HTTPException):
            pass  # the kill: what was on its way got no answer


class Telemetry(Worker):
    """A window of messages at a time, numbered, each acknowledged in order."""

    def __init__(self, emulator, device):
        super().__init__()
        self.device = device
        self.client = MqttClient(emulator).connect(device)

    def step(self):
        numbers = range(self.answered + 1, self.answered + 1 + WINDOW)
        topic = f"devices/{self.device}/messages/events/"
        sent = [packets.publish(topic, str(n), packet_id=n % 65535 + 1) for n in numbers]
        self.client.send(b"".join(sent))
        for n in numbers:
            self.client.expect(packets.packet(0x40, (n % 65535 + 1).to_bytes(2, "big")))
            self.answered = n


class Reported(Worker):
    """One property after the other; the answer's version is one more each time."""

    def __init__(self, emulator, device):
        super().__init__()
        self.device = device
        self.client = MqttClient(emulator).connect(device).subscribe("$iothub/twin/res/#")

    def step(self):
        n = self.answered + 1
        patch = f'{{"n":{n}}}'
        self.client.send(packets.publish(f"$iothub/twin/PATCH/properties/reported/?$rid={n}", patch))
        topic, _ = self.client.publish()
        assert topic == f"$iothub/twin/res/204/?$rid={n}&$version={n + 1}"
        self.answered = n


class Tags(Worker):
    def __init__(self, emulator, device):
        super().__init__()
        self.device = device
        self.rest = rest.service(emulator)

    def step(self):
        answer = self.rest.patch(f"/twins/{self.device}", {"tags": {"n": self.answered + 1}})
        assert answer.status == 200
        self.answered += 1


class Registrations(Worker):
    def __init__(self, emulator):
        super().__init__()
        self.rest = rest.service(emulator)

    def step(self):
        self.rest.create_device(f"made{self.answered + 1}")
        self.answered += 1


def work_until_killed(emulator, workers):
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + WORK_S_MAX
    while min(worker.answered for worker in workers) < ANSWERS_MIN:
        assert time.monotonic() < deadline, [worker.answered for worker in workers]
        assert all(worker.is_alive() for worker in workers), "a worker ended before the kill"
        time.sleep(0.01)
    emulator.kill()
    for worker in workers:
        worker.join()


def telemetry_of(emulator, device):
    """The numbers in the journal, in its order."""
    numbers, after = [], 0
    while True:
        query = f"/journal?kind=telemetry&device={device}&after={after}&limit=1000"
        _, page = emulator.control("GET", query)
        if not page["rows"]:
            return numbers
        numbers += [row["body"] for row in page["rows"]]
        after = page["next"]


@pytest.mark.parametrize("sync", ["normal", "full"])
def test_what_was_acknowledged_survives_a_kill(emulator_factory, tmp_path, sync):
    emulator = emulator_factory("--data", str(tmp_path / "data"), "--sync", sync)
    with rest.service(emulator) as owner:
        for device in [*DEVICES, "reporter", "tagged"]:
            register(owner, device)
    senders = [Telemetry(emulator, device) for device in DEVICES]
    reported, tags = Reported(emulator, "reporter"), Tags(emulator, "tagged")
    registrations = Registrations(emulator)
    work_until_killed(emulator, [*senders, reported, tags, registrations])

    emulator.start()
    for sender in senders:
        found = telemetry_of(emulator, sender.device)
        assert found == list(range(1, len(found) + 1)), "a message is missing, doubled or out of order"
        assert sender.answered <= len(found) <= sender.answered + WINDOW
    with rest.service(emulator) as owner:
        twin = owner.get("/twins/reporter").json
        assert twin["properties"]["reported"]["n"] in (reported.answered, reported.answered + 1)
        assert twin["properties"]["reported"]["$version"] == twin["properties"]["reported"]["n"] + 1
        assert twin["connectionState"] == "Disconnected", "nobody has connected since the restart"
        assert owner.get("/twins/tagged").json["tags"]["n"] in (tags.answered, tags.answered + 1)
        made = owner.get("/statistics/devices").json["totalDeviceCount"] - len(DEVICES) - 2
        assert made in (registrations.answered, registrations.answered + 1)
        assert owner.get(f"/devices/made{registrations.answered}").status == 200
        # And the hub goes on from there.
        assert MqttClient(emulator).connect("d0").telemetry("devices/d0/messages/events/", "0") is None
    emulator.stop()


def test_a_clean_end_loses_nothing_either(emulator_factory, tmp_path):
    emulator = emulator_factory("--data", str(tmp_path / "data"))
    with rest.service(emulator) as owner:
        register(owner, "d0")
        register(owner, "d0", "m1")
    client = MqttClient(emulator).connect("d0").subscribe("$iothub/methods/POST/#")
    client.telemetry("devices/d0/messages/events/", "1")
    last = emulator.control("GET", "/journal?limit=1")[1]["last"]
    emulator.stop()

    emulator.start()
    assert telemetry_of(emulator, "d0") == [1]
    assert emulator.control("GET", "/journal?limit=1")[1]["last"] > last, "sequence numbers go on"
    with rest.service(emulator) as owner:
        key = owner.get("/devices/d0/modules/m1").json["authentication"]["symmetricKey"]
        assert key["primaryKey"] == packets.KEY
    # The session of clean=0 is still there, and with it its subscription.
    MqttClient(emulator).connect("d0", expect=packets.CONNACK_OK_SESSION_PRESENT)

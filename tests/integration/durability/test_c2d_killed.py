# SPDX-License-Identifier: MIT
"""Cloud-to-device messages, their locks and their feedback outlive a killed process."""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "https"))

import rest
from test_c2d import FEEDBACK, QUEUE, complete, fetch_feedback, receive, send, token


def test_queued_messages_survive_a_kill(emulator_factory, tmp_path):
    emulator = emulator_factory("--data", str(tmp_path / "data"))
    with rest.service(emulator) as owner:
        identity = owner.create_device("d1")
        for number in range(5):
            send(owner, str(number).encode(), messageid=f"m{number}", ack="full", **{"app-k": "v"})
        with rest.device(emulator, identity) as client:
            done, locked, abandoned = receive(client), receive(client), receive(client)
            assert complete(client, done) == 204
            assert client.post(f"{QUEUE}/{token(abandoned)}/abandon").status == 204
    emulator.kill()

    emulator.start()
    with rest.service(emulator) as owner, rest.device(emulator, identity) as client:
        assert owner.get("/twins/d1").json["cloudToDeviceMessageCount"] == 4
        second = receive(client)
        assert (second.body, second.headers["iothub-deliverycount"]) == (b"2", "1")
        assert second.headers["iothub-app-k"] == "v"
        assert [receive(client).body for _ in range(2)] == [b"3", b"4"]
        assert client.get(QUEUE).status == 204, "1 is still locked"
        assert complete(client, locked) == 204, "and by the same token"
        records = fetch_feedback(owner)
        if len(records) < 2:
            records += fetch_feedback(owner)
        assert [record["originalMessageId"] for record in records] == ["m0", "m1"]
    emulator.stop()


def test_feedback_that_nobody_fetched_survives_a_kill(emulator_factory, tmp_path):
    emulator = emulator_factory("--data", str(tmp_path / "data"), "--set", "feedback-window-ms=0")
    with rest.service(emulator) as owner:
        identity = owner.create_device("d1")
        send(owner, messageid="m1", ack="full")
        with rest.device(emulator, identity) as client:
            assert complete(client, receive(client)) == 204
        batch = owner.get(FEEDBACK)
        while batch.status == 204:
            batch = owner.get(FEEDBACK)
        assert owner.post(f"{FEEDBACK}/{token(batch)}/abandon").status == 204
    emulator.kill()

    emulator.start()
    with rest.service(emulator) as owner:
        again = owner.get(FEEDBACK)
        assert (again.status, again.body) == (200, batch.body)
        assert owner.delete(f"{FEEDBACK}/{token(again)}").status == 204
    emulator.kill()

    emulator.start()
    with rest.service(emulator) as owner:
        assert owner.get(FEEDBACK).status == 204
    emulator.stop()


def test_a_kill_in_the_middle_loses_nothing_that_was_answered(emulator_factory, tmp_path):
    emulator = emulator_factory("--data", str(tmp_path / "data"))
    with rest.service(emulator) as owner:
        identities = [owner.create_device(f"d{n}") for n in range(20)]
    accepted = []

    def work():
        try:
            with rest.service(emulator) as owner:
                for number in range(1000):
                    queue = f"/devices/d{number % 20}/messages/deviceBound"
                    send(owner, str(number).encode(), queue)
                    accepted.append(number)
        except (OSError, rest.http.client.HTTPException):
            pass  # the kill

    worker = threading.Thread(target=work)
    worker.start()
    while len(accepted) < 100 and worker.is_alive():
        pass
    emulator.kill()
    worker.join()

    emulator.start()
    found = []
    for n, identity in enumerate(identities):
        queue = f"/devices/d{n}/messages/deviceBound"
        with rest.device(emulator, identity) as client:
            answer = client.get(queue)
            bodies = []
            while answer.status == 200:
                bodies.append(int(answer.body))
                answer = client.get(queue)
        assert bodies == sorted(bodies), "first in, first out"
        found += bodies
    assert set(accepted) <= set(found) <= set(range(len(accepted) + 1))
    emulator.stop()

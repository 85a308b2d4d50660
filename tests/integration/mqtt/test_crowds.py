# SPDX-License-Identifier: MIT
"""A thousand devices at once. Numbers are the device protocol reference's, section 11."""

import resource
from concurrent.futures import ThreadPoolExecutor

import pytest

import packets
import rest
from hub_view import Journal
from mqtt_client import MqttClient, context_for

CROWD = 1000
BULK_MAX = 100
THREADS = 8
WINDOW = 5


@pytest.fixture
def crowd(emulator_factory):
    """An emulator with a thousand devices; room for as many sockets here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CROWD * 2 + 200
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    emulator = emulator_factory("--memory")
    key = {"type": "sas", "symmetricKey": {"primaryKey": packets.KEY, "secondaryKey": packets.KEY}}
    with rest.service(emulator) as owner:
        for start in range(0, CROWD, BULK_MAX):
            identities = [
                {"id": f"d{number}", "importMode": "create", "authentication": key}
                for number in range(start, start + BULK_MAX)
            ]
            answer = owner.post("/devices", identities)
            assert answer.json["isSuccessful"], answer
    return emulator


def at_once(pool, work):
    return list(pool.map(work, range(CROWD)))


def test_55_a_thousand_devices_and_a_reconnect_storm(crowd):
    """
    All connect with a window of messages right behind CONNECT, and then all again without leaving
    first: every PUBACK comes, in order, every old connection is ended, and nothing is stored twice.
    """
    context = context_for(crowd)

    def arrive(number):
        device = f"d{number}"
        client = MqttClient(crowd, context=context)
        topic = f"devices/{device}/messages/events/"
        client.send(
            packets.connect(device)
            + b"".join(packets.publish(topic, str(i), packet_id=i) for i in range(1, WINDOW + 1))
        )
        return client

    def acknowledged(client):
        client.expect("20 02 00 00")
        client.expect(b"".join(b"\x40\x02" + i.to_bytes(2, "big") for i in range(1, WINDOW + 1)))

    journal = Journal(crowd)
    with ThreadPoolExecutor(THREADS) as pool:
        first = at_once(pool, arrive)
        for client in first:
            acknowledged(client)
        second = at_once(pool, arrive)
    for client in second:
        acknowledged(client)
    for client in first:
        client.expect_closed()
    second[0].ping()
    second[-1].ping()
    counts = {kind: count_rows(journal, kind) for kind in ("connected", "disconnected", "telemetry")}
    assert counts == {"connected": 2 * CROWD, "disconnected": CROWD, "telemetry": 2 * CROWD * WINDOW}
    for number in (0, CROWD // 2, CROWD - 1):
        rows = journal.rows("telemetry", f"d{number}")
        assert [row["body"] for row in rows] == [1, 2, 3, 4, 5] * 2
    for client in second:
        client.abandon()


def count_rows(journal, kind):
    count, after = 0, journal.start
    while rows := journal.get(f"after={after}&limit=1000&kind={kind}")["rows"]:
        count += len(rows)
        after = rows[-1]["sequence"]
    return count

# SPDX-License-Identifier: MIT
"""The control endpoint: who may ask, what it tells, the journal and its long poll, the reset."""

import http.client
import json
import ssl
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


def ask(emulator, method, path, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", emulator.ports["control"], timeout=60)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    return answer, answer.read().decode()


def journal(emulator, query=""):
    status, answer = emulator.control("GET", f"/journal?{query}")
    assert status == 200, answer
    return answer


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:8880"}, 200),
        ({"Host": "hub.localhost"}, 200),
        ({"Host": "localhost", "Origin": "http://localhost:3000"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost", "Origin": "https://evil.example"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
    ],
)
def test_only_pages_of_this_machine_may_ask(emulator, headers, status):
    for method, path in [("GET", "/healthz"), ("GET", "/journal"), ("POST", "/hubs/hub/reset")]:
        answer, _ = ask(emulator, method, path, headers)
        assert answer.status == (204 if status == 200 and method == "POST" else status)


def test_health_readiness_and_the_authority(emulator):
    assert ask(emulator, "GET", "/healthz")[0].status == 200
    assert ask(emulator, "GET", "/readyz")[0].status == 200
    _, pem = ask(emulator, "GET", "/ca.pem")
    assert pem == Path(emulator.ca_path).read_text()
    assert ssl.PEM_cert_to_DER_cert(pem)


def test_figures_are_prometheus_text(emulator, owner):
    owner.create_device("d1")
    answer, text = ask(emulator, "GET", "/metrics")
    assert answer.getheader("Content-Type").startswith("text/plain; version=0.0.4")
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert all(float(value) >= 0 for value in values.values())
    assert any(name.startswith("iothub_") and "identityCreated" in name for name in values), values


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/nope", 404),
        ("POST", "/hubs/nope/reset", 404),
        ("GET", "/hubs/hub/reset", 405),
        ("POST", "/journal", 405),
        ("PUT", "/readyz", 405),
        ("GET", "/journal?limit=1001", 400),
        ("GET", "/journal?after=x", 400),
        ("GET", "/journal?timeout=301", 400),
        ("GET", "/journal?kind=nothing", 400),
        ("GET", "/journal?hub=nope", 404),
        ("POST", "/hubs/hub/snapshot", 501),
        ("GET", "/clock", 501),
        ("POST", "/faults", 501),
        ("GET", "/coverage", 501),
    ],
)
def test_what_is_refused_says_why(emulator, method, path, status):
    answer, text = ask(emulator, method, path)
    assert answer.status == status
    assert len(json.loads(text)["error"]) > 10


def test_rows_are_filtered_and_paged_by_sequence(emulator, owner):
    start = journal(emulator, "limit=1")["last"]
    for i in range(25):
        owner.create_device(f"d{i}")
    owner.patch("/twins/d3", {"tags": {"a": 1}})
    seen, after = [], start
    while (page := journal(emulator, f"after={after}&limit=10"))["rows"]:
        assert len(page["rows"]) <= 10
        seen += [row["sequence"] for row in page["rows"]]
        after = page["next"]
    assert len(seen) == 26 and seen == sorted(set(seen)) and seen[0] > start
    rows = journal(emulator, f"after={start}&device=d3")["rows"]
    assert [row["kind"] for row in rows] == ["identityCreated", "twinChanged"]
    rows = journal(emulator, f"after={start}&kind=twinChanged,reported")["rows"]
    assert [row["deviceId"] for row in rows] == ["d3"]


def test_a_page_of_large_rows_ends_early_and_the_next_goes_on(emulator, owner):
    register(owner, "d1")
    start = journal(emulator, "limit=1")["last"]
    client = MqttClient(emulator).connect("d1")
    for _ in range(60):  # escaped, 1.5 MB each: more than an answer may have
        client.telemetry("devices/d1/messages/events/", b"\x01" * 262000)
    count, after, pages = 0, start, 0
    while (page := journal(emulator, f"after={after}&limit=1000&kind=telemetry"))["rows"]:
        count, after, pages = count + len(page["rows"]), page["next"], pages + 1
    assert count == 60 and pages > 1
    client.ping()


def test_a_long_poll_wakes_with_the_row_or_with_the_time(emulator, owner):
    after = journal(emulator, "limit=1")["last"]
    got = []
    query = f"after={after}&kind=twinChanged&device=d1&timeout=30"
    poll = threading.Thread(target=lambda: got.append(journal(emulator, query)))
    poll.start()
    owner.create_device("d1")
    owner.create_device("d2")
    owner.patch("/twins/d2", {"tags": {"a": 1}})
    time.sleep(0.1)
    assert poll.is_alive(), "none of these rows is asked for"
    owner.patch("/twins/d1", {"tags": {"a": 1}})
    poll.join(10)
    assert [row["deviceId"] for row in got[0]["rows"]] == ["d1"] and not got[0]["timedOut"]

    started = time.monotonic()
    answer = journal(emulator, f"after={got[0]['next']}&timeout=1")
    assert answer["rows"] == [] and answer["timedOut"]
    assert 0.9 < time.monotonic() - started < 5


def test_a_reset_in_the_middle_of_everything(emulator, owner):
    """Devices connected, a call and a long poll on their way, a page of a query just read."""
    for device in ["d1", "d2"]:
        register(owner, device)
    clients = [MqttClient(emulator).connect(device) for device in ["d1", "d2"]]
    clients[0].subscribe("$iothub/methods/POST/#")
    page = owner.post("/devices/query", {"query": "SELECT * FROM devices"}, headers={"x-ms-max-item-count": "1"})
    answers = []

    def invoke():
        with rest.service(emulator) as service:
            call = {"methodName": "m", "responseTimeoutInSeconds": 60}
            answers.append(service.post("/twins/d1/methods", call).status)

    def wait():
        after = journal(emulator, "limit=1")["last"]
        answers.append(journal(emulator, f"after={after}&kind=hub&timeout=60")["rows"][0]["kind"])

    pending = [threading.Thread(target=invoke), threading.Thread(target=wait)]
    for thread in pending:
        thread.start()
    clients[0].publish()  # the call has reached the device
    time.sleep(0.1)
    emulator.reset()
    for thread in pending:
        thread.join(10)
    assert sorted(map(str, answers)) == ["503", "hub"]
    for client in clients:
        client.expect_closed()
    assert owner.get("/statistics/devices").json["totalDeviceCount"] == 0
    assert owner.get("/statistics/service").json["connectedDeviceCount"] == 0
    token = page.headers["x-ms-continuation"]
    rest_of_it = owner.post(
        "/devices/query", {"query": "SELECT * FROM devices"}, headers={"x-ms-continuation": token}
    )
    assert rest_of_it.status == 200 and rest_of_it.json == []
    with MqttClient(emulator) as client:
        client.send(packets.connect("d1"))
        client.expect(packets.CONNACK_NOT_AUTHORIZED)

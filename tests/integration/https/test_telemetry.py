# SPDX-License-Identifier: MIT
"""A device's REST: telemetry. Numbers are the device protocol reference's, section 11."""

import base64

import pytest

import rest
import sas

EVENTS = "/devices/d1/messages/events"
BATCH = {"Content-Type": "application/vnd.microsoft.iothub.json"}


def telemetry(emulator):
    _, journal = emulator.control("GET", "/journal?kind=telemetry")
    return journal["rows"]


@pytest.fixture
def d1(owner):
    return owner.create_device("d1")


@pytest.fixture
def client(emulator, d1):
    with rest.device(emulator, d1) as one:
        yield one


def test_39_headers_become_properties(emulator, d1, client):
    answer = client.post(
        EVENTS,
        body=b'{"t":21}',
        headers={
            "Content-Type": "application/octet-stream",
            "iothub-app-k": "v",
            "IoTHub-App-Other": "a b=c",
            "IoTHub-MessageId": "m1",
            "iothub-correlationid": "c1",
            "iothub-contenttype": "application/json",
            "iothub-contentencoding": "utf-8",
            "iothub-to": EVENTS,
            "dt-subject": "thermostat1",
        },
    )
    assert (answer.status, answer.body) == (204, b"")
    assert "x-ms-request-id" in answer.headers
    (row,) = telemetry(emulator)
    assert row["deviceId"] == "d1"
    assert row["body"] == {"t": 21}
    assert row["properties"] == {"k": "v", "Other": "a b=c"}
    assert row["systemProperties"] == {
        "messageId": "m1",
        "correlationId": "c1",
        "contentType": "application/json",
        "contentEncoding": "utf-8",
        "to": EVENTS,
        "componentName": "thermostat1",
    }
    assert row["generationId"] == d1["generationId"]


def test_39_a_wrong_key_is_401(emulator, d1):
    key = base64.b64encode(bytes(32)).decode()
    with rest.Rest(emulator, sas.token(key, "localhost/devices/d1")) as stranger:
        answer = stranger.post(EVENTS, body=b"x")
    assert (answer.status, answer.code) == (401, "IotHubUnauthorizedAccess")
    assert answer.message == "ErrorCode:IotHubUnauthorizedAccess;Unauthorized"
    assert telemetry(emulator) == []


def test_39_an_unknown_device_is_refused(client):
    answer = client.post("/devices/nope/messages/events", body=b"x")
    assert (answer.status, answer.code) == (404, "DeviceNotFound")


def test_another_device_is_refused(emulator, owner, client):
    owner.create_device("d2")
    assert client.post("/devices/d2/messages/events", body=b"x").status == 401
    assert client.post("/devices/d1/modules/m1/messages/events", body=b"x").status in (401, 404)
    assert telemetry(emulator) == []


def test_without_a_token_it_is_401(emulator, d1):
    with rest.Rest(emulator) as nobody:
        assert nobody.post(EVENTS, body=b"x").status == 401


def test_a_disabled_device_is_refused(owner, d1, client):
    owner.put("/devices/d1", {**d1, "status": "disabled"}, headers={"If-Match": "*"})
    answer = client.post(EVENTS, body=b"x")
    assert (answer.status, answer.code) == (403, "DeviceDisabled")


@pytest.mark.parametrize("policy, status", [("device", 204), ("iothubowner", 204), ("service", 401)])
def test_a_policy_with_device_connect_may_send(emulator, d1, policy, status):
    with rest.service(emulator, policy) as client:
        assert client.post(EVENTS, body=b"x").status == status


def test_a_module_sends_under_a_double_slash(emulator, owner, d1):
    module = owner.create_module("d1", "m1")
    with rest.device(emulator, module) as client:
        path = "/devices/d1/modules/m1//messages/events"
        assert client.post(path, body=b"x").status == 204
    (row,) = telemetry(emulator)
    assert (row["deviceId"], row["moduleId"], row["bodyText"]) == ("d1", "m1", "x")


def test_a_body_may_be_any_bytes_or_none(emulator, client):
    assert client.post(EVENTS, body=bytes(range(256))).status == 204
    assert client.post(EVENTS, body=b"").status == 204
    assert client.post(EVENTS).status == 204
    first, second, third = telemetry(emulator)
    assert base64.b64decode(first["bodyBase64"]) == bytes(range(256))
    assert second.get("bodyText", "") == third.get("bodyText", "") == ""


def test_a_chunked_body_is_taken(emulator, client):
    answer = client.post(EVENTS, body=iter([b"one ", b"two"]), headers={"Transfer-Encoding": "chunked"})
    assert answer.status == 204
    assert telemetry(emulator)[0]["bodyText"] == "one two"


def test_a_message_has_256_kb_at_most(emulator, client):
    headers = {"iothub-app-k": "v", "iothub-messageid": "m1"}  # four bytes that count
    assert client.post(EVENTS, body=b"x" * (262144 - 4), headers=headers).status == 204
    answer = client.post(EVENTS, body=b"x" * (262144 - 3), headers=headers)
    assert (answer.status, answer.code) == (413, "MessageTooLarge")
    assert len(telemetry(emulator)) == 1


def test_sending_is_activity(owner, client):
    assert client.post(EVENTS, body=b"x").status == 204
    assert not owner.get("/devices/d1").json["lastActivityTime"].startswith("0001")


def test_40_a_batch_is_as_many_messages(emulator, client):
    batch = [
        {"body": base64.b64encode(b"one").decode(), "base64Encoded": True,
         "properties": {"iothub-app-k": "v", "iothub-messageid": "m1"}},
        {"body": "two", "base64Encoded": False},
        {"body": base64.b64encode(b"three").decode(), "properties": {}},
    ]  # fmt: skip
    answer = client.post(EVENTS, batch, headers=BATCH)
    assert (answer.status, answer.body) == (204, b"")
    rows = telemetry(emulator)
    assert [row["bodyText"] for row in rows] == ["one", "two", "three"]
    assert rows[0]["properties"] == {"k": "v"}
    assert rows[0]["systemProperties"] == {"messageId": "m1"}


@pytest.mark.parametrize(
    "batch",
    [
        [],
        {},
        [7],
        [{"body": "b25l"}, {"body": "not base64!"}],
        [{"body": "b25l"}, {"body": 5}],
        [{"body": "b25l"}, {"body": "b25l", "properties": {"iothub-app-k": [1]}}],
    ],
)
def test_a_bad_batch_is_refused_as_a_whole(emulator, client, batch):
    answer = client.post(EVENTS, batch, headers=BATCH)
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")
    assert telemetry(emulator) == []


def test_a_batch_has_256_kb_at_most(emulator, client):
    batch = [{"body": "x" * 65536, "base64Encoded": False} for _ in range(4)]
    assert client.post(EVENTS, batch, headers=BATCH).status == 204
    batch.append({"body": "x", "base64Encoded": False})
    answer = client.post(EVENTS, batch, headers=BATCH)
    assert (answer.status, answer.code) == (413, "MessageTooLarge")
    assert len(telemetry(emulator)) == 4


def test_properties_that_swell_when_escaped_are_taken(emulator, client):
    properties = {"iothub-app-k": "\u0001" * 170000}
    batch = [{"body": "", "properties": properties}]
    assert client.post(EVENTS, batch, headers=BATCH).status == 204
    assert len(telemetry(emulator)[0]["properties"]["k"]) == 170000

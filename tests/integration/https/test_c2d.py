# SPDX-License-Identifier: MIT
"""
Cloud-to-device messages and feedback by HTTPS. Numbers of cases are the device protocol
reference's (section 11); those of the service reference are called service_NN.
"""

import json
import time

import pytest

import rest

QUEUE = "/devices/d1/messages/deviceBound"
FEEDBACK = "/messages/serviceBound/feedback"
FEEDBACK_S_MAX = 20


@pytest.fixture
def d1(owner):
    return owner.create_device("d1")


@pytest.fixture
def client(emulator, d1):
    with rest.device(emulator, d1) as one:
        yield one


def send(owner, body=b"x", queue=QUEUE, **headers):
    answer = owner.post(queue, body=body, headers={f"iothub-{k}": v for k, v in headers.items()})
    assert answer.status == 204, answer


def receive(client, queue=QUEUE):
    answer = client.get(queue)
    assert answer.status == 200, answer
    return answer


def token(answer):
    etag = answer.headers["ETag"]
    assert len(etag) == 38 and etag[0] == etag[-1] == '"', "the GUID stands in quotes"
    return etag[1:-1]


def complete(client, answer, queue=QUEUE, how=""):
    return client.delete(f"{queue}/{token(answer)}{how}").status


def fetch_feedback(owner):
    """The records of the next batch, completed."""
    deadline = time.monotonic() + FEEDBACK_S_MAX
    while time.monotonic() < deadline:
        answer = owner.get(FEEDBACK)
        if answer.status == 200:
            assert owner.delete(f"{FEEDBACK}/{token(answer)}").status == 204
            return answer.json
        assert answer.status == 204, answer
        time.sleep(0.05)
    raise AssertionError("no feedback came")


def outcomes(emulator):
    _, journal = emulator.control("GET", "/journal?kind=c2dSettled")
    return [row["outcome"] for row in journal["rows"]]


# ---- the device's side ----


def test_41_an_empty_queue_is_204(client):
    answer = client.get("/devices/d1/messages/devicebound")
    assert (answer.status, answer.body) == (204, b"")


def test_41_a_message_comes_with_its_headers(emulator, owner, client):
    send(owner, b"\x00\xff{", messageid="m1", correlationid="c1", userid="u1", ack="full",
         contenttype="application/json", contentencoding="utf-8", **{"app-k": "a/&=b %"})  # fmt: skip
    answer = receive(client, "/devices/d1/messages/devicebound")
    assert answer.body == b"\x00\xff{"
    said = answer.headers
    assert said["iothub-messageid"] == "m1"
    assert said["iothub-correlationid"] == "c1"
    assert said["iothub-userid"] == "u1"
    assert said["iothub-to"] == QUEUE
    assert said["iothub-ack"] == "full"
    assert said["iothub-app-k"] == "a/&=b %"
    assert said["iothub-deliverycount"] == "0"
    assert int(said["iothub-sequencenumber"]) > 0
    assert said["iothub-enqueuedtime"].endswith("Z")
    assert said["ContentType"] == said["iothub-contenttype"] == "application/json"
    assert said["ContentEncoding"] == said["iothub-contentencoding"] == "utf-8"
    assert "iothub-expiry" not in said
    assert "x-ms-request-id" in said
    assert complete(client, answer) == 204
    assert outcomes(emulator) == ["completed"]


def test_41_the_second_delete_is_412(client, owner):
    send(owner)
    answer = receive(client)
    assert complete(client, answer) == 204
    again = client.delete(f"{QUEUE}/{token(answer)}")
    assert (again.status, again.code) == (412, "DeviceMessageLockLost")


def test_41_an_abandoned_message_comes_again_with_a_higher_count(client, owner):
    send(owner, b"a")
    send(owner, b"b")
    first = receive(client)
    assert client.post(f"{QUEUE}/{token(first)}/abandon").status == 204
    again = receive(client)
    assert (again.body, again.headers["iothub-deliverycount"]) == (b"a", "1")
    assert again.headers["iothub-sequencenumber"] == first.headers["iothub-sequencenumber"]
    assert receive(client).body == b"b"


def test_41_a_rejected_message_is_told_of(client, owner, d1):
    for how in ("?reject", "?reject=true"):
        send(owner, messageid="m1", ack="negative")
        assert complete(client, receive(client), how=how) == 204
    records = fetch_feedback(owner)
    if len(records) < 2:
        records += fetch_feedback(owner)
    assert [record["statusCode"] for record in records] == ["Rejected"] * 2
    assert records[0]["deviceGenerationId"] == d1["generationId"]


@pytest.mark.parametrize("form", ["{}", '"{}"', "*", "", "W/x"])
def test_if_match_does_not_matter(client, owner, form):
    send(owner)
    lock = token(receive(client))
    headers = {"If-Match": form.format(lock)}
    assert client.delete(f"{QUEUE}/{lock}", headers=headers).status == 204


@pytest.mark.parametrize("form", ["%22{}%22", '"{}"'])
def test_the_token_may_stand_in_quotes(client, owner, form):
    send(owner)
    path = f"{QUEUE}/{form.format(token(receive(client)))}"
    assert client.delete(path).status == 204


def test_a_lock_time_out_may_be_asked_for_and_changes_nothing(client, owner):
    send(owner)
    answer = client.get(QUEUE, headers={"iothub-messagelocktimeout": "5"})
    assert answer.status == 200
    assert client.get(f"{QUEUE}?iothub-messagelocktimeout=5").status == 204


def test_another_device_may_neither_receive_nor_settle(emulator, owner, client):
    send(owner)
    lock = token(receive(client))
    with rest.device(emulator, owner.create_device("d2")) as other:
        assert other.get(QUEUE).status == 401
        assert other.delete(f"{QUEUE}/{lock}").status == 401
        assert other.delete(f"/devices/d2/messages/deviceBound/{lock}").status == 412
        assert other.post(QUEUE, body=b"x").status == 401
    assert client.post(QUEUE, body=b"x").status == 401, "a device does not send to itself"


def test_a_module_receives_under_a_double_slash(emulator, owner, d1):
    module = owner.create_module("d1", "m1")
    queue = "/devices/d1/modules/m1//messages/devicebound"
    send(owner, b"to m1", queue)
    with rest.device(emulator, module) as client:
        answer = receive(client, queue)
        assert answer.body == b"to m1"
        assert complete(client, answer, queue) == 204
        assert client.get(queue).status == 204


@pytest.mark.parametrize("name", ["a.b:c=d@e(1)", "x%23y", "50%"])
def test_a_device_of_any_name_receives(emulator, owner, name):
    identity = owner.create_device(name)
    queue = f"/devices/{rest.quote(name, safe='')}/messages/deviceBound"
    send(owner, b"hello", queue)
    with rest.device(emulator, identity) as client:
        answer = receive(client, queue)
        assert complete(client, answer, queue) == 204


# ---- the service's side ----


def test_25_the_51st_message_is_403004(client, owner):
    for number in range(50):
        send(owner, str(number).encode())
    answer = owner.post(QUEUE, body=b"x")
    assert (answer.status, answer.code) == (403, "DeviceMaximumQueueDepthExceeded")
    first = receive(client)
    assert owner.post(QUEUE, body=b"x").status == 403, "a locked message still takes its place"
    assert complete(client, first) == 204
    send(owner)


def test_service_81_65_kb_are_too_much(owner, client):
    send(owner, b"x" * 65536)
    answer = owner.post(QUEUE, body=b"x" * 65537)
    assert (answer.status, answer.code) == (413, "MessageTooLarge")
    assert receive(client).body == b"x" * 65536


@pytest.mark.parametrize(
    "header, value, status, code",
    [
        ("iothub-ack", "sometimes", 400, "ArgumentInvalid"),
        ("iothub-expiry", "tomorrow", 400, "ArgumentInvalid"),
        ("iothub-expiry", "2020-01-01T00:00:00Z", 403, "InvalidMessageExpiryTime"),
        ("iothub-messageid", "m" * 129, 400, "ArgumentInvalid"),
        ("iothub-app-k", b"\xe9", 400, "ArgumentInvalid"),
    ],
)
def test_a_bad_message_is_refused_and_nothing_queued(emulator, owner, client, header, value, status, code):
    answer = owner.post(QUEUE, body=b"x", headers={header: value})
    assert (answer.status, answer.code) == (status, code)
    assert client.get(QUEUE).status == 204
    _, journal = emulator.control("GET", "/journal?kind=refused")
    assert journal["rows"][-1]["why"], "and the journal says why"


def test_an_unknown_device_gets_nothing(owner):
    answer = owner.post("/devices/nope/messages/deviceBound", body=b"x")
    assert (answer.status, answer.code) == (404, "DeviceNotFound")
    answer = owner.delete("/devices/nope/commands")
    assert (answer.status, answer.code) == (404, "DeviceNotFound")


@pytest.mark.parametrize("policy, status", [("service", 204), ("device", 401), ("registryReadWrite", 401)])
def test_sending_takes_service_connect(emulator, d1, policy, status):
    with rest.service(emulator, policy) as client:
        assert client.post(QUEUE, body=b"x").status == status


def test_http_content_headers_are_the_messages_own(owner, client):
    """IoT Explorer says so (service reference, 2.13)."""
    headers = {"Content-Type": "text/plain", "Content-Encoding": "utf-8"}
    assert owner.post(QUEUE, body=b"x", headers=headers).status == 204
    answer = receive(client)
    assert answer.headers["ContentType"] == "text/plain"
    assert answer.headers["ContentEncoding"] == "utf-8"


def test_a_disabled_device_gets_its_messages_later(emulator, owner, d1, client):
    owner.put("/devices/d1", {**d1, "status": "disabled"}, headers={"If-Match": "*"})
    send(owner, b"kept")
    assert client.get(QUEUE).status == 403
    owner.put("/devices/d1", {**d1, "status": "enabled"}, headers={"If-Match": "*"})
    assert receive(client).body == b"kept"


def counts(owner):
    query = {"query": "SELECT deviceId FROM devices WHERE cloudToDeviceMessageCount > 0"}
    twin = owner.get("/twins/d1").json["cloudToDeviceMessageCount"]
    return (
        owner.get("/devices/d1").json["cloudToDeviceMessageCount"],
        twin,
        [row["deviceId"] for row in owner.post("/devices/query", query).json],
    )


def test_identity_twin_and_queries_show_how_many_wait(owner, client):
    assert counts(owner) == (0, 0, [])
    send(owner)
    send(owner)
    assert counts(owner) == (2, 2, ["d1"])
    first = receive(client)
    assert counts(owner) == (2, 2, ["d1"])
    assert complete(client, first) == 204
    assert counts(owner) == (1, 1, ["d1"])
    assert complete(client, receive(client)) == 204
    assert counts(owner) == (0, 0, [])


def test_a_purge_says_how_many_and_tells_the_senders(owner, client):
    send(owner, messageid="m1", ack="full")
    send(owner, messageid="m2")
    send(owner, messageid="m3", ack="positive")
    answer = owner.delete("/devices/d1/commands")
    assert (answer.status, answer.json) == (
        200,
        {"totalMessagesPurged": 3, "deviceId": "d1", "moduleId": None},
    )
    assert client.get(QUEUE).status == 204
    assert [(r["originalMessageId"], r["statusCode"]) for r in fetch_feedback(owner)] == [("m1", "Purged")]
    assert owner.delete("/devices/d1/commands").json["totalMessagesPurged"] == 0


# ---- feedback ----


def test_service_77_feedback_has_the_original_id(owner, client, d1):
    send(owner, messageid="m1", ack="full")
    assert complete(client, receive(client)) == 204
    (record,) = fetch_feedback(owner)
    assert record.pop("enqueuedTimeUtc").endswith("Z")
    assert record == {
        "originalMessageId": "m1",
        "deviceGenerationId": d1["generationId"],
        "deviceId": "d1",
        "statusCode": "Success",
        "description": "Success",
    }


def test_service_77_a_message_that_expires_is_told_of(emulator, owner, client):
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    send(owner, messageid="m1", ack="negative", expiry=soon)
    assert receive(client).headers["iothub-expiry"] == soon.replace("Z", ".0000000Z")
    send(owner, messageid="m2", ack="negative", expiry=soon)
    assert [(r["originalMessageId"], r["statusCode"]) for r in fetch_feedback(owner)] == [("m2", "Expired")]
    assert outcomes(emulator) == ["expired"], "the other is still locked"


def test_service_77_ten_times_given_back_is_enough(owner, client):
    send(owner, messageid="m1", ack="full")
    for _ in range(10):
        assert client.post(f"{QUEUE}/{token(receive(client))}/abandon").status == 204
    assert client.get(QUEUE).status == 204
    assert [record["statusCode"] for record in fetch_feedback(owner)] == ["DeliveryCountExceeded"]


@pytest.mark.parametrize("ack", [None, "none", "negative"])
def test_who_does_not_ask_is_not_told(emulator, owner, client, ack):
    send(owner, **({} if ack is None else {"ack": ack}))
    assert complete(client, receive(client)) == 204
    time.sleep(1.2)  # the window, and then some
    assert owner.get(FEEDBACK).status == 204


def test_service_78_a_batch_names_the_hub_and_its_time(emulator, owner, client):
    send(owner, ack="full")
    assert complete(client, receive(client)) == 204
    emulator.control("GET", "/journal?kind=feedbackEnqueued&timeout=10")
    answer = owner.get(FEEDBACK)
    assert answer.status == 200
    assert answer.headers["iothub-userid"] == emulator.hub_name
    assert answer.headers["iothub-enqueuedtime"].endswith("Z")
    assert answer.headers["Content-Type"] == "application/vnd.microsoft.iothub.feedback.json"
    assert json.loads(answer.body.decode("ascii"))[0]["originalMessageId"] is None
    assert owner.get(FEEDBACK).status == 204, "it is locked"
    assert owner.post(f"{FEEDBACK}/{token(answer)}/abandon").status == 204
    again = owner.get(FEEDBACK)
    assert again.body == answer.body
    assert owner.delete(f"{FEEDBACK}/{token(answer)}").status == 412
    assert owner.delete(f"{FEEDBACK}/{token(again)}?reject").status == 204
    assert owner.get(FEEDBACK).status == 204


def test_64_records_make_a_batch_at_once(owner, client):
    for _ in range(64):
        send(owner, ack="full")
        assert complete(client, receive(client)) == 204
    batches = [fetch_feedback(owner)]
    while sum(map(len, batches)) < 64:
        batches.append(fetch_feedback(owner))
    assert sum(map(len, batches)) == 64


def test_there_are_no_file_notifications(owner):
    queue = "/messages/serviceBound/filenotifications"
    assert owner.get(queue).status == 204
    answer = owner.delete(f"{queue}/00112233-4455-6677-8899-aabbccddeeff")
    assert (answer.status, answer.code) == (412, "DeviceMessageLockLost")

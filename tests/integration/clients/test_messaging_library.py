# SPDX-License-Identifier: MIT
"""The messaging library's messages to devices and their feedback."""

import json
import time

import pytest

import rest
from programs import Program, Wire

NONE, POSITIVE, NEGATIVE, FULL = range(4)
INVALID, REFUSED, UNAVAILABLE, UNTRUSTED = 1, 2, 3, 4
QUEUE = "/devices/{}/messages/devicebound"


def hub_string(emulator, policy="service", key=None):
    key = key or emulator.policies[policy].primary_key
    return f"HostName=localhost:443;SharedAccessKeyName={policy};SharedAccessKey={key}"


class Service:
    """The library in a program of its own."""

    def __init__(self, emulator, string=None, port=None, ca="emulator", **settings):
        settings = {"port": port or emulator.ports["amqp"], "timeout": 8000, **settings}
        self.program = Program(
            "messaging_probe",
            "serve",
            string or hub_string(emulator),
            *[f"{name}={value}" for name, value in settings.items()],
            ca=emulator.ca_path if ca == "emulator" else ca,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.__exit__()

    def ask(self, line):
        self.program.say(line)
        return self.program.wait_for("")

    def send(self, device="d1", **message):
        answer = self.ask("send " + json.dumps({"device": device, **message}))
        return None if answer.startswith("ok") else refusal(answer)

    def feedback(self, how="accept", timeout_ms=20000):
        answer = self.ask(f"feedback {timeout_ms} {how}")
        return json.loads(answer[3:]) if answer.startswith("ok ") else refusal(answer)


def refusal(answer):
    _, result, status, rest_of = answer.split(" ", 3)
    condition, _, text = rest_of.partition(": ")
    return int(result), int(status), condition, text


@pytest.fixture
def d1(emulator, owner):
    with rest.device(emulator, owner.create_device("d1")) as one:
        yield one


@pytest.fixture
def service(emulator):
    with Service(emulator) as one:
        yield one


def receive(device, queue=QUEUE.format("d1"), complete="?"):
    answer = device.get(queue)
    assert answer.status == 200, answer
    tag = answer.headers["ETag"].strip('"')
    if complete is not None:
        assert device.delete(f"{queue}/{tag}{complete}").status == 204
    return answer


# ---- messages ----


def test_a_message_arrives_with_all_that_it_has(d1, service):
    assert (
        service.send(
            body='{"a":"\u00e9"}',
            mid="m1",
            cid="c1",
            uid="u1",
            ct="application/json",
            ce="utf-8",
            ack=FULL,
            expiry=int(time.time() * 1000) + 600_000,
            properties={"k": "a b=\u00e9", "other": "x"},
        )
        is None
    )
    answer = receive(d1)
    assert answer.body == '{"a":"\u00e9"}'.encode()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["iothub-messageid"] == "m1"
    assert headers["iothub-correlationid"] == "c1"
    assert headers["iothub-userid"] == "u1"
    assert headers["iothub-ack"] == "full"
    assert headers["iothub-contenttype"] == "application/json"
    assert headers["iothub-contentencoding"] == "utf-8"
    assert headers["iothub-app-other"] == "x"
    assert "iothub-app-k" in headers and "iothub-expiry" in headers


def test_a_bare_message_is_as_bare_when_it_arrives(d1, service):
    assert service.send() is None
    answer = receive(d1)
    assert answer.body == b"" and "iothub-messageid" not in answer.headers


def test_messages_keep_their_order(d1, service):
    for number in range(20):
        assert service.send(body=str(number)) is None
    assert [receive(d1).body for _ in range(20)] == [str(n).encode() for n in range(20)]


@pytest.mark.parametrize("name", ["a%41", "a#b", "a=b,c", "%"])
def test_any_device_id_finds_its_device(emulator, owner, service, name):
    with rest.device(emulator, owner.create_device("plain")):
        pass
    owner.create_device(name)
    assert service.send(name, body="x") is None
    _, journal = emulator.control("GET", "/journal?kind=c2dEnqueued")
    assert [row["deviceId"] for row in journal["rows"]][-1] == name


def test_a_module_gets_its_own(emulator, owner, service):
    owner.create_device("d1")
    owner.create_module("d1", "m1")
    assert service.send(module="m1", body="x") is None
    assert service.send(module="nobody", body="x")[:3] == (REFUSED, 404, "amqp:not-found")


def test_what_the_hub_refuses_is_told_in_its_words(d1, service):
    assert service.send("nobody", body="x")[:3] == (REFUSED, 404, "amqp:not-found")
    assert service.send(size=70_000)[0] == REFUSED
    past = service.send(body="x", expiry=int(time.time() * 1000) - 60_000)
    assert past[:3] == (REFUSED, 400, "com.microsoft:argument-error") or past[0] == REFUSED, past
    assert "{" not in past[3]
    assert service.send(body="still there") is None


def test_a_full_queue_is_told(d1, service):
    for _ in range(50):
        assert service.send(body="x") is None
    assert service.send(body="x")[:3] == (REFUSED, 403, "amqp:resource-limit-exceeded")


def test_a_message_for_nobody_is_not_sent(service):
    result, _, _, text = service.send(device="", body="x")
    assert result == INVALID and "device" in text


# ---- the connection ----


def test_a_connection_that_was_cut_is_made_anew(emulator, d1):
    with Wire(emulator.ports["amqp"]) as wire, Service(emulator, port=wire.port) as service:
        assert service.send(body="one") is None
        wire.cut()
        assert service.send(body="lost")[0] == UNAVAILABLE
        wire.mend()
        assert service.send(body="two") is None
    assert [receive(d1).body for _ in range(2)] == [b"one", b"two"]


def test_tokens_are_renewed(emulator_factory):
    emulator = emulator_factory("--memory", "--set", "token-close-grace-s=0")
    with rest.service(emulator) as owner, rest.device(emulator, owner.create_device("d1")) as device:
        with Service(emulator, lifetime=4) as service:
            for number in range(4):
                assert service.send(body=str(number)) is None
                time.sleep(2)
        assert [receive(device).body for _ in range(4)] == [b"0", b"1", b"2", b"3"]


def test_a_wrong_key_and_a_policy_that_may_not_are_refused(emulator, d1):
    wrong = hub_string(emulator, key="d3Jvbmcga2V5IHRoYXQgaXMgbG9uZyBlbm91Z2g=")
    for string in (wrong, hub_string(emulator, policy="registryRead")):
        with Service(emulator, string) as service:
            answer = service.send(body="x")
            assert answer[:3] == (REFUSED, 401, "amqp:unauthorized-access"), answer


def test_without_the_ca_nothing_is_sent(emulator, d1):
    with Service(emulator, ca=None) as service:
        result, _, _, text = service.send(body="x")
        assert result == UNTRUSTED and "IOTHUB_CA_FILE" in text


def test_a_ca_file_that_is_not_there_is_named(emulator, d1):
    with Service(emulator, ca="/nowhere/ca.pem") as service:
        assert "/nowhere/ca.pem" in service.send(body="x")[3]


def test_the_connection_string_of_an_event_hub_is_explained(emulator):
    string = "Endpoint=sb://h/;SharedAccessKeyName=p;SharedAccessKey=k;EntityPath=e"
    with Service(emulator, string) as service:
        assert "IoT hub" in service.program.wait_for("failed")


# ---- feedback ----


def test_feedback_tells_what_became_of_messages(d1, service):
    assert service.send(body="one", mid="m1", ack=FULL) is None
    assert service.send(body="two", mid="m2", ack=NEGATIVE) is None
    assert service.send(body="three", mid="m3", ack=POSITIVE) is None
    for how in ("", "?reject", "?reject"):
        receive(d1, complete=how)
    records = []
    while len(records) < 2:
        records += service.feedback()
    assert [(one["mid"], one["status"]) for one in records] == [("m1", "Success"), ("m2", "Rejected")]
    assert records[0]["device"] == "d1" and records[0]["generation"] != ""
    assert records[0]["time"].startswith("20") and records[0]["description"] != ""
    assert service.feedback(timeout_ms=1500) == []


def test_feedback_that_is_released_comes_again(d1, service):
    assert service.send(mid="m1", ack=FULL) is None
    receive(d1, complete="")
    assert service.feedback("release")[0]["mid"] == "m1"
    assert service.feedback("accept")[0]["mid"] == "m1"
    assert service.feedback(timeout_ms=1500) == []


def test_feedback_that_was_left_is_for_the_next_who_comes(emulator, d1):
    with Service(emulator) as service:
        assert service.send(mid="m1", ack=FULL) is None
        receive(d1, complete="")
        assert service.feedback("leave")[0]["mid"] == "m1"
    with Service(emulator) as service:
        assert service.feedback(timeout_ms=70000)[0]["mid"] == "m1"


def test_waiting_for_feedback_survives_a_cut(emulator, d1):
    with Wire(emulator.ports["amqp"]) as wire, Service(emulator, port=wire.port) as service:
        assert service.send(mid="m1", ack=FULL) is None
        service.program.say("feedback 30000 accept")
        time.sleep(0.5)
        wire.cut()
        wire.mend()
        receive(d1, complete="")
        assert "m1" in service.program.wait_for("ok ")


def test_feedback_needs_a_right(emulator):
    with Service(emulator, hub_string(emulator, policy="registryRead")) as service:
        assert service.feedback()[:3] == (REFUSED, 401, "amqp:unauthorized-access")

# SPDX-License-Identifier: MIT
"""Direct methods, called over HTTPS. Numbers are the service reference's, section 11."""

import json
import threading
import time

import pytest

import rest
from method_device import MethodDevice


def invoke(client, name="reboot", path="/twins/d1/methods", **members):
    return client.post(path, {"methodName": name, **members})


def inner(answer):
    """The error inside the Message string (service reference, 2.14)."""
    assert answer.json["ExceptionMessage"] == ""
    error = json.loads(answer.message)
    assert set(error) == {"errorCode", "trackingId", "message", "info", "timestampUtc"}
    return error


@pytest.fixture
def d1(owner):
    return owner.create_device("d1")


def test_65_an_unknown_device_is_404001(owner):
    answer = invoke(owner)
    assert (answer.status, answer.code) == (404, "DeviceNotFound")
    assert inner(answer)["errorCode"] == 404001


def test_65_an_unknown_module_is_404010(owner, d1):
    answer = invoke(owner, path="/twins/d1/modules/m1/methods")
    assert (answer.status, answer.code) == (404, "ModuleNotFound")


def test_65_an_offline_device_is_404103_at_once(owner, d1):
    start = time.monotonic()
    answer = invoke(owner, connectTimeoutInSeconds=0)
    assert time.monotonic() - start < 2
    assert (answer.status, answer.code) == (404, "DeviceNotOnline")
    error = inner(answer)
    assert error["errorCode"] == 404103
    assert error["message"] == "Timed out waiting for device to connect."
    assert error["info"] == {"timeout": "00:00:00"}


def test_an_offline_device_is_waited_for(owner, d1):
    start = time.monotonic()
    answer = invoke(owner, connectTimeoutInSeconds=1)
    assert 0.9 < time.monotonic() - start < 10
    assert answer.code == "DeviceNotOnline"
    assert inner(answer)["info"] == {"timeout": "00:00:01"}


def test_66_the_devices_answer_is_passed_on(emulator, owner, d1):
    with MethodDevice(emulator, d1, lambda name, payload: (200, b'{"a":1}')) as device:
        answer = invoke(owner, payload={"delay": 5})
        assert (answer.status, answer.json) == (200, {"status": 200, "payload": {"a": 1}})
        assert answer.code is None
        name, payload = device.calls[0]
        assert name == "reboot"
        assert json.loads(payload) == {"delay": 5}


@pytest.mark.parametrize("body, payload", [(b"", None), (b"null", None), (b'"x"', "x"), (b"[1]", [1])])
def test_any_json_is_a_payload(emulator, owner, d1, body, payload):
    with MethodDevice(emulator, d1, lambda name, sent: (204, body)) as device:
        assert invoke(owner, payload=payload).json == {"status": 204, "payload": payload}
        assert json.loads(device.calls[0][1] or b"null") == payload


@pytest.mark.parametrize("status", [0, 404, 500, -1])
def test_67_the_devices_status_is_not_ours(emulator, owner, d1, status):
    with MethodDevice(emulator, d1, lambda name, payload: (status, b"{}")):
        answer = invoke(owner)
        assert (answer.status, answer.json) == (200, {"status": status, "payload": {}})


def test_68_a_silent_device_is_504_after_the_response_timeout(emulator, owner, d1):
    with MethodDevice(emulator, d1, lambda name, payload: None):
        start = time.monotonic()
        answer = invoke(owner, responseTimeoutInSeconds=5)
        assert 4.9 < time.monotonic() - start < 10
        assert (answer.status, answer.code) == (504, "GatewayTimeout")
        error = inner(answer)
        assert error["errorCode"] == 504101
        assert error["message"] == "Timed out waiting for the response from device."
        assert error["info"] == {"timeout": "00:00:05"}


@pytest.mark.parametrize("timeout", [4, 301, 0, -1, 5.5, "30", 1e300])
def test_69_the_response_timeout_is_5_to_300(owner, d1, timeout):
    answer = invoke(owner, responseTimeoutInSeconds=timeout)
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")
    assert "responseTimeoutInSeconds" in inner(answer)["message"]


@pytest.mark.parametrize("timeout", [5, 300, None])
def test_69_the_edges_of_the_response_timeout_are_fine(owner, d1, timeout):
    assert invoke(owner, responseTimeoutInSeconds=timeout).code == "DeviceNotOnline"


@pytest.mark.parametrize("timeout", [-1, 301])
def test_the_connect_timeout_is_0_to_300(owner, d1, timeout):
    answer = invoke(owner, connectTimeoutInSeconds=timeout)
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_method_has_a_name(owner, d1, name):
    answer = invoke(owner, name)
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")


def test_a_payload_has_128_kb_at_most(emulator, owner, d1):
    with MethodDevice(emulator, d1, lambda name, payload: (200, b"{}")):
        assert invoke(owner, payload="x" * (131072 - 2)).status == 200
        answer = invoke(owner, payload="x" * (131072 - 1))
        assert (answer.status, answer.code) == (413, "MessageTooLarge")


def test_an_answer_that_is_no_json_is_502(emulator, owner, d1):
    with MethodDevice(emulator, d1, lambda name, payload: (200, b"{oops")):
        assert invoke(owner).status == 502


def test_a_module_is_called_by_its_own_path(emulator, owner, d1):
    module = owner.create_module("d1", "m1")
    with MethodDevice(emulator, module, lambda name, payload: (200, b'"module"')):
        answer = invoke(owner, path="/twins/d1/modules/m1/methods")
        assert answer.json == {"status": 200, "payload": "module"}
        assert invoke(owner).code == "DeviceNotOnline"


def test_others_are_served_while_one_waits(emulator, owner, d1):
    done = threading.Event()

    def call():
        with rest.service(emulator, "service") as other:
            invoke(other, connectTimeoutInSeconds=3)
            done.set()

    waiting = threading.Thread(target=call)
    waiting.start()
    for _ in range(20):
        assert owner.get("/devices/d1").status == 200
    assert not done.is_set()
    waiting.join(20)
    assert done.is_set()


def test_a_device_that_connects_in_time_is_called(emulator, owner, d1):
    answers = []

    def call():
        with rest.service(emulator, "service") as other:
            answers.append(invoke(other, connectTimeoutInSeconds=20))

    waiting = threading.Thread(target=call)
    waiting.start()
    time.sleep(0.3)
    with MethodDevice(emulator, d1, lambda name, payload: (200, b'"late"')):
        waiting.join(20)
    assert answers[0].json == {"status": 200, "payload": "late"}


def test_a_caller_who_leaves_ends_the_call(emulator, owner, d1):
    with MethodDevice(emulator, d1, lambda name, payload: None):
        impatient = rest.service(emulator, "service")
        impatient.connection.timeout = 0.5
        with pytest.raises(TimeoutError):
            invoke(impatient)
        impatient.close()
        _, journal = emulator.control("GET", "/journal?kind=methodAnswered&timeout=10")
        assert journal["rows"][0]["why"] == "the caller left"

# SPDX-License-Identifier: MIT
"""`iothub method invoke`: direct methods of devices and modules."""

import json

import pytest

from method_device import MethodDevice


def answer(name, payload):
    return 200, json.dumps({"method": name, "payload": json.loads(payload or b"null")}).encode()


@pytest.fixture
def device(emulator, owner):
    with MethodDevice(emulator, owner.create_device("d1"), answer) as one:
        yield one


@pytest.mark.parametrize(
    "arguments, payload",
    [
        (("d1", "reboot"), None),
        (("d1", "reboot", '{"delay": 10}'), {"delay": 10}),
        (("d1", "reboot", "7"), 7),
        (("d1", "reboot", '"text"'), "text"),
        (("-d", "d1", "--mn", "reboot", "--mp", "[1]"), [1]),
        (("d1", "--method-name", "reboot", "--method-payload", "null", "--timeout", "5"), None),
        (("d1", "reboot", "-"), {"typed": True}),
    ],
)
def test_the_answer_is_printed_as_az_does(iothub, device, arguments, payload):
    done = iothub("method", "invoke", *arguments, typed='{"typed": true}')
    assert done.json == {"status": 200, "payload": {"method": "reboot", "payload": payload}}


def test_a_status_of_the_device_is_an_answer_like_any_other(iothub, emulator, owner):
    with MethodDevice(emulator, owner.create_device("d1"), lambda *_: (500, b"")):
        assert iothub("method", "invoke", "d1", "fail").json == {"status": 500, "payload": None}
        assert iothub("method", "invoke", "d1", "fail", "-o", "tsv").out == "500\t\n"


def test_a_device_that_is_not_there_yet_is_waited_for(iothub, emulator, owner):
    identity = owner.create_device("d1")
    call = iothub.start("method", "invoke", "d1", "reboot", "--method-connect-timeout", "60")
    with MethodDevice(emulator, identity, answer):
        code, out, err = call.finish()
    assert (code, err) == (0, "")
    assert json.loads(out)["payload"]["method"] == "reboot"


def test_a_module_s_method(iothub, emulator, owner):
    owner.create_device("d1")
    with MethodDevice(emulator, owner.create_module("d1", "cam"), answer):
        done = iothub("method", "invoke", "d1", "look", "-m", "cam")
        assert done.json["payload"]["method"] == "look"


@pytest.mark.parametrize(
    "arguments, code, told",
    [
        (("d1",), 2, "METHOD is missing"),
        (("d1", "reboot", "{"), 2, "the payload: '{' is neither JSON nor the name of a file"),
        (("d1", "reboot", "--timeout", "4"), 2, "--timeout is a whole number from 5 to 300"),
        (("d1", "reboot", "--to", "301"), 2, "--timeout is a whole number from 5 to 300"),
        (("none", "reboot"), 1, "404"),
        (("d1", "reboot"), 1, "404 DeviceNotOnline"),
        (("d1", "reboot", "-m", "none"), 1, "404"),
    ],
)
def test_it_says_what_is_wrong(iothub, owner, arguments, code, told):
    owner.create_device("d1")
    done = iothub("method", "invoke", *arguments)
    assert (done.code, done.out) == (code, ""), done
    assert told in done.err

# SPDX-License-Identifier: MIT
"""`iothub c2d send` and `iothub c2d receive-feedback`."""

import json
import threading
import time

import pytest

import rest

QUEUE = "/devices/{}/messages/devicebound"


@pytest.fixture
def d1(emulator, owner):
    with rest.device(emulator, owner.create_device("d1")) as one:
        yield one


def take(device, how="", name="d1", wait_s=30):
    """The next message, settled: "" completes it, "?reject" rejects it."""
    deadline = time.monotonic() + wait_s
    while (answer := device.get(QUEUE.format(name))).status == 204:
        assert time.monotonic() < deadline, "no message came"
        time.sleep(0.05)
    tag = answer.headers["ETag"].strip('"')
    assert device.delete(f"{QUEUE.format(name)}/{tag}{how}").status == 204
    return answer


def later(device, how=""):
    """A device that takes its next message while the test waits for something else."""
    thread = threading.Thread(target=take, args=(device, how))
    thread.start()
    return thread


# ---- sending ----


def test_a_message_is_sent(iothub, d1):
    done = iothub("c2d", "send", "d1", "hello")
    assert done.json["deviceId"] == "d1" and len(done.json["messageId"]) == 36
    answer = take(d1)
    assert answer.body == b"hello"
    assert answer.headers["iothub-messageid"] == done.json["messageId"]


def test_a_message_has_what_it_was_given(iothub, d1):
    done = iothub(
        "c2d", "send", "-d", "d1", "--data", '{"led":true}', "--mid", "m1", "--cid", "c1", "--uid", "u1",
        "--ct", "application/json", "--ce", "utf-8", "--props", "level=high; floor=2;", "--ack", "negative",
        "--expiry", "2099-01-01T00:00:00Z",
    )  # fmt: skip
    assert done.json == {"deviceId": "d1", "messageId": "m1"}
    answer = take(d1)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert answer.body == b'{"led":true}'
    assert (headers["iothub-correlationid"], headers["iothub-userid"]) == ("c1", "u1")
    assert headers["iothub-contenttype"] == "application/json"
    assert headers["iothub-contentencoding"] == "utf-8"
    assert (headers["iothub-app-level"], headers["iothub-app-floor"]) == ("high", "2")
    assert headers["iothub-ack"] == "negative" and "2099" in headers["iothub-expiry"]


def test_the_message_comes_from_a_file_or_standard_input(iothub, d1, tmp_path):
    file = tmp_path / "message.bin"
    file.write_bytes(b"\x00\xff from a file")
    for arguments, typed, body in (
        (("@" + str(file),), None, file.read_bytes()),
        (("--data-file-path", str(file)), None, file.read_bytes()),
        (("-",), "typed", b"typed"),
        ((), None, b""),
    ):
        done = iothub("c2d", "send", "d1", *arguments, typed=typed)
        assert done.code == 0, done
        assert take(d1).body == body, arguments


def test_a_module_is_named(iothub, emulator, owner, d1):
    module = owner.create_module("d1", "m1")
    assert module["moduleId"] == "m1"
    done = iothub("c2d", "send", "d1", "x", "--module-id", "m1")
    assert done.json["moduleId"] == "m1"


def test_it_waits_for_the_devices_word(iothub, d1):
    device = later(d1)
    done = iothub("c2d", "send", "d1", "x", "--wait", "--mid", "m1")
    device.join()
    assert done.json["statusCode"] == "Success" and done.json["originalMessageId"] == "m1"
    device = later(d1, "?reject")
    done = iothub("c2d", "send", "d1", "x", "--wait", "--ack", "negative")
    device.join()
    assert done.code == 1 and "Rejected" in done.err
    assert json.loads(done.out)["statusCode"] == "Rejected"


def test_it_waits_no_longer_than_it_is_told(iothub, d1):
    done = iothub("c2d", "send", "d1", "x", "--wait", "--timeout", "1", "--mid", "m7")
    assert (done.code, done.out) == (1, "") and "m7" in done.err


def test_it_prints_a_table_on_a_terminal(terminal, d1):
    window = terminal()
    assert window.run("iothub c2d send d1 hello --message-id m1") == 0
    assert window.screen.text.splitlines()[1:3] == ["Device   d1", "Message  m1"]


@pytest.mark.parametrize(
    "arguments, code, told",
    [
        ((), 2, "DEVICE is missing"),
        (("nobody", "x"), 1, "nobody"),
        (("d1", "x", "--ack", "some"), 2, "--ack"),
        (("d1", "x", "--ack", "none", "--wait"), 2, "--wait"),
        (("d1", "x", "--props", "level"), 2, "NAME=VALUE"),
        (("d1", "x", "--expiry", "soon"), 2, "--expiry"),
        (("d1", "x", "--expiry", "1000"), 1, "expir"),
        (("d1", "@/nowhere/file"), 1, "/nowhere/file"),
        (("d1", "x" * 70000), 1, "refused"),
    ],
)
def test_it_says_what_is_wrong(iothub, d1, arguments, code, told):
    done = iothub("c2d", "send", *arguments)
    assert (done.code, done.out) == (code, ""), done
    assert told.lower() in done.err.lower(), done


def test_without_the_ca_nothing_is_sent(iothub, emulator, d1):
    done = iothub("c2d", "send", "d1", "x", "--login", emulator.service_connection_string)
    assert (done.code, done.out) == (1, "") and "IOTHUB_CA_FILE" in done.err, done
    assert d1.get(QUEUE.format("d1")).status == 204


def test_the_string_of_a_policy_that_may_not_is_refused(iothub, emulator, d1):
    key = emulator.policies["registryRead"].primary_key
    string = f"HostName=localhost;SharedAccessKeyName=registryRead;SharedAccessKey={key}"
    done = iothub("c2d", "send", "d1", "x", "--login", string, IOTHUB_CA_FILE=emulator.ca_path)
    assert done.code == 1 and "amqp:unauthorized-access" in done.err, done


# ---- feedback ----


def test_feedback_is_json_lines_in_a_pipe(iothub, d1):
    for number in range(3):
        assert iothub("c2d", "send", "d1", "x", "--mid", f"m{number}", "--ack", "full").code == 0
    for how in ("", "?reject", ""):
        take(d1, how)
    done = iothub("c2d", "receive-feedback", "--count", "3", "--timeout", "20")
    records = [json.loads(line) for line in done.lines]
    assert [(one["originalMessageId"], one["statusCode"]) for one in records] == [
        ("m0", "Success"),
        ("m1", "Rejected"),
        ("m2", "Success"),
    ]
    assert {one["deviceId"] for one in records} == {"d1"}


def test_feedback_of_others_stays(iothub, emulator, owner, d1):
    with rest.device(emulator, owner.create_device("d2")) as d2:
        assert iothub("c2d", "send", "d2", "x", "--mid", "other", "--ack", "full").code == 0
        take(d2, name="d2")
        time.sleep(2)  # its batch is closed
        assert iothub("c2d", "send", "d1", "x", "--mid", "mine", "--ack", "full").code == 0
        take(d1)
        done = iothub("c2d", "receive-feedback", "-d", "d1", "--count", "1", "--timeout", "20")
        assert [json.loads(line)["originalMessageId"] for line in done.lines] == ["mine"]
        done = iothub("c2d", "receive-feedback", "--mid", "other", "--count", "1", "--timeout", "20")
        assert [json.loads(line)["originalMessageId"] for line in done.lines] == ["other"]


def test_it_ends_when_nothing_comes(iothub, d1):
    done = iothub("c2d", "receive-feedback", "--timeout", "1")
    assert (done.code, done.out) == (0, "") and "no feedback came for 1 s" in done.err


def test_ctrl_c_is_no_failure(terminal, d1, iothub):
    window = terminal(columns=120)
    window.start("iothub c2d receive-feedback")
    window.wait_for("Ctrl-C ends it")
    assert iothub("c2d", "send", "d1", "x", "--mid", "m1", "--ack", "full").code == 0
    take(d1)
    window.wait_for("Success")
    assert window.interrupt() == 0

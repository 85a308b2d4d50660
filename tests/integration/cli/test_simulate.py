# SPDX-License-Identifier: MIT
"""`iothub simulate` and `iothub send`: devices that send, answer and listen."""

import hashlib
import json
import re
import signal
import ssl
import time
from pathlib import Path

import pytest

from programs import Wire, device_string

CERTIFICATES = Path(__file__).resolve().parents[3] / "fixtures/certificates"


class Telemetry:
    """What the hub has stored of it."""

    def __init__(self, emulator):
        self.emulator = emulator

    def rows(self, device=None):
        rows, after = [], 0
        while True:
            about = f"&device={device}" if device else ""
            status, page = self.emulator.control(
                "GET", f"/journal?kind=telemetry&limit=1000&after={after}{about}"
            )
            assert status == 200, page
            if not page["rows"]:
                return rows
            rows += page["rows"]
            after = page["rows"][-1]["sequence"]

    def bodies(self, device=None):
        return [row["body"] for row in self.rows(device)]


@pytest.fixture
def telemetry(emulator):
    return Telemetry(emulator)


@pytest.fixture
def dev1(owner):
    return owner.create_device("dev1")


def rows_of(result):
    return [json.loads(line) for line in result.lines]


def finished(result):
    last = rows_of(result)[-1]
    assert last["event"] == "finished", result
    return last


def next_row(program, event):
    """The next row of that event of a running simulate."""
    while True:
        row = json.loads(program.wait_for("}"))
        if row["event"] == event:
            return row


# ---- send ----


def test_sends_one_message_and_tells_when_the_hub_has_it(iothub, dev1, telemetry):
    result = iothub("send", "dev1", '{"temperature": 21.5}', "-p", "level=high;floor=2")
    assert result.json == {"deviceId": "dev1", "sent": 1, "bytes": 21}
    [row] = telemetry.rows("dev1")
    assert row["body"] == {"temperature": 21.5}
    assert row["properties"] == {"level": "high", "floor": "2"}
    assert row["systemProperties"] == {"contentType": "application/json", "contentEncoding": "utf-8"}


def test_sends_many_in_order(iothub, dev1, telemetry):
    result = iothub("send", "-d", "dev1", "--data", '{"n": {{n}}}', "--count", 300)
    assert result.json["sent"] == 300
    assert [body["n"] for body in telemetry.bodies()] == list(range(1, 301))


def test_what_is_random_is_the_same_for_the_same_seed(iothub, dev1, telemetry):
    for seed in (5, 5, 6):
        assert iothub("send", "dev1", "{{uuid}}", "--seed", seed).code == 0
    first, again, other = [row["bodyText"] for row in telemetry.rows()]
    assert first == again != other


def test_sends_what_stands_in_a_file_or_is_typed(iothub, dev1, telemetry, tmp_path):
    (tmp_path / "reading.txt").write_bytes(b"21 degrees\n")
    assert iothub("send", "dev1", f"@{tmp_path}/reading.txt").code == 0
    assert iothub("send", "dev1", "-", "--content-type", "text/plain", typed="22 degrees").code == 0
    assert iothub("send", "dev1", "--dfp", tmp_path / "reading.txt").code == 0
    first, second, third = telemetry.rows()
    assert third["bodyText"] == first["bodyText"]
    assert first["bodyText"] == "21 degrees\n"
    assert "systemProperties" not in first
    assert second["bodyText"] == "22 degrees"
    assert second["systemProperties"] == {"contentType": "text/plain"}


def test_system_properties_have_short_names(iothub, dev1, telemetry):
    properties = "$.mid=m{{n}};$.cid=c1;$.ct=text/plain;$.ce=utf-8;own={{device}}"
    assert iothub("send", "dev1", "hello", "--properties", properties).code == 0
    [row] = telemetry.rows()
    assert row["systemProperties"] == {
        "messageId": "m1",
        "correlationId": "c1",
        "contentType": "text/plain",
        "contentEncoding": "utf-8",
    }
    assert row["properties"] == {"own": "dev1"}


def test_waits_between_messages_where_it_is_told_to(iothub, dev1):
    began = time.monotonic()
    assert iothub("send", "dev1", "x", "--mc", 3, "--mi", "0.4").json["sent"] == 3
    assert time.monotonic() - began >= 0.8


def test_sends_as_a_module_by_its_own_connection_string(iothub, emulator, owner, dev1, telemetry):
    module = owner.create_module("dev1", "mod1")
    string = device_string(emulator, module)
    ca = {"IOTHUB_CA_FILE": str(emulator.ca_path)}
    assert iothub("send", "--connection-string", string, "--data", "1", **ca).json["moduleId"] == "mod1"
    assert iothub("send", "--data", "2", IOTHUB_DEVICE_CONNECTION_STRING=string, **ca).code == 0
    assert iothub("send", "dev1", "3", "--module-id", "mod1").code == 0
    assert [(row["deviceId"], row["moduleId"]) for row in telemetry.rows()] == [("dev1", "mod1")] * 3


def test_a_certificate_stands_in_for_the_key(iothub, owner, telemetry):
    certificate = CERTIFICATES / "self_signed.pem"
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text().split("-----BEGIN PRIVATE")[0])
    thumbprint = {"primaryThumbprint": hashlib.sha256(der).hexdigest().upper()}
    owner.create_device("x1", authentication={"type": "selfSigned", "x509Thumbprint": thumbprint})

    assert "--certificate" in iothub("send", "x1", "x").err
    given = ["--certificate", certificate, "--key", certificate]
    assert iothub("send", "x1", "1", *given).code == 0
    locked = ["--cp", certificate, "--kp", CERTIFICATES / "self_signed_locked.key"]
    assert iothub("send", "x1", "2", *locked, "--pass", "open sesame").code == 0
    simulated = iothub("simulate", "x1", *locked, "--passphrase", "open sesame", "--mc", "1")
    assert finished(simulated)["acknowledged"] == 1
    assert [row["auth"] for row in telemetry.rows()] == ["device.x509Certificate"] * 3
    wrong = iothub("send", "x1", "3", *locked, "--pass", "open barley")
    assert wrong.code == 2 and "passphrase" in wrong.err


def test_a_model_is_announced(iothub, owner, dev1):
    for command in (["send", "dev1", "x"], ["simulate", "dev1", "--count", "1"]):
        model = f"dtmi:com:example:{command[0]};1"
        assert iothub(*command, "--model-id", model).code == 0
        assert owner.get("/twins/dev1").json["modelId"] == model


def test_makes_what_does_not_exist_if_asked(iothub, owner):
    refused = iothub("send", "dev2", "x")
    assert refused.code == 1
    assert 'there is no device "dev2"' in refused.err
    assert "iothub device create dev2" in refused.err and "--create" in refused.err
    assert iothub("send", "dev2", "x", "--create").code == 0
    assert owner.get("/devices/dev2").status == 200
    assert iothub("send", "dev3", "x", "--module-id", "mod1", "--create").code == 0
    assert owner.get("/devices/dev3/modules/mod1").status == 200


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--data", "x"], "DEVICE is missing"),
        (["dev1"], "the message is missing"),
        (["dev1", "x", "--dfp", "y"], "--data and --data-file exclude each other"),
        (["dev1", "{{walk 1}}"], "{{walk 1}} is not whole: {{walk LOW HIGH}}"),
        (["dev1", "{{wlak 1 2}}"], "{{wlak 1 2}} is not known; there are {{n}}"),
        (["dev1", "x", "-p", "level"], "'level' is not NAME=VALUE"),
        (["dev1", "x", "--interval", "soon"], "--interval is a number of seconds"),
        (["dev1", "x", "--interval", "-1"], "--interval is a number of seconds"),
        (["dev1", "x", "--count", "0"], "--count is a whole number from 1"),
        (["dev1", "x", "--certificate", "c.pem"], "--certificate and --key go together"),
        (["dev1", "x", "--connection-string", "HostName=h"], "exclude each other"),
        (["--connection-string", "nonsense", "--data", "x"], "--connection-string holds no connection string"),
        (["dev1", "@nowhere.json"], "nowhere.json cannot be read"),
    ],
)
def test_what_is_not_understood_is_told_and_nothing_is_sent(iothub, dev1, telemetry, arguments, said):
    result = iothub("send", *arguments)
    assert result.code in (1, 2), result
    assert said in result.err
    assert result.out == ""
    assert telemetry.rows() == []


def test_a_message_that_is_too_large_is_refused(iothub, dev1, tmp_path):
    (tmp_path / "large").write_bytes(b"x" * 262145)
    result = iothub("send", "dev1", f"@{tmp_path}/large")
    assert result.code == 2
    assert "262144" in result.err


def test_a_disabled_device_is_told_why(iothub, owner):
    owner.create_device("off1", status="disabled")
    result = iothub("send", "off1", "x")
    assert result.code == 1
    assert "disabled" in result.err


# ---- simulate: telemetry ----


def test_sends_at_a_rate_that_holds(iothub, dev1, telemetry):
    last = finished(iothub("simulate", "dev1", "--rate", 100, "--count", 301))
    assert last["sent"] == last["acknowledged"] == 301
    assert last["seconds"] == pytest.approx(3.0, rel=0.02)
    assert last["rate"] == pytest.approx(100, rel=0.02)
    bodies = telemetry.bodies("dev1")
    assert [body["n"] for body in bodies] == list(range(1, 302))
    assert all(18 <= body["temperature"] <= 30 for body in bodies)


def test_rates_may_be_slow(iothub, dev1):
    last = finished(iothub("simulate", "dev1", "--rate", "2.5", "--count", 3))
    assert last["seconds"] == pytest.approx(0.8, abs=0.1)


def test_it_ends_when_its_reader_has_gone(iothub, dev1):
    with iothub.start("simulate", "dev1", "--count", 0) as program:
        next_row(program, "connected")
        program.process.stdout.close()
        assert program.process.wait(10) == -signal.SIGPIPE


def test_the_same_seed_sends_the_same(iothub, owner, telemetry):
    runs = []
    for device in ("a", "b", "c"):
        owner.create_device(device)
        seed = 2 if device == "c" else 1
        arguments = ["--mi", "0", "--mc", 20, "--seed", seed, "--props", "door={{choose open shut}}"]
        assert iothub("simulate", device, *arguments).code == 0
        runs.append([(row["body"], row["properties"]) for row in telemetry.rows(device)])
    assert runs[0] == runs[1] != runs[2]


def test_a_module_sends_what_stands_in_a_file(iothub, owner, dev1, telemetry, tmp_path):
    owner.create_module("dev1", "mod1")
    (tmp_path / "reading").write_text("n={{n}}")
    arguments = ["--data-file", tmp_path / "reading", "--content-type", "text/plain", "--count", 2]
    assert iothub("simulate", "dev1", "--module-id", "mod1", "--rate", 100, *arguments).code == 0
    assert [(row["moduleId"], row["bodyText"]) for row in telemetry.rows()] == [("mod1", "n=1"), ("mod1", "n=2")]
    assert telemetry.rows()[0]["systemProperties"] == {"contentType": "text/plain"}


def test_shows_what_is_sent_if_asked(iothub, dev1):
    result = iothub("simulate", "dev1", "--da", "message {{n}}", "--mc", 2, "--mi", 0, "--show-sent")
    sent = [row for row in rows_of(result) if row["event"] == "sent"]
    assert [(row["n"], row["payload"]) for row in sent] == [(1, "message 1"), (2, "message 2")]
    quiet = iothub("simulate", "dev1", "--mc", 2, "--mi", 0)
    assert [row["event"] for row in rows_of(quiet)] == ["connected", "finished"]


def test_hundreds_of_devices_have_a_connection_each(iothub, owner, telemetry):
    arguments = ["--devices", 200, "--prefix", "dev", "--create", "--rate", 5, "--count", 10]
    last = finished(iothub("simulate", *arguments))
    assert (last["devices"], last["sent"], last["acknowledged"]) == (200, 2000, 2000)
    assert last["rate"] <= 1050  # 200 times 5
    counts = {}
    for row in telemetry.rows():
        counts[row["deviceId"]] = counts.get(row["deviceId"], 0) + 1
    assert counts == {f"dev{i:03}": 10 for i in range(200)}


def test_telemetry_survives_a_cut(iothub, emulator, dev1, telemetry):
    with Wire(emulator.ports["mqtt"]) as wire:
        program = iothub.start(
            "simulate", "--cs", device_string(emulator, dev1, wire.port), "--rate", 50, "--count", 200,
            IOTHUB_CA_FILE=str(emulator.ca_path),
        )  # fmt: skip
        next_row(program, "connected")
        while len(telemetry.rows()) < 20:
            time.sleep(0.01)
        wire.cut()
        assert next_row(program, "lost")["reason"]
        wire.mend()
        next_row(program, "back")
        last = next_row(program, "finished")
    assert (last["sent"], last["acknowledged"], last["reconnects"]) == (200, 200, 1)
    numbers = [body["n"] for body in telemetry.bodies()]
    assert sorted(set(numbers)) == list(range(1, 201))
    assert numbers == sorted(numbers)  # in order, some maybe twice


def test_the_help_tells_of_each_place(iothub, dev1):
    names = lambda text: set(re.findall(r"\{\{\s*(\w+)[^}]*\}\}", text))  # noqa: E731
    known = names(iothub("send", "dev1", "{{unknown}}").err.split("there are")[1])
    told = names(iothub("simulate", "--help").out.split("Places in messages")[1].split(" -d,")[0])
    assert len(known) == 10
    assert known == told


# ---- simulate: what it hears ----


@pytest.fixture
def listening(iothub, dev1):
    """A simulate that sends nothing: listening("--option", ...)."""

    def start(*arguments):
        program = iothub.start("simulate", "dev1", "--count", 0, *arguments)
        next_row(program, "connected")
        return program

    return start


def test_answers_methods_with_an_echo(owner, listening):
    program = listening()
    answer = owner.post("/twins/dev1/methods", {"methodName": "reboot", "payload": {"delay": 5}}).json
    echo = {"methodName": "reboot", "methodRequestPayload": {"delay": 5}}
    assert answer == {"status": 200, "payload": echo}
    row = next_row(program, "method")
    assert (row["name"], row["payload"], row["status"]) == ("reboot", {"delay": 5}, 200)
    assert row["response"] == echo
    assert program.interrupt() == 0
    assert next_row(program, "finished")["methods"] == 1


def test_answers_methods_as_it_is_told(owner, listening):
    listening("--mrc", 404, "--mrp", '{"error": "no such method"}')
    answer = owner.post("/twins/dev1/methods", {"methodName": "reboot"}).json
    assert answer == {"status": 404, "payload": {"error": "no such method"}}


def test_reports_and_hears_what_is_desired(owner, listening):
    program = listening("--irp", '{"firmware": {"version": "1.0"}}')
    twin = owner.get("/twins/dev1").json
    assert twin["properties"]["reported"]["firmware"] == {"version": "1.0"}
    owner.patch("/twins/dev1", {"properties": {"desired": {"interval": 5}}})
    row = next_row(program, "desired")
    assert row["payload"] == {"interval": 5, "$version": 2}
    assert (row["version"], row["whole"]) == (2, False)


def test_hears_messages(iothub, listening, owner):
    program = listening()
    answer = owner.post(
        "/devices/dev1/messages/deviceBound",
        body=b"wake up",
        headers={"iothub-messageid": "m1", "iothub-app-level": "high"},
    )
    if answer.status == 404:
        pytest.skip("this hub takes messages over AMQP alone")
    row = next_row(program, "message")
    assert (row["payload"], row["messageId"], row["properties"]) == ("wake up", "m1", {"level": "high"})


def test_ctrl_c_ends_it_in_good_order(iothub, dev1, telemetry):
    program = iothub.start("simulate", "dev1", "--rate", 50)
    next_row(program, "connected")
    while len(telemetry.rows()) < 5:
        time.sleep(0.01)
    assert program.interrupt() == 0
    last = next_row(program, "finished")
    assert last["sent"] == last["acknowledged"] == len(telemetry.rows())


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--devices", "3", "dev1"], "--prefix"),
        (["dev1", "--prefix", "x"], "--prefix goes with --devices"),
        (["dev1", "--rate", "5", "--interval", "1"], "exclude each other"),
        (["dev1", "--irp", "{a:1}"], "--init-reported-properties"),
        (["dev1", "--mrp", "{"], "--method-response-payload"),
        (["dev1", "--rate", "0"], "--rate is how many a second"),
        (["dev1", "--rate", "fast"], "--rate is how many a second"),
        (["--devices", "1001"], "--devices is a whole number from 1 to 1000"),
    ],
)
def test_options_that_make_no_sense_are_told(iothub, dev1, arguments, said):
    result = iothub("simulate", *arguments)
    assert result.code == 2, result
    assert said in result.err


def test_a_device_that_may_not_connect_ends_it_with_the_reason(iothub, owner):
    owner.create_device("off1", status="disabled")
    result = iothub("simulate", "off1")
    assert result.code == 1
    assert [json.loads(line)["event"] for line in result.out.splitlines()] == ["failed", "finished"]
    assert "disabled" in result.err

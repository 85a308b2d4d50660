# SPDX-License-Identifier: MIT
"""`iothub monitor`: what it shows of events, from where on, for how long."""

import json
import time

import pytest

import golden
import rest
from programs import Wire

EVENTS = "/devices/{}/messages/events"
JSON = {"iothub-contenttype": "application/json", "iothub-contentencoding": "utf-8"}


class Devices:
    def __init__(self, emulator, owner):
        self.emulator = emulator
        self.owner = owner
        self.clients = {}

    def add(self, name):
        if name not in self.clients:
            self.clients[name] = rest.device(self.emulator, self.owner.create_device(name))
        return self.clients[name]

    def send(self, body, device="d1", **headers):
        body = body if isinstance(body, bytes) else str(body).encode()
        answer = self.add(device).post(EVENTS.format(device), body=body, headers=headers)
        assert answer.status == 204, answer


@pytest.fixture
def devices(emulator, owner):
    some = Devices(emulator, owner)
    yield some
    for client in some.clients.values():
        client.close()


def watching(iothub, *arguments, **environment):
    """A monitor that has begun; what it says of that goes to standard error."""
    program = iothub.start("monitor", "--verbose", *arguments, **environment)
    line = b""
    while b"partitions" not in line:
        line = program.process.stderr.readline()
        assert line, "it ended"
    return program


def past(iothub, *arguments):
    """All there is, until nothing more comes."""
    done = iothub("monitor", "--enqueued-time", "0", "--timeout", "1", *arguments)
    assert done.code == 0, done
    return done


def rows(done):
    return [json.loads(line) for line in done.lines]


def test_events_are_json_lines_in_a_pipe(iothub, devices):
    devices.send('{"t": 21}', **JSON)
    (row,) = rows(past(iothub))
    assert row["event"] == {"origin": "d1", "module": "", "interface": "", "component": "", "payload": {"t": 21}}
    assert row["source"] == "Telemetry" and row["partition"] in "0123" and row["sequenceNumber"] >= 0
    assert row["enqueuedTime"].startswith("20") and row["enqueuedTime"].endswith("Z")


def test_ctrl_c_is_no_failure(iothub, devices):
    devices.add("d1")
    program = watching(iothub)
    devices.send("one")
    assert '"payload":"one"' in program.wait_for("payload")
    assert program.interrupt() == 0


def test_it_ends_after_so_many(iothub, devices):
    for number in range(5):
        devices.send(number)
    done = past(iothub, "--count", "3")
    assert [row["event"]["payload"] for row in rows(done)] == ["0", "1", "2"]
    program = watching(iothub, "--count", "1")
    devices.send("new")
    code, output, _ = program.finish()
    assert code == 0 and json.loads(output)["event"]["payload"] == "new"


def test_it_ends_when_nothing_comes(iothub, devices):
    begin = time.monotonic()
    done = iothub("monitor", "-t", "1")
    assert (done.code, done.out) == (0, "") and "no event came for 1 s" in done.err
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize(
    "body, content_type, asked, payload",
    [
        ('{"a":1}', None, None, {"a": 1}),
        (" [1]", None, None, [1]),
        ("12", None, None, "12"),
        ("12", "application/json", None, 12),
        ("12", "application/json; charset=utf-8", None, 12),
        ('{"a":1}', "text/plain", None, '{"a":1}'),
        ('{"a":1}', "text/plain", "application/json", {"a": 1}),
        ("{broken", "application/json", None, "{broken"),
        ("\u00e9\t", None, None, "\u00e9\t"),
        ("", None, None, ""),
    ],
)
def test_payloads_are_read_by_their_type(iothub, devices, body, content_type, asked, payload):
    headers = {"iothub-contenttype": content_type} if content_type else {}
    devices.send(body.encode(), **headers)
    (row,) = rows(past(iothub, *(["--ct", asked] if asked else [])))
    assert row["event"]["payload"] == payload
    assert "payloadEncoding" not in row["event"]


def test_bytes_that_are_no_text_are_base64(iothub, devices):
    devices.send(b"\xff\x00")
    (row,) = rows(past(iothub))
    assert (row["event"]["payload"], row["event"]["payloadEncoding"]) == ("/wA=", "base64")


def test_properties_are_shown_when_asked_for(iothub, devices):
    devices.send("x", **{"iothub-app-k": "v", "iothub-messageid": "m1"})
    (row,) = rows(past(iothub, "-p", "app"))
    assert row["event"]["properties"] == {"application": {"k": "v"}}
    (row,) = rows(past(iothub, "-p", "sys", "-p", "anno"))
    assert row["event"]["properties"]["system"]["message_id"] == "m1"
    assert row["event"]["annotations"]["iothub-connection-device-id"] == "d1"
    assert "application" not in row["event"]["properties"]
    (row,) = rows(past(iothub, "--props", "all"))
    assert set(row["event"]["properties"]) == {"system", "application"} and "annotations" in row["event"]


def test_devices_are_chosen(iothub, owner, devices):
    for name in ("d1", "d2", "e1"):
        devices.send(name, name)
    chosen = lambda *arguments: sorted(row["event"]["payload"] for row in rows(past(iothub, *arguments)))  # noqa: E731
    assert chosen("d1") == ["d1"]
    assert chosen("--device-id", "d*") == ["d1", "d2"]
    assert chosen("-d", "*1") == ["d1", "e1"]
    assert chosen("-d", "nobody") == []
    assert owner.patch("/twins/d2", {"tags": {"floor": 2}}).status == 200
    assert chosen("-q", "SELECT deviceId FROM devices WHERE tags.floor = 2") == ["d2"]
    assert chosen("-d", "d2", "--module-id", "m*") == []


def test_a_time_is_where_it_begins(iothub, devices):
    devices.send("old")
    time.sleep(0.05)
    between = time.time()
    time.sleep(0.05)
    devices.send("new")
    iso = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(between)) + f".{int(between * 1e6) % 10**6:06}Z"
    for text in (str(int(between * 1000)), iso):
        done = iothub("monitor", "--et", text, "--timeout", "1")
        assert [row["event"]["payload"] for row in rows(done)] == ["new"], text


def test_tsv_has_values_only(iothub, devices):
    devices.send('{"t":"a\\tb"}')
    (line,) = past(iothub, "-o", "tsv").lines
    time_, device, module, source, payload = line.split("\t")
    assert (device, module, source, payload) == ("d1", "", "Telemetry", '{"t":"a\\\\tb"}')


def test_a_terminal_shows_a_line_for_each(terminal, devices):
    devices.add("thermometer-1")
    window = terminal(columns=80, rows=12)
    window.start("iothub monitor --count 3")
    window.wait_for("Ctrl-C ends it")
    devices.send('{"temperature": 21.5}', "thermometer-1", **JSON)
    window.wait_for("21.5")  # events of several partitions come in any order
    devices.send("\x1b[31mred\n", "d2")
    window.wait_for("red")
    devices.send(b"\xff\x00", "a-name-that-is-longer-than-its-column")
    assert window.finish() == 0
    golden.check(window.screen.text, "monitor.txt", (golden.masked(golden.TIME, "t"),))


def test_a_terminal_shows_properties_beside(terminal, devices):
    devices.send('{"temperature": 21.5}', **JSON, **{"iothub-app-level": "high"})
    window = terminal(columns=120, rows=8)
    assert window.run("iothub monitor --enqueued-time 0 --count 1 --properties app") == 0
    golden.check(window.screen.text, "monitor_properties.txt", (golden.masked(golden.TIME, "t"),))


def test_ctrl_c_at_a_terminal(terminal, devices):
    window = terminal()
    window.start("iothub monitor")
    window.wait_for("Ctrl-C ends it")
    assert window.interrupt() == 0
    assert "failed" not in window.screen.text


# ---- which hub ----


def test_the_string_of_a_hub_finds_the_amqp_port_of_the_emulator_here(iothub, emulator, devices):
    devices.send("x")
    for arguments, environment in (
        (("--login", emulator.service_connection_string), {}),
        ((), {"IOTHUB_CONNECTION_STRING": emulator.service_connection_string}),
    ):
        done = iothub(
            "monitor", "--et", "0", "--count", "1", *arguments, IOTHUB_CA_FILE=emulator.ca_path, **environment
        )
        assert rows(done)[0]["event"]["payload"] == "x", done


def test_the_string_of_an_event_hub_will_do(iothub, emulator, devices):
    devices.send("x")
    key = emulator.policies["service"].primary_key
    string = (
        f"Endpoint=sb://localhost:{emulator.ports['amqpPlain']};SharedAccessKeyName=service;"
        f"SharedAccessKey={key};EntityPath={emulator.hub_name};UseDevelopmentEmulator=true"
    )
    nowhere = {"IOTHUB_READY_FILE": "/nowhere"}
    for arguments, environment in (
        (("--event-hub-connection-string", string), nowhere),
        ((), {"EVENTHUB_CONNECTION_STRING": string, **nowhere}),
    ):
        done = iothub("monitor", "--et", "0", "--count", "1", *arguments, **environment)
        assert rows(done)[0]["event"]["payload"] == "x", done


def test_without_the_ca_it_fails_closed_and_says_what_to_do(iothub, emulator):
    done = iothub("monitor", "--login", emulator.service_connection_string)
    assert (done.code, done.out) == (1, "")
    assert "IOTHUB_CA_FILE" in done.err and "iothub env" in done.err, done


def test_a_lost_connection_is_told_and_made_again(iothub, emulator, devices):
    key = emulator.policies["service"].primary_key
    with Wire(emulator.ports["amqp"]) as wire:
        string = (
            f"Endpoint=sb://localhost:{wire.port};SharedAccessKeyName=service;"
            f"SharedAccessKey={key};EntityPath={emulator.hub_name}"
        )
        program = watching(iothub, "--event-hub-connection-string", string, IOTHUB_CA_FILE=emulator.ca_path)
        devices.send("one")
        program.wait_for("one")
        wire.cut()
        assert b"trying again" in program.process.stderr.readline()
        devices.send("two")
        wire.mend()
        program.wait_for("two")
        assert b"connected again" in program.process.stderr.readline()
        assert program.interrupt() == 0


@pytest.mark.parametrize(
    "arguments, code, told",
    [
        (("--consumer-group", "nobody"), 1, "nobody"),
        (("--enqueued-time", "yesterday"), 2, "--enqueued-time is a time"),
        (("-p", "some"), 2, "all|anno|sys|app"),
        (("--count", "0"), 2, "--count"),
        (("-q", "SELECT * FROM nothing"), 1, "nothing"),
        (("-q", "SELECT status FROM devices"), 2, "deviceId"),
        (("--event-hub-connection-string", "Endpoint=sb://h"), 2, "EntityPath"),
        (("--event-hub-connection-string", "HostName=h"), 2, "SharedAccessKeyName"),
        (("one", "two"), 2, "one argument too many"),
    ],
)
def test_it_says_what_is_wrong(iothub, devices, arguments, code, told):
    devices.add("d1")
    done = iothub("monitor", *arguments)
    assert (done.code, done.out) == (code, ""), done
    assert told in done.err, done

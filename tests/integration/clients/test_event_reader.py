# SPDX-License-Identifier: MIT
"""The messaging library's reader of events: from where it reads, and what it does when the wire gives way."""

import json
import threading
import time

import pytest

import rest
from loopback import Listener
from programs import Program, Wire, run

REFUSED, UNAVAILABLE, UNTRUSTED = 2, 3, 4
EVENTS = "/devices/{}/messages/events"


def hub_string(emulator, policy="iothubowner", key=None, host="localhost"):
    key = key or emulator.policies[policy].primary_key
    return f"HostName={host};SharedAccessKeyName={policy};SharedAccessKey={key}"


def event_hub_string(emulator, port=None, plain=False, policy="iothubowner", key=None, hub=None):
    key = key or emulator.policies[policy].primary_key
    port = port or emulator.ports["amqpPlain" if plain else "amqp"]
    return (
        f"Endpoint=sb://localhost:{port}/;SharedAccessKeyName={policy};SharedAccessKey={key};"
        f"EntityPath={hub or emulator.hub_name}" + (";UseDevelopmentEmulator=true" if plain else "")
    )


class Devices:
    """Devices that send events by HTTPS."""

    def __init__(self, emulator, owner):
        self.emulator = emulator
        self.owner = owner
        self.clients = {}

    def send(self, body, device="d1", **headers):
        if device not in self.clients:
            self.clients[device] = rest.device(self.emulator, self.owner.create_device(device))
        body = body if isinstance(body, bytes) else str(body).encode()
        answer = self.clients[device].post(EVENTS.format(device), body=body, headers=headers)
        assert answer.status == 204, answer

    def close(self):
        for client in self.clients.values():
            client.close()


@pytest.fixture
def devices(emulator, owner):
    some = Devices(emulator, owner)
    yield some
    some.close()


@pytest.fixture
def wire(emulator):
    with Wire(emulator.ports["amqp"]) as one:
        yield one


def reading(emulator, string=None, partitions=4, **settings):
    """A reader that has begun; by default at the event hub, with TLS."""
    program = Program(
        "messaging_probe",
        "read",
        string or event_hub_string(emulator),
        *[f"{name}={value}" for name, value in settings.items()],
        ca=emulator.ca_path,
    )
    assert program.wait_for("reading ") == f"reading {partitions}"
    return program


def failing(emulator, string, ca="emulator", **settings):
    code, output, _ = run(
        "messaging_probe",
        "read",
        string,
        *[f"{name}={value}" for name, value in {"timeout": 5000, **settings}.items()],
        ca=emulator.ca_path if ca == "emulator" else ca,
    )
    assert code == 1
    _, result, status, rest_of = output.strip().split(" ", 3)
    condition, _, text = rest_of.partition(": ")
    return int(result), int(status), condition, text


def next_event(program):
    line = program.wait_for("event {")
    return json.loads(line[line.index("event {") + len("event ") :])


def bodies(program, count):
    return [next_event(program)["body"] for _ in range(count)]


def brings_nothing(program, devices, device="d1"):
    """What is sent now is the next that comes."""
    mark = f"mark {time.monotonic()}"
    devices.send(mark, device)
    return next_event(program)["body"] == mark


# ---- from where ----


@pytest.mark.parametrize("by", ["the IoT hub", "the event hub", "the event hub, plain"])
def test_events_come_with_all_that_they_have(emulator, devices, by):
    string, settings = {
        "the IoT hub": (hub_string(emulator), {"port": emulator.ports["amqp"]}),
        "the event hub": (event_hub_string(emulator), {}),
        "the event hub, plain": (event_hub_string(emulator, plain=True), {}),
    }[by]
    with reading(emulator, string, **settings) as program:
        devices.send(
            b'{"t":21}',
            **{
                "iothub-app-k": "a b=\u00e9".encode().decode("latin-1"),
                "iothub-messageid": "m1",
                "iothub-correlationid": "c1",
                "iothub-contenttype": "application/json",
                "iothub-contentencoding": "utf-8",
            },
        )
        event = next_event(program)
        assert event["body"] == '{"t":21}'
        assert event["sequence"] == event["annotations"]["x-opt-sequence-number"] >= 0
        assert event["offset"] == event["annotations"]["x-opt-offset"] != ""
        assert abs(event["enqueued"] / 1000 - time.time()) < 60
        assert (event["device"], event["module"], event["source"]) == ("d1", "", "Telemetry")
        assert event["contentType"] == "application/json"
        assert event["properties"]["message_id"] == "m1"
        assert event["properties"]["correlation_id"] == "c1"
        assert event["properties"]["content_encoding"] == "utf-8"
        assert event["application"] == {"k": "a b=\u00e9"}
        assert json.loads(event["annotations"]["iothub-connection-auth-method"])["type"] == "sas"


def test_latest_is_what_comes_after_the_start(emulator, devices):
    for n in range(5):
        devices.send("old", f"d{n}")
    with reading(emulator) as program:
        devices.send("new", "d3")
        assert bodies(program, 1) == ["new"]


def test_earliest_is_all_there_is(emulator, devices):
    for n in range(8):
        devices.send(n, f"d{n}")
    with reading(emulator, start="earliest") as program:
        assert sorted(bodies(program, 8)) == [str(n) for n in range(8)]
        assert brings_nothing(program, devices, "d3")


def test_reading_starts_at_a_number_behind_an_offset_or_after_a_time(emulator, devices):
    devices.send("one")
    time.sleep(0.05)
    devices.send("two")
    with reading(emulator, start="earliest") as program:
        one, two = next_event(program), next_event(program)
    for settings, expected in (
        ({"start": "sequence", "value": two["sequence"]}, ["two"]),
        ({"start": "sequence", "value": one["sequence"]}, ["one", "two"]),
        ({"start": "offset", "value": one["offset"]}, ["two"]),
        ({"start": "time", "value": one["enqueued"]}, ["two"]),
        ({"start": "time", "value": one["enqueued"] - 1}, ["one", "two"]),
    ):
        with reading(emulator, partitions=1, partition=two["partition"], **settings) as program:
            assert bodies(program, len(expected)) == expected, settings


def test_one_partition_alone_is_read(emulator, devices):
    for n in range(12):
        devices.send(n, f"d{n}")
    with reading(emulator, start="earliest") as program:
        where = {event["body"]: event["partition"] for event in (next_event(program) for _ in range(12))}
    expected = [body for body in where if where[body] == "2"]
    assert 0 < len(expected) < 12
    with reading(emulator, partitions=1, partition=2, start="earliest") as program:
        assert sorted(bodies(program, len(expected))) == sorted(expected)


def test_large_events_and_many_of_them_come_whole_and_in_order(emulator, devices):
    sizes = [1, 250_000, 3, 70_000, 0] * 20
    for number, size in enumerate(sizes):
        devices.send(b"x" * size, "big", **{"iothub-app-n": str(number)})
    with reading(emulator, start="earliest") as program:
        seen = [next_event(program) for _ in sizes]
        assert [event["size"] for event in seen] == sizes
        assert [event["application"]["n"] for event in seen] == [str(n) for n in range(len(sizes))]


def test_more_events_than_there_is_credit(emulator, devices):
    for number in range(1200):
        devices.send(number)
    with reading(emulator, start="earliest") as program:
        assert bodies(program, 1200) == [str(number) for number in range(1200)]


def test_bytes_that_are_no_text_come_as_they_are(emulator, devices):
    devices.send(b"\xff\xfe\x01")
    with reading(emulator, start="earliest") as program:
        event = next_event(program)
        assert (event["size"], event["body"]) == (3, "fffe01")


def test_a_signal_ends_it(emulator):
    with reading(emulator) as program:
        assert program.interrupt() == 0


def test_a_consumer_group_is_named(emulator_factory):
    emulator = emulator_factory("--memory", "--consumer-groups", "web")
    with rest.service(emulator) as owner:
        devices = Devices(emulator, owner)
        with reading(emulator, group="web") as program:
            devices.send("x")
            assert bodies(program, 1) == ["x"]
        devices.close()


# ---- what is refused ----


def test_an_unknown_consumer_group_is_named(emulator):
    result, status, condition, text = failing(emulator, event_hub_string(emulator), group="nobody")
    assert (result, status, condition) == (REFUSED, 404, "amqp:not-found")
    assert "nobody" in text and "{" not in text


@pytest.mark.parametrize("by_hub", [True, False])
def test_a_wrong_key_is_refused(emulator, by_hub):
    key = "d3Jvbmcga2V5IHRoYXQgaXMgbG9uZyBlbm91Z2g="
    string = hub_string(emulator, key=key) if by_hub else event_hub_string(emulator, key=key)
    result, status, condition, _ = failing(emulator, string, port=emulator.ports["amqp"])
    assert (result, status, condition) == (REFUSED, 401, "amqp:unauthorized-access")


def test_a_policy_that_may_not_is_refused(emulator):
    result, status, condition, _ = failing(emulator, event_hub_string(emulator, policy="registryRead"))
    assert (result, status, condition) == (REFUSED, 401, "amqp:unauthorized-access")


def test_an_unknown_event_hub_is_refused(emulator):
    result, status, _, text = failing(emulator, event_hub_string(emulator, hub="other"))
    assert (result, status) == (REFUSED, 404)
    assert "other" in text


def test_an_unknown_partition_is_refused(emulator):
    assert failing(emulator, event_hub_string(emulator), partition=17)[0] == REFUSED


def test_without_the_ca_it_fails_closed_and_says_what_to_do(emulator):
    string = hub_string(emulator)
    result, _, _, text = failing(emulator, string, ca=None, port=emulator.ports["amqp"])
    assert result == UNTRUSTED
    assert "IOTHUB_CA_FILE" in text


def test_another_name_than_the_certificate_has_is_not_believed(emulator):
    string = hub_string(emulator, host="127.0.0.2")
    result, _, _, text = failing(emulator, string, port=emulator.ports["amqp"])
    assert result in (UNTRUSTED, UNAVAILABLE) and "127.0.0.2" in text


def test_a_host_that_is_not_there(emulator):
    result, _, _, text = failing(emulator, hub_string(emulator, host="no-such-host.invalid"))
    assert result == UNAVAILABLE and "no-such-host.invalid" in text


def test_a_port_where_nobody_listens(emulator):
    with Listener(backlog=None) as nobody:
        result, _, _, text = failing(emulator, event_hub_string(emulator, port=nobody.port))
        assert result == UNAVAILABLE and str(nobody.port) in text


@pytest.mark.parametrize("plain", [True, False])
def test_a_port_where_nobody_answers_is_given_up_in_time(emulator, plain):
    with Listener() as listener:
        string = event_hub_string(emulator, port=listener.port, plain=plain)
        begin = time.monotonic()
        result, _, _, text = failing(emulator, string, timeout=1000)
        assert 0.9 < time.monotonic() - begin < 10
    assert result == UNAVAILABLE and "in time" in text


def test_a_port_that_speaks_something_else_is_told(emulator):
    for port in ("mqtt", "control"):
        string = event_hub_string(emulator, port=emulator.ports[port])
        assert failing(emulator, string)[0] == UNAVAILABLE


@pytest.mark.parametrize(
    ("string", "words"),
    [
        ("", "is missing"),
        ("HostName=h;DeviceId=d;SharedAccessKey=a2V5", "device"),
        ("HostName=h;SharedAccessKey=a2V5", "SharedAccessKeyName"),
        ("Endpoint=sb://h/;SharedAccessKeyName=p;SharedAccessKey=k", "EntityPath"),
        ("Endpoint=https://h/;SharedAccessKeyName=p;SharedAccessKey=k;EntityPath=e", "sb://"),
    ],
)
def test_a_connection_string_that_is_none_is_explained(emulator, string, words):
    assert words in failing(emulator, string)[3]


# ---- when the wire gives way ----


def test_what_came_while_the_wire_was_cut_comes_once(emulator, devices, wire):
    with reading(emulator, event_hub_string(emulator, wire.port)) as program:
        devices.send("before")
        assert bodies(program, 1) == ["before"]
        wire.cut()
        program.wait_for("lost: ")
        for n in range(5):
            devices.send(n)
        wire.mend()
        program.wait_for("made")
        assert bodies(program, 5) == ["0", "1", "2", "3", "4"]
        assert brings_nothing(program, devices)


def test_what_is_new_is_known_before_the_first_event(emulator, devices, wire):
    devices.send("old", "d1")
    with reading(emulator, event_hub_string(emulator, wire.port)) as program:
        wire.cut()
        program.wait_for("lost: ")
        for n in range(6):
            devices.send(n, f"e{n}")
        wire.mend()
        assert sorted(bodies(program, 6)) == ["0", "1", "2", "3", "4", "5"]


def test_a_stream_that_is_cut_again_and_again_loses_and_doubles_nothing(emulator, devices, wire):
    total, names = 600, [f"d{n}" for n in range(6)]
    for name in names:
        devices.send("first", name)
    done = threading.Event()

    def send_all():
        for number in range(total):
            devices.send(number, names[number % len(names)])
        done.set()

    with reading(emulator, event_hub_string(emulator, wire.port)) as program:
        sender = threading.Thread(target=send_all)
        sender.start()
        seen = []
        for part in range(4):
            seen += [next_event(program) for _ in range(total // 5)]
            wire.cut()
            wire.mend()
        seen += [next_event(program) for _ in range(total - len(seen))]
        sender.join()
        assert done.is_set()
        for index, name in enumerate(names):
            mine = [int(event["body"]) for event in seen if event["device"] == name]
            assert mine == list(range(index, total, len(names))), name
        assert brings_nothing(program, devices)


def test_an_emulator_that_comes_back_is_found_again(emulator_factory, tmp_path):
    emulator = emulator_factory("--data", str(tmp_path / "data"), "--partitions", "2")
    with Wire(emulator.ports["amqp"]) as wire:
        with reading(emulator, event_hub_string(emulator, wire.port), partitions=2) as program:
            with rest.service(emulator) as owner:
                identity = owner.create_device("d1")
            with rest.device(emulator, identity) as device:
                assert device.post(EVENTS.format("d1"), body=b"one").status == 204
            assert bodies(program, 1) == ["one"]
            emulator.kill()
            program.wait_for("lost: ")
            emulator.start()
            wire.target = emulator.ports["amqp"]
            with rest.device(emulator, identity) as device:
                assert device.post(EVENTS.format("d1"), body=b"two").status == 204
            program.wait_for("made")
            assert bodies(program, 1) == ["two"]


def test_an_emulator_that_forgets_is_read_from_its_beginning(emulator_factory):
    emulator = emulator_factory("--memory", "--random-seed", "5", "--partitions", "1")

    def send(*bodies):
        with rest.service(emulator) as owner, rest.device(emulator, owner.create_device("d1")) as device:
            for body in bodies:
                assert device.post(EVENTS.format("d1"), body=body.encode()).status == 204

    with Wire(emulator.ports["amqp"]) as wire:
        with reading(emulator, event_hub_string(emulator, wire.port), partitions=1) as program:
            send("one", "two", "three")
            assert bodies(program, 3) == ["one", "two", "three"]
            wire.cut()
            program.wait_for("lost: ")
            emulator.stop()
            emulator.start()
            wire.target = emulator.ports["amqp"]
            send("anew")
            wire.mend()
            assert bodies(program, 1) == ["anew"]


def test_tokens_are_renewed_in_time(emulator_factory):
    emulator = emulator_factory("--memory", "--set", "token-close-grace-s=0")
    with rest.service(emulator) as owner:
        devices = Devices(emulator, owner)
        with reading(emulator, lifetime=5) as program:
            time.sleep(9)
            devices.send("still")
            assert "lost" not in program.wait_for("event {")
        devices.close()


def test_a_reader_that_pauses_is_held_up_and_not_cut_off(emulator, devices):
    with reading(emulator, pause=300) as program:
        for number in range(8):
            devices.send(number)
        assert bodies(program, 8) == [str(number) for number in range(8)]

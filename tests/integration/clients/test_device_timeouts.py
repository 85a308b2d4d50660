# SPDX-License-Identifier: MIT
"""The device library against hubs that do not answer, are busy, or are none."""

import json
import socket
import threading
import time

import pytest

from loopback import Listener
from mqtt_hub import CLOSE, SILENT, MqttHub
from programs import Program, Wire, device_string

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
def start():
    running = []

    def start_probe(port, ca=None, host="localhost", module=""):
        text = f"HostName={host}:{port};DeviceId=d1;{module}SharedAccessKey={KEY}"
        running.append(Program("device_probe", text, ca=ca))
        return running[-1]

    yield start_probe
    for one in running:
        one.__exit__()


def ask(probe, command, answer="ok "):
    probe.say(command)
    return probe.wait_for(answer)


def timed(probe, command, answer):
    began = time.monotonic()
    said = ask(probe, command, answer)
    return said, time.monotonic() - began


# ---- Connecting ----


def test_who_accepts_and_says_nothing_is_given_up(start):
    with Listener() as listener:
        probe = start(listener.port)
        ask(probe, "set connect-timeout-ms 700")
        said, took_s = timed(probe, "connect", "failed unavailable")
        assert "did not begin to speak TLS within 700 ms" in said
        assert 0.6 < took_s < 3


def test_who_does_not_even_accept_is_given_up(start):
    """A listener whose backlog is full lets the handshake of TCP hang, as a firewall does."""
    with Listener(backlog=0) as listener:
        address = listener.getsockname()
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            waiting.append(one)
        probe = start(address[1], host="127.0.0.1")
        ask(probe, "set connect-timeout-ms 700")
        said, took_s = timed(probe, "connect", "failed unavailable")
        assert "could not reach 127.0.0.1" in said and "no answer in time" in said
        assert 0.6 < took_s < 3
        for one in waiting:
            one.close()


def test_who_speaks_tls_but_never_accepts_the_device_is_given_up(start, tmp_path):
    with MqttHub(tmp_path, SILENT) as hub:
        probe = start(hub.port, ca=hub.ca_path)
        ask(probe, "set connect-timeout-ms 700")
        said, took_s = timed(probe, "connect", "failed unavailable")
        assert "did not accept the device (CONNACK) within 700 ms" in said
        assert 0.6 < took_s < 3


def test_a_port_where_nobody_listens_is_named(start):
    probe = start(1)
    assert "could not reach localhost, port 1: Connection refused" in ask(
        probe, "connect", "failed unavailable"
    )


def test_a_name_that_nobody_has_is_told(start):
    probe = start(8883, host="no-such-name.invalid")
    assert '"no-such-name.invalid" cannot be found' in ask(probe, "connect", "failed unavailable")


def test_a_port_without_tls_is_told(start):
    def answer(listener):
        connection, _ = listener.accept()
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    with Listener() as listener:
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        probe = start(listener.port)
        assert "is that the port for MQTT?" in ask(probe, "connect", "failed unavailable")


@pytest.mark.parametrize(
    "code, result, words",
    [
        (1, "refused", "unacceptable protocol version"),
        (2, "refused", "client id rejected"),
        (3, "unavailable", "server unavailable"),
        (4, "refused", "bad user name or password"),
        (5, "refused", "not authorized"),
        (9, "refused", "a code that MQTT 3.1.1 does not know"),
    ],
)
def test_each_refusal_is_explained(start, tmp_path, code, result, words):
    with MqttHub(tmp_path, code) as hub:
        probe = start(hub.port, ca=hub.ca_path)
        assert words in ask(probe, "connect", f"failed {result}")


# ---- Coming back ----


def test_a_busy_hub_is_tried_again_by_the_schedule(start, tmp_path):
    """Lost once, then CONNACK 3 four times: 200, 400, 800, 800 ms apart, and back."""
    with MqttHub(tmp_path, CLOSE, 3, 3, 3, 3, 0) as hub:
        probe = start(hub.port, ca=hub.ca_path)
        ask(probe, "set retry-first-ms 200")
        ask(probe, "set retry-max-ms 800")
        ask(probe, "set retry-jitter-percent 25")
        ask(probe, "connect")
        probe.wait_for("lost: ")
        probe.wait_for("made")
        apart = [b - a for a, b in zip(hub.times, hub.times[1:])]
    assert len(apart) == 5
    for wait_s, least_s in zip(apart, (0.2, 0.4, 0.8, 0.8, 0.8)):
        assert least_s <= wait_s < least_s * 1.25 + 0.6  # jitter, and a machine that is busy


def test_a_hub_that_says_no_is_not_tried_again(start, tmp_path):
    with MqttHub(tmp_path, CLOSE, 5) as hub:
        probe = start(hub.port, ca=hub.ca_path)
        ask(probe, "set retry-first-ms 10")
        ask(probe, "connect")
        assert "not authorized" in probe.wait_for("ended: ")
        assert len(hub.times) == 2


# ---- Waiting for answers ----


def test_a_busy_twin_is_asked_again(start, tmp_path):
    with MqttHub(tmp_path, 0, twin_statuses=[200, 429, 503, 204]) as hub:
        probe = start(hub.port, ca=hub.ca_path)
        ask(probe, "set retry-first-ms 50")
        ask(probe, "connect")  # which asks for the twin once
        assert "version 7" in ask(probe, 'report {"a":1}')
        assert hub.twin_statuses == [204]


def test_a_twin_that_stays_busy_is_told_as_such(start, tmp_path):
    with MqttHub(tmp_path, 0, twin_statuses=[429]) as hub:
        probe = start(hub.port, ca=hub.ca_path)
        ask(probe, "set answer-timeout-ms 1500")
        ask(probe, "connect")
        said, took_s = timed(probe, 'report {"a":1}', "failed unavailable")
        assert "status 429" in said
        assert took_s < 4


@pytest.fixture
def connected(emulator, owner):
    """device_probe as d1 of the emulator, by a wire."""
    device = owner.create_device("d1")
    with Wire(emulator.ports["mqtt"]) as wire:
        text = device_string(emulator, device, wire.port)
        with Program("device_probe", text, ca=emulator.ca_path) as probe:
            ask(probe, "set keep-alive-s 5")
            ask(probe, "connect")
            yield probe, wire


@pytest.mark.parametrize("command", ["send x", 'report {"a":1}', "twin"])
def test_no_call_waits_longer_than_it_was_told(connected, command):
    probe, wire = connected
    ask(probe, "set answer-timeout-ms 600")
    wire.stall()
    said, took_s = timed(probe, command, "failed unavailable")
    assert "within 600 ms" in said
    assert 0.5 < took_s < 3


def test_a_hub_that_fell_silent_is_noticed(connected):
    probe, wire = connected
    wire.stall()
    assert "sign of life" in probe.wait_for("lost: ", 30)


# ---- What a hub without Edge never sends ----


def test_a_message_for_a_module_s_input_is_handled_and_acknowledged(start, tmp_path):
    topic = "devices/d1/modules/m1/inputs/in1/%24.cdid=d2&colour=dark%20red"
    with MqttHub(tmp_path, 0, deliver=(topic, "hello")) as hub:
        probe = start(hub.port, ca=hub.ca_path, module="ModuleId=m1;")
        probe.say("connect")
        line = probe.wait_for("message ")
        assert json.loads(line.partition("message ")[2]) == {
            "body": "hello",
            "input": "in1",
            "properties": {"colour": "dark red"},
        }
        deadline = time.monotonic() + 10
        while hub.acknowledged != [7]:
            assert time.monotonic() < deadline, hub.acknowledged
            time.sleep(0.02)
        assert hub.filters == [
            "$iothub/twin/res/#",
            "$iothub/twin/PATCH/properties/desired/#",
            "$iothub/methods/POST/#",
            "devices/d1/modules/m1/inputs/#",
        ]

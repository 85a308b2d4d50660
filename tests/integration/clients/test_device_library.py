# SPDX-License-Identifier: MIT
"""What the device library does when the wire, the token or the hub gives way."""

import json
import re
import time

import pytest

from programs import Program, Wire, device_string


def journal(emulator, kind, device="d1"):
    status, answer = emulator.control("GET", f"/journal?kind={kind}&device={device}&limit=1000")
    assert status == 200, answer
    return answer["rows"]


@pytest.fixture
def wire(emulator):
    with Wire(emulator.ports["mqtt"]) as one:
        yield one


@pytest.fixture
def probe(emulator, owner, wire):
    """device_probe as d1, connected by a wire that can be cut."""
    device = owner.create_device("d1")
    with Program(
        "device_probe", device_string(emulator, device, wire.port), ca=emulator.ca_path
    ) as program:
        yield program


def ask(probe, command, answer="ok "):
    probe.say(command)
    return probe.wait_for(answer)


def desire(owner, **properties):
    answer = owner.patch("/twins/d1", {"properties": {"desired": properties}})
    assert answer.status == 200, answer


def test_telemetry_is_stored_when_send_returns(emulator, probe):
    ask(probe, "connect")
    ask(probe, 'send {"temperature":21}')
    row = journal(emulator, "telemetry")[-1]
    assert row["body"] == {"temperature": 21}
    assert row["properties"] == {"a property": "1 & 2"}


def test_the_twin_is_read_and_reported(owner, probe):
    ask(probe, "connect")
    assert "version 2" in ask(probe, 'report {"a":{"b":1},"c":"x"}')
    assert "version 3" in ask(probe, 'report {"c":null}')
    seen = json.loads(re.search(r"^twin (.*)$", ask(probe, "twin"), re.M)[1])
    assert seen == {"desired": {"$version": 1}, "reported": {"a": {"b": 1}, "$version": 3}}


def test_what_the_hub_refuses_is_explained(probe):
    ask(probe, "connect")
    assert "status 400" in ask(probe, 'report {"with.dot":1}', "failed refused")
    ask(probe, 'report {"fine":1}')


def test_a_method_is_answered_when_the_program_likes(owner, probe):
    import threading

    ask(probe, "connect")
    answers = []
    caller = threading.Thread(
        target=lambda: answers.append(
            owner.post("/twins/d1/methods", {"methodName": "ping", "payload": {"n": 1}})
        )
    )
    caller.start()
    probe.wait_for('method ping {"n":1}')
    time.sleep(0.5)
    assert not answers
    ask(probe, 'respond {"pong":true}')
    caller.join()
    assert answers[0].json == {"status": 200, "payload": {"pong": True}}


def test_a_cut_wire_is_mended_and_missed_changes_are_found(owner, wire, probe):
    ask(probe, "connect")
    desire(owner, a=1)
    probe.wait_for('desired patch {"a":1')
    wire.cut()
    probe.wait_for("lost: ")
    desire(owner, a=2)
    wire.mend()
    assert "made" in probe.wait_for("desired whole")
    desire(owner, b=3)
    assert '"b":3' in probe.wait_for("desired patch")
    ask(probe, 'report {"a":2}')


def test_nothing_is_delivered_again_when_nothing_was_missed(owner, wire, probe):
    ask(probe, "connect")
    desire(owner, a=1)
    probe.wait_for("desired patch")
    wire.cut()
    wire.mend()
    probe.wait_for("made")
    desire(owner, a=2)
    assert "whole" not in probe.wait_for("desired patch")


def test_calls_outlast_a_cut_wire(emulator, wire, probe):
    ask(probe, "connect")
    wire.cut()
    probe.say("send while away")
    time.sleep(0.3)
    wire.mend()
    probe.wait_for("ok ")
    assert len(journal(emulator, "telemetry")) == 1


def test_a_hub_that_stays_away_is_told(wire, probe):
    ask(probe, "set answer-timeout-ms 8000")
    ask(probe, "connect")
    wire.cut()
    assert "still not connected" in ask(probe, 'report {"a":1}', "failed unavailable")
    assert 2 <= wire.accepted - 1 <= 6  # 1, 2, 4, 8 ... seconds apart, and some


def test_a_token_is_renewed_before_it_expires(owner, wire, probe):
    ask(probe, "set token-lifetime-s 5")
    ask(probe, "connect")
    deadline = time.monotonic() + 20
    while wire.accepted < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert wire.accepted >= 3
    desire(owner, a=1)
    assert "lost" not in probe.wait_for("desired ")


def test_a_deleted_device_ends_and_says_why(owner, probe):
    ask(probe, "connect")
    assert owner.delete("/devices/d1", headers={"If-Match": "*"}).status == 204
    assert "not authorized" in probe.wait_for("ended: ")
    assert probe.process.wait(10) == 1


def test_a_program_may_disconnect_and_come_back(emulator, probe):
    ask(probe, "connect")
    ask(probe, "disconnect")
    assert "not connected" in ask(probe, "send x", "failed unavailable")
    ask(probe, "connect")
    ask(probe, "send y")
    assert len(journal(emulator, "telemetry")) == 1


@pytest.mark.parametrize("size, answer", [(200000, "ok "), (262145, "failed invalid")])
def test_a_message_is_as_large_as_a_hub_takes(probe, size, answer):
    ask(probe, "connect")
    ask(probe, "send " + "x" * size, answer)
    ask(probe, "send small")


def test_the_hub_is_told_the_model_and_the_program(emulator, owner, probe):
    ask(probe, "model dtmi:com:example:Thermostat;1")
    ask(probe, "product thermostat/2.1")
    ask(probe, "connect")
    assert owner.get("/twins/d1").json["modelId"] == "dtmi:com:example:Thermostat;1"
    assert 'client="thermostat%2F2.1%20iothub-device%2F' in emulator.log()


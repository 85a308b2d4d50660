# SPDX-License-Identifier: MIT
"""Messages of the device library: from the cloud, and many to it."""

import json
import time

import pytest

from programs import Program, Wire, device_string

QUEUE = "/devices/d1/messages/deviceBound"


def rows(emulator, kind, device="d1"):
    status, answer = emulator.control("GET", f"/journal?kind={kind}&device={device}&limit=1000")
    assert status == 200, answer
    return answer["rows"]


@pytest.fixture
def device(owner):
    return owner.create_device("d1")


@pytest.fixture
def start(emulator, device):
    """Starts device_probe as d1, by a wire of the test's own if it likes."""
    running = []

    def start_probe(wire=None):
        text = device_string(emulator, device, wire and wire.port)
        running.append(Program("device_probe", text, ca=emulator.ca_path))
        return running[-1]

    yield start_probe
    for one in running:
        one.__exit__()


@pytest.fixture
def wire(emulator):
    with Wire(emulator.ports["mqtt"]) as one:
        yield one


def ask(probe, command, answer="ok "):
    probe.say(command)
    return probe.wait_for(answer)


def send(owner, body="x", **properties):
    headers = {f"iothub-{name.replace('app_', 'app-')}": v for name, v in properties.items()}
    answer = owner.post(QUEUE, body=body.encode(), headers=headers)
    assert answer.status == 204, answer


def message(probe):
    line = probe.wait_for("message ")
    return json.loads(line.partition("message ")[2])


def wait_until(condition, what, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


# ---- From the cloud ----


def test_a_message_comes_with_all_that_was_written_on_it(owner, start):
    probe = start()
    ask(probe, "connect")
    send(
        owner,
        "turn & go",
        messageid="m-1",
        correlationid="c/1",
        contenttype="text/plain",
        ack="full",
        app_colour="dark red",
    )
    assert message(probe) == {
        "body": "turn & go",
        "messageId": "m-1",
        "correlationId": "c/1",
        "contentType": "text/plain",
        "to": QUEUE,
        "ack": "full",
        "properties": {"colour": "dark red"},
    }


def test_a_message_is_completed_when_the_handler_has_returned(emulator, owner, start):
    probe = start()
    ask(probe, "connect")
    send(owner, "one")
    message(probe)
    wait_until(lambda: rows(emulator, "c2dSettled"), "never completed")
    assert [row["outcome"] for row in rows(emulator, "c2dSettled")] == ["completed"]


@pytest.mark.parametrize("deed", ["crash", "both"])
def test_a_message_comes_again_when_the_program_fails_in_its_handler(emulator, owner, start, deed):
    """Even where the handler made another call first, which has to write to the hub."""
    probe = start()
    ask(probe, "connect")
    ask(probe, f"answer-by {deed}")
    send(owner, "precious")
    assert message(probe)["body"] == "precious"
    assert probe.process.wait(20) == 9
    assert rows(emulator, "c2dSettled") == []

    again = start()
    ask(again, "connect")
    assert message(again)["body"] == "precious"
    wait_until(lambda: rows(emulator, "c2dSettled"), "never completed")


def test_a_handler_may_report(owner, start):
    probe = start()
    ask(probe, "connect")
    ask(probe, "answer-by report")
    send(owner)
    probe.wait_for("reported 0")
    assert owner.get("/twins/d1").json["properties"]["reported"]["handled"] is True


def test_messages_wait_for_the_device_and_come_in_order(owner, start):
    probe = start()
    ask(probe, "connect")
    ask(probe, "disconnect")
    for i in range(50):
        send(owner, f"m{i}")
    probe.say("connect")  # they come before its "ok"
    assert [message(probe)["body"] for _ in range(50)] == [f"m{i}" for i in range(50)]


def test_messages_go_on_coming_across_cuts_of_the_wire(emulator, owner, wire, start):
    probe = start(wire)
    ask(probe, "connect")
    for i in range(3):
        send(owner, f"m{i}")
        assert message(probe)["body"] == f"m{i}"
        wire.cut()
        probe.wait_for("lost: ")
        wire.mend()
        probe.wait_for("made")
    wait_until(lambda: len(rows(emulator, "c2dSettled")) == 3, "never completed")


# ---- To the cloud ----


def telemetry(emulator):
    return [row["body"]["n"] for row in rows(emulator, "telemetry")]


def told(output):
    """What the program was told of its messages, in order."""
    return [line for line in output.splitlines() if line.startswith(("stored", "never confirmed"))]


def test_hundreds_a_second_at_a_round_trip_of_100_ms(emulator, start):
    with Wire(emulator.ports["mqtt"], delay_s=0.05) as slow:
        probe = start(slow)
        ask(probe, "connect")
        began = time.monotonic()
        ask(probe, "burst 900")
        ask(probe, "flush 20000")
        assert time.monotonic() - began < 4.5  # one by one it would be 90 seconds
    assert telemetry(emulator) == list(range(900))
    assert told(probe.output.decode()) == [f"stored {i}" for i in range(900)]


def test_what_was_under_way_when_the_wire_was_cut_arrives_all_the_same(emulator, start):
    with Wire(emulator.ports["mqtt"], delay_s=0.02) as slow:
        probe = start(slow)
        ask(probe, "connect")
        ask(probe, "set retry-first-ms 50")
        ask(probe, "burst 600")
        time.sleep(0.05)
        slow.cut()
        probe.wait_for("lost: ")
        slow.mend()
        ask(probe, "flush 30000")
    arrived = telemetry(emulator)
    first_seen = list(dict.fromkeys(arrived))
    assert first_seen == list(range(600))  # none lost, and none overtook another
    assert told(probe.output.decode()) == [f"stored {i}" for i in range(600)]  # once each


def test_what_is_sent_while_the_device_comes_back_does_not_overtake(emulator, start):
    with Wire(emulator.ports["mqtt"], delay_s=0.1) as slow:
        probe = start(slow)
        ask(probe, "set retry-first-ms 50")
        ask(probe, "connect")
        probe.say("stream 250")  # for a second and a quarter, and more
        probe.wait_for("stored 10")
        slow.cut()
        probe.wait_for("lost: ")
        slow.mend()
        probe.wait_for("ok ")
        ask(probe, "flush 30000")
    assert list(dict.fromkeys(telemetry(emulator))) == list(range(250))
    assert told(probe.output.decode()) == [f"stored {i}" for i in range(250)]


def test_more_than_may_wait_is_refused_and_nothing_is_lost(emulator, start):
    with Wire(emulator.ports["mqtt"], delay_s=0.1) as slow:
        probe = start(slow)
        ask(probe, "set pending-max 5")
        ask(probe, "connect")
        assert "5 messages wait" in ask(probe, "burst 6", "failed unavailable")
        ask(probe, "flush 10000")
    assert telemetry(emulator) == list(range(5))


def test_what_was_never_confirmed_is_told_at_the_end(wire, start):
    probe = start(wire)
    ask(probe, "connect")
    wire.stall()
    ask(probe, "burst 3")
    assert "3 messages are not confirmed" in ask(probe, "flush 200", "failed unavailable")
    code, output, _ = probe.finish()
    assert code == 0
    assert told(output) == [f"never confirmed {i}" for i in range(3)]

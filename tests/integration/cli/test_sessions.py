# SPDX-License-Identifier: MIT
"""Sessions at a terminal, as a newcomer has them, compared with fixtures/terminal."""

import re

import pytest

import rest
from conftest import Iothub, far_away
from golden import check, replaced
from terminal import Terminal

# What a bar tells depends on the machine's speed; its shape does not.
BAR = replaced(
    r"\[#*-*\]  [\d,]+ of ([\d,]+)  \d+ %  [\d,]+/s  \d+ s left",
    r"[########################]  N of \1  N %  N/s  N s left",
)


@pytest.fixture
def hub(emulator_factory):
    """A hub of the test's own, whose keys are the same in each run."""
    return emulator_factory("--memory", "--random-seed", "7")


@pytest.fixture
def open_terminal(hub, tmp_path):
    opened = []
    home = Iothub(hub, tmp_path)

    def start(columns=80):
        opened.append(Terminal(home.environment, columns=columns))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.__exit__()


def story(screen, rules):
    """The states that were written over, and then the last one."""
    told = []
    for frame in [*screen.frames, screen.text]:
        for rule in rules:
            frame = rule(frame)
        if frame not in told:
            told.append(frame)
    return "---- and then ----\n".join(told)


def percentages(screen):
    return [int(percent) for frame in screen.frames for percent in re.findall(r"(\d+) %", frame)]


def bars(screen):
    return [bar.count("#") for frame in screen.frames for bar in re.findall(r"\[(#*)-*\]", frame)]


def test_a_fleet_is_made_and_looked_at(hub, open_terminal, tmp_path):
    terminal = open_terminal()
    with far_away(hub, tmp_path) as ready_path:
        terminal.environment["IOTHUB_READY_FILE"] = str(ready_path)
        assert terminal.run("iothub device create --count 2000 --prefix pump-") == 0

    # Twenty requests of a hundred: the bar comes after a second, and grows.
    shares = percentages(terminal.screen)
    assert len(shares) > 3 and shares == sorted(set(shares)), shares
    assert all(share % 5 == 0 for share in shares)
    assert bars(terminal.screen) == [share * 24 // 100 for share in shares]
    assert device_count(hub) == 2000

    terminal.environment["IOTHUB_READY_FILE"] = str(hub.ready_path)
    for command, code in [
        ("iothub device list --top 5", 0),
        ("iothub twin update pump-0003 --tags '{\"plant\": \"Redmond43\", \"floor\": 2}'", 0),
        ("iothub twin update pump-0004 --desired '{\"interval\": 30}'", 0),
        ("iothub twin update pump-0004 --set tags.plant=Redmond43", 0),
        ("iothub query \"SELECT deviceId, tags FROM devices WHERE tags.floor = 2\"", 0),
        ("iothub query \"SELECT tags.plant, COUNT() AS n FROM devices GROUP BY tags.plant\"", 0),
        ("iothub device show pump-0004", 0),
        ("iothub device delete pump-0004", 0),
        ("iothub twin show pump-0004", 1),
    ]:
        assert terminal.run(command) == code, terminal.screen.text
    check(story(terminal.screen, [BAR]), "fleet.txt")


def device_count(hub):
    with rest.service(hub) as owner:
        return owner.get("/statistics/devices").json["totalDeviceCount"]


def test_a_device_is_talked_to(hub, open_terminal):
    device, service, events = (open_terminal(columns=100) for _ in range(3))

    events.start("iothub monitor --count 5")
    events.wait_for("watching 4 partitions")
    device.start(
        "iothub simulate dev1 --create --count 5 --rate 2 --seed 7 --data "
        "'{\"n\": {{n}}, \"temperature\": {{walk 18 30}}}' --show-sent"
    )
    assert device.finish() == 0
    assert events.finish() == 0

    device.start("iothub simulate dev1 --count 0 --irp '{\"firmware\": \"1.0\"}'")
    device.wait_for("connected; Ctrl-C ends it")
    assert service.run("iothub method invoke dev1 reboot '{\"delay\": 5}'") == 0
    device.wait_for("reboot")
    assert service.run("iothub twin update dev1 --desired '{\"interval\": 30}'") == 0
    device.wait_for("desired")
    assert service.run("iothub query \"SELECT properties.reported.firmware FROM devices\"") == 0
    send = "iothub c2d send dev1 'wake up' --properties 'level=high' --message-id m1"
    assert service.run(f"{send} --wait") == 0
    device.wait_for("wake up")
    assert device.interrupt() == 0

    assert service.run(f"{send}2 --ack full") == 0
    device.start("iothub simulate dev1 --count 0")
    device.wait_for("wake up")
    assert device.interrupt() == 0
    assert service.run("iothub c2d receive-feedback --count 1") == 0
    assert service.run("iothub method invoke dev1 reboot --timeout 5") == 1
    check(device.screen.text, "device.txt")
    check(service.screen.text, "service.txt")
    check(events.screen.text, "events.txt")

# SPDX-License-Identifier: MIT
"""--generate-fleet."""

import rest


def fleet(emulator):
    with rest.service(emulator) as owner:
        answer = owner.post(
            "/devices/query", {"query": "SELECT * FROM devices"}, headers={"x-ms-max-item-count": "1000"}
        )
        assert answer.status == 200, answer
        return answer.json


def test_a_seed_makes_the_same_devices_whatever_the_size(emulator_factory):
    some = fleet(emulator_factory("--memory", "--generate-fleet", "50", "--fleet-seed", "7"))
    more = fleet(emulator_factory("--memory", "--generate-fleet", "60", "--fleet-seed", "7"))
    others = fleet(emulator_factory("--memory", "--generate-fleet", "50", "--fleet-seed", "8"))
    assert len(some) == 50
    assert more[:50] == some
    assert [twin["tags"] for twin in others] != [twin["tags"] for twin in some]


def test_a_device_of_the_fleet_reports(emulator_factory):
    emulator = emulator_factory("--memory", "--generate-fleet", "3")
    with rest.service(emulator) as owner:
        identity = owner.get("/devices/device-0000002").json
    with rest.device(emulator, identity) as device:
        path = "/devices/device-0000002/messages/events"
        assert device.post(path, {"t": 1}).status == 204


def test_a_restart_keeps_what_was_changed_and_a_reset_does_not(emulator_factory, tmp_path):
    arguments = ("--data", str(tmp_path / "data"), "--generate-fleet", "5")
    emulator = emulator_factory(*arguments)
    made = fleet(emulator)
    with rest.service(emulator) as owner:
        assert owner.patch("/twins/device-0000001", {"tags": {"mine": True}}).status == 200
        assert owner.delete("/devices/device-0000002", headers={"If-Match": "*"}).status == 204
    emulator.stop()
    emulator = emulator_factory(*arguments)
    twins = {twin["deviceId"]: twin for twin in fleet(emulator)}
    assert len(twins) == 5
    assert twins["device-0000001"]["tags"]["mine"] is True
    emulator.reset()
    assert fleet(emulator) == made

# SPDX-License-Identifier: MIT
"""The service library, call by call."""

import json

from programs import Program, device_string, run, service_string


def call(emulator, *arguments, policy="iothubowner"):
    """Exit code (0: good, 3: refused, 4: failed) and the lines printed."""
    code, output, complaints = run(
        "service_probe", service_string(emulator, policy), *arguments, ca=emulator.ca_path
    )
    assert complaints == ""
    return code, output.splitlines()


def tree(answer):
    code, lines = answer
    assert code == 0 and len(lines) == 1, answer
    return json.loads(lines[0])


def test_identities_come_and_go(emulator):
    device = tree(call(emulator, "create", "a#b"))
    assert device["deviceId"] == "a#b" and device["status"] == "enabled"
    module = tree(call(emulator, "create", "a#b", "m%1"))
    assert (module["deviceId"], module["moduleId"]) == ("a#b", "m%1")
    assert tree(call(emulator, "get", "a#b", "m%1"))["authentication"] == module["authentication"]
    assert call(emulator, "delete", "", "a#b", "m%1") == (0, [])
    code, lines = call(emulator, "get", "a#b", "m%1")
    assert code == 3 and lines[0].startswith("refused 404 ModuleNotFound")
    assert call(emulator, "delete", "", "a#b") == (0, [])
    code, lines = call(emulator, "get", "a#b")
    assert code == 3 and lines[0].startswith("refused 404 DeviceNotFound")


def test_what_exists_is_not_created_again(emulator):
    tree(call(emulator, "create", "d1"))
    code, lines = call(emulator, "create", "d1")
    assert code == 3 and lines[0].startswith("refused 409 DeviceAlreadyExists")


def test_an_etag_guards_an_update(emulator, owner):
    owner.create_device("d1")
    etag = tree(call(emulator, "twin", "d1"))["etag"]
    after = tree(call(emulator, "update", etag, '{"tags":{"n":1}}', "d1"))
    assert after["tags"] == {"n": 1}
    code, lines = call(emulator, "update", etag, '{"tags":{"n":2}}', "d1")
    assert code == 3 and lines[0].startswith("refused 412 PreconditionFailed")
    assert tree(call(emulator, "update", "", '{"tags":{"n":3}}', "d1"))["tags"] == {"n": 3}


def test_a_query_walks_all_pages_or_stops_when_asked(emulator, owner):
    for n in range(5):
        owner.create_device(f"d{n}")
    text = "SELECT * FROM devices"
    for page_size, wanted, expected in ((2, 100, 5), (5, 100, 5), (1, 3, 3), (1000, 2, 2)):
        code, lines = call(emulator, "query", page_size, wanted, text)
        assert code == 0
        ids = [json.loads(line)["deviceId"] for line in lines]
        assert len(ids) == len(set(ids)) == expected
    code, lines = call(emulator, "query", 10, 10, "SELECT nonsense nonsense")
    assert code == 3 and lines[0].startswith("refused 400")


def test_a_method_reaches_the_device_or_the_caller_is_told(emulator, owner):
    device = owner.create_device("d1")
    code, lines = call(emulator, "method", "ping", 5, 0, "", "nobody")
    assert code == 3 and lines[0].startswith("refused 404 DeviceNotFound")
    code, lines = call(emulator, "method", "ping", 5, 1, "", "d1")
    assert code == 3 and lines[0].startswith("refused 404 DeviceNotOnline")
    with Program("device_probe", device_string(emulator, device), ca=emulator.ca_path) as probe:
        probe.say("connect")
        probe.wait_for("ok")
        with Program(
            "service_probe",
            service_string(emulator),
            *("method", "ping", 0, 0, '{"n":[1,"x"]}', "d1"),
            ca=emulator.ca_path,
        ) as caller:
            probe.wait_for('method ping {"n":[1,"x"]}')
            probe.say("respond [true]")
            assert caller.finish()[:2] == (0, "200 [true]\n")
        code, lines = call(emulator, "method", "ping", 5, 0, "", "d1")
        assert code == 3 and lines[0].startswith("refused 504 GatewayTimeout")


def test_a_right_that_a_policy_lacks_is_a_refusal(emulator):
    code, lines = call(emulator, "create", "d1", policy="service")
    assert code == 3 and lines[0].startswith("refused 401 IotHubUnauthorizedAccess")

# SPDX-License-Identifier: MIT
"""The tutorials, end to end: the programs as a learner runs them, against an emulator."""

import re
import time

import pytest

from programs import Program, device_string, run, service_string


@pytest.fixture
def start(emulator):
    """Starts a program that trusts the emulator; ended when the test is."""
    started = []

    def start_program(name, *arguments, **keywords):
        started.append(Program(name, *arguments, ca=emulator.ca_path, **keywords))
        return started[-1]

    yield start_program
    for program in started:
        program.__exit__()


def finish(emulator, name, *arguments):
    """Runs a service's tutorial to its good end; what it printed."""
    code, output, complaints = run(name, *arguments, service_string(emulator), ca=emulator.ca_path)
    assert (code, complaints) == (0, ""), (output, complaints)
    return output


# ---- device twins ----


def test_tags_a_device_and_finds_it_by_what_it_reported(emulator, owner, start):
    device = owner.create_device("myFirstDevice")
    owner.create_device("elsewhere")
    reporter = start("report_connectivity", device_string(emulator, device))
    reporter.wait_for("Reported: connectivity is cellular")

    assert finish(emulator, "add_tags_and_query") == (
        "Devices in Redmond43 plant:\n"
        "  myFirstDevice\n"
        "Devices in Redmond43 plant using cellular network:\n"
        "  myFirstDevice\n"
    )
    reporter.wait_for("The desired properties changed:")
    assert '"power_level":\t1' in reporter.wait_for("}")
    assert reporter.interrupt() == 0

    twin = owner.get("/twins/myFirstDevice").json
    assert twin["tags"] == {"location": {"region": "US", "plant": "Redmond43"}}
    assert twin["properties"]["reported"]["connectivity"] == "cellular"


def test_the_second_list_leaves_out_who_reported_nothing(emulator, owner):
    owner.create_device("silent")
    output = finish(emulator, "add_tags_and_query", "--device", "silent")
    assert output == (
        "Devices in Redmond43 plant:\n  silent\nDevices in Redmond43 plant using cellular network:\n"
    )


def test_the_twin_survives_a_restart(emulator_factory, tmp_path):
    import rest

    emulator = emulator_factory("--data", str(tmp_path / "data"))
    with rest.service(emulator) as owner:
        device = owner.create_device("myFirstDevice")
    with Program(
        "report_connectivity", device_string(emulator, device), ca=emulator.ca_path
    ) as reporter:
        reporter.wait_for("Reported: connectivity is cellular")
        first = finish(emulator, "add_tags_and_query")
        reporter.interrupt()
    assert first.count("myFirstDevice") == 2

    emulator.stop()
    emulator.start()
    with rest.service(emulator) as owner:
        query = {"query": "SELECT * FROM devices WHERE properties.reported.connectivity = 'cellular'"}
        rows = owner.post("/devices/query", query).json
        assert [row["tags"]["location"]["plant"] for row in rows] == ["Redmond43"]
    assert finish(emulator, "add_tags_and_query") == first


# ---- module twins ----


def test_creates_identities_once_and_finds_them_again(emulator, owner, start):
    first = finish(emulator, "create_identities")
    assert finish(emulator, "create_identities") == first

    device = owner.get("/devices/myFirstDevice").json
    module = owner.get("/devices/myFirstDevice/modules/myFirstModule").json
    for name, identity in (("device myFirstDevice", device), ("module myFirstModule", module)):
        key = identity["authentication"]["symmetricKey"]["primaryKey"]
        assert f"Primary key of {name}: {key}\n" in first

    # What it prints for the module is what the module's program takes (but for the port).
    printed = re.search(r"^export IOTHUB_MODULE_CONNECTION_STRING='(.*)'$", first, re.M)[1]
    given = printed.replace("=localhost;", f"=localhost:{emulator.ports['mqtt']};")
    listener = start("module_twin_listener", IOTHUB_MODULE_CONNECTION_STRING=given)
    listener.wait_for("Waiting for desired properties")
    assert listener.interrupt() == 0


def test_a_module_hears_its_interval_and_reports_it(emulator, owner, start):
    owner.create_device("myFirstDevice")
    module = owner.create_module("myFirstDevice", "myFirstModule")
    listener = start("module_twin_listener", device_string(emulator, module))
    listener.wait_for("Waiting for desired properties")

    before, after = finish(emulator, "update_module_twin").split("Module twin after the update:")
    assert before.startswith("Module twin before the update:")
    assert "telemetryInterval" not in before
    assert '"telemetryInterval":\t122' in after

    assert '"telemetryInterval":\t122' in listener.wait_for("Reported:")
    twin = owner.get("/twins/myFirstDevice/modules/myFirstModule").json
    assert twin["properties"]["reported"]["telemetryInterval"] == 122
    assert listener.interrupt() == 0


# ---- direct methods ----


@pytest.mark.parametrize("seconds", [0, 20])
def test_reboots_a_device_and_tells_when(emulator, owner, start, seconds):
    device = owner.create_device("myFirstDevice")
    rebooter = start("reboot_device", "--seconds", seconds, device_string(emulator, device))
    rebooter.wait_for("Waiting for the direct method rebootDevice")

    began = time.monotonic()
    output = finish(emulator, "reboot_service")
    assert time.monotonic() - began >= seconds
    assert "The device answered with status 200." in output
    assert '"Response":\t"This is the response from the device"' in output
    reported = owner.get("/twins/myFirstDevice").json["properties"]["reported"]["rebootTime"]
    assert f"Last reboot time: {reported}\n" in output

    rebooter.wait_for("Device rebooted")
    assert rebooter.interrupt() == 0


def test_other_methods_are_answered_during_a_reboot(emulator, owner, start):
    device = owner.create_device("myFirstDevice")
    rebooter = start("reboot_device", "--seconds", 3, device_string(emulator, device))
    rebooter.wait_for("Waiting for the direct method rebootDevice")
    service = start("reboot_service", service_string(emulator))
    rebooter.wait_for("Rebooting device")

    for name, status in (("rebootDevice", 409), ("selfDestruct", 404)):
        answer = owner.post("/twins/myFirstDevice/methods", {"methodName": name})
        assert answer.json["status"] == status
    code, output, _ = service.finish()
    assert code == 0 and "status 200" in output


# ---- what goes wrong is told in plain words ----


@pytest.mark.parametrize(
    "name, variable",
    [
        ("add_tags_and_query", "IOTHUB_CONNECTION_STRING"),
        ("create_identities", "IOTHUB_CONNECTION_STRING"),
        ("update_module_twin", "IOTHUB_CONNECTION_STRING"),
        ("reboot_service", "IOTHUB_CONNECTION_STRING"),
        ("report_connectivity", "IOTHUB_DEVICE_CONNECTION_STRING"),
        ("reboot_device", "IOTHUB_DEVICE_CONNECTION_STRING"),
        ("receive_messages", "IOTHUB_DEVICE_CONNECTION_STRING"),
        ("module_twin_listener", "IOTHUB_MODULE_CONNECTION_STRING"),
    ],
)
def test_without_a_connection_string_it_says_how_it_is_used(name, variable):
    code, output, complaints = run(name)
    assert (code, output) == (2, "")
    assert "a connection string is missing" in complaints
    assert variable in complaints
    assert run(name, "--help")[0] == 0


def test_an_unknown_device_is_named(emulator):
    code, _, complaints = run(
        "add_tags_and_query", "--device", "nobody", service_string(emulator), ca=emulator.ca_path
    )
    assert code == 1
    assert "404 DeviceNotFound" in complaints and "nobody" in complaints


def test_a_device_that_is_not_connected_cannot_reboot(emulator, owner):
    owner.create_device("myFirstDevice")
    code, _, complaints = run("reboot_service", service_string(emulator), ca=emulator.ca_path)
    assert code == 1
    assert "404 DeviceNotOnline" in complaints


def test_a_policy_without_the_right_is_refused(emulator):
    code, _, complaints = run(
        "add_tags_and_query", service_string(emulator, "registryRead"), ca=emulator.ca_path
    )
    assert code == 1
    assert "401 IotHubUnauthorizedAccess" in complaints


def test_a_wrong_key_is_not_authorized(emulator, owner):
    device = owner.create_device("myFirstDevice")
    stranger = owner.create_device("stranger")
    device["authentication"] = stranger["authentication"]
    code, _, complaints = run(
        "report_connectivity", device_string(emulator, device), ca=emulator.ca_path
    )
    assert code == 1
    assert "5, not authorized" in complaints


def test_an_untrusted_certificate_is_refused_with_advice(emulator, owner):
    device = owner.create_device("myFirstDevice")
    for name, connection_string in (
        ("report_connectivity", device_string(emulator, device)),
        ("add_tags_and_query", service_string(emulator)),
    ):
        code, _, complaints = run(name, connection_string)
        assert code == 1
        assert "IOTHUB_CA_FILE" in complaints


# ---- messages from the cloud ----


def test_prints_messages_that_waited_and_those_that_come(emulator, owner, start):
    device = owner.create_device("myFirstDevice")
    queue = "/devices/myFirstDevice/messages/deviceBound"
    headers = {"iothub-messageid": "m1", "iothub-contenttype": "text/plain", "iothub-app-for": "you"}
    assert owner.post(queue, body=b"patience", headers=headers).status == 204
    receiver = start("receive_messages", device_string(emulator, device))
    assert receiver.wait_for("for: you").splitlines()[-4:] == [
        "Message 1: patience",
        "  message id: m1",
        "  content type: text/plain",
        "  for: you",
    ]
    assert owner.post(queue, body=b"and now").status == 204
    receiver.wait_for("Message 2: and now")
    assert receiver.interrupt() == 0
    deadline = time.monotonic() + 10
    while owner.get("/devices/myFirstDevice").json["cloudToDeviceMessageCount"] > 0:
        assert time.monotonic() < deadline, "they are still in the queue"
        time.sleep(0.05)

# SPDX-License-Identifier: MIT
"""Faults are planted on a machine of the test's own; the doctor finds each, and its mend mends: connection strings."""

import json

import pytest

from faults import EVAL, KEY, good, restart

# ---- connection strings ----


def test_a_string_went_wrong_on_its_way(running):
    string = good(running)
    key = string.rsplit("=", 2)[1]
    for wrong, words in (
        (string.split(";")[0], ["first semicolon"]),
        (f"'{string}'", ["quotation marks"]),
        (f'"{string}"', ["quotation marks"]),
        (string + "\r", ["line ends"]),
        (string.rstrip("="), ["not base64"]),
        (string.replace(key, key[:20]), ["not base64"]),
        (string.replace("SharedAccessKeyName=iothubowner;", ""), ["SharedAccessKeyName is missing"]),
        (";".join(string.split(";")[:2]), ["SharedAccessKey is missing"]),
        (f"HostName=localhost;DeviceId=d1;SharedAccessKey={KEY}", ["a device's"]),
        (running.ready["eventHubsConnectionString"], ["Event Hubs"]),
        (string.replace("HostName=", ""), ["no '='"]),
        (string.replace("localhost", "https://localhost/"), ["https://"]),
        ("nonsense", ["no '='"]),
    ):
        finding = running.doctor(IOTHUB_CONNECTION_STRING=wrong).the("hub string", "wrong", *words)
        assert finding["mend"] == EVAL
    found = running.mended(finding, IOTHUB_CONNECTION_STRING=wrong)
    found.only_ok("hub string")
    found.only_ok("hub key")


def test_the_shell_cut_it_at_the_semicolons(running):
    found = running.doctor(before=f"export IOTHUB_CONNECTION_STRING={good(running)}")
    found.the("hub string", "wrong", "first semicolon")


def test_a_key_is_not_the_hubs(running):
    string = good(running)
    policies = {policy["name"]: policy["primaryKey"] for policy in running.ready["policies"]}
    for wrong, words in (
        (string.replace(policies["iothubowner"], KEY), ["401", "not that policy's"]),
        (string.replace("iothubowner", "nobody"), ["401", "no policy of that name"]),
        (
            string.replace("iothubowner", "device").replace(policies["iothubowner"], policies["device"]),
            ["401", "lacks the permissions"],
        ),
    ):
        finding = running.doctor(IOTHUB_CONNECTION_STRING=wrong).the("hub key", "wrong", *words)
        running.mended(finding, IOTHUB_CONNECTION_STRING=wrong).only_ok("hub key")


def test_every_policy_of_a_back_end_is_accepted(running):
    for policy in running.ready["policies"]:
        string = f"HostName=localhost;SharedAccessKeyName={policy['name']};SharedAccessKey={policy['secondaryKey']}"
        found = running.doctor(IOTHUB_CONNECTION_STRING=string)
        if policy["name"] != "device":
            found.only_ok("hub key")


def test_the_string_is_of_an_emulator_that_was_elsewhere(running):
    string = good(running).replace("localhost", "localhost:9443")
    finding = running.doctor(IOTHUB_CONNECTION_STRING=string).the("certificate", "wrong", "9443", "refused")
    running.mended(finding, IOTHUB_CONNECTION_STRING=string).only_ok("certificate")


def test_the_name_is_not_in_the_certificate(running):
    running.sh("echo 127.0.0.1 hub.example >>/etc/hosts")
    string = good(running).replace("localhost", "hub.example")
    finding = running.doctor(IOTHUB_CONNECTION_STRING=string).the("certificate", "wrong", "hub.example")
    restart(running, finding)
    running.doctor(IOTHUB_CONNECTION_STRING=string).only_ok("certificate")


def test_a_devices_string_is_compared_with_the_registry(running):
    made = running.sh("iothub env --device \"it's\" --create --output json")
    string = json.loads(made.out)["IOTHUB_DEVICE_CONNECTION_STRING"]
    running.doctor(IOTHUB_DEVICE_CONNECTION_STRING=string).only_ok("device string")
    key = string.rsplit("SharedAccessKey=")[1]
    for wrong, words in (
        (string.replace(key, KEY), ["not one of the device"]),
        (string.replace("it's", "it's-new"), ["not registered"]),
        (string.replace("DeviceId=it's", "DeviceId=it's;ModuleId=m$1"), ["m$1 is not registered"]),
    ):
        variables = {"IOTHUB_DEVICE_CONNECTION_STRING": wrong}
        finding = running.doctor(**variables).the("device string", "wrong", *words)
        running.mended(finding, **variables).only_ok("device string")
    for wrong, words in (
        (string.split(";")[0], ["first semicolon"]),
        (string[:-2], ["not base64"]),
        (good(running), ["DeviceId is missing"]),
    ):
        running.doctor(IOTHUB_DEVICE_CONNECTION_STRING=wrong).the("device string", "wrong", *words)


def test_a_device_is_disabled(running):
    made = running.sh("iothub env --device d1 --create --output json")
    variables = {"IOTHUB_DEVICE_CONNECTION_STRING": json.loads(made.out)["IOTHUB_DEVICE_CONNECTION_STRING"]}
    assert running.sh("iothub device update d1 --status disabled").code == 0
    finding = running.doctor(**variables).the("device string", "wrong", "disabled")
    running.mended(finding, **variables).only_ok("device string")


@pytest.mark.parametrize("sdk", ["java", "c", "dotnet"])
def test_a_name_without_a_dot(running, sdk):
    made = running.sh("iothub env --device d1 --create --output json")
    variables = {"IOTHUB_DEVICE_CONNECTION_STRING": json.loads(made.out)["IOTHUB_DEVICE_CONNECTION_STRING"]}
    finding = running.doctor(f"--sdk {sdk}", **variables).the("dotted name", "wrong", "localhost")
    found = running.mended(finding, f"--sdk {sdk}", **variables)
    assert found.of("dotted name") == []
    found.only_ok("device string")


def test_the_string_for_events_is_wrong(running):
    string = running.ready["eventHubsConnectionString"]
    key = good(running).rsplit("SharedAccessKey=")[1]
    for wrong, words in (
        (string.split(";")[0], ["SharedAccessKey is missing"]),
        (string.split(";EntityPath")[0], ["EntityPath is missing"]),
        (string.replace(key, KEY), ["not the emulator's"]),
        (good(running), ["Endpoint=sb://"]),
    ):
        variables = {"EVENTHUB_CONNECTION_STRING": wrong}
        finding = running.doctor("--sdk eventhubs", **variables).the("events string", "wrong", *words)
        running.mended(finding, "--sdk eventhubs", **variables).only_ok("events string")
    finding = running.doctor("--sdk eventhubs").the("events string", "wrong", "not set")
    running.mended(finding, "--sdk eventhubs").only_ok("events string")

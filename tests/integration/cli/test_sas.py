# SPDX-License-Identifier: MIT
"""`iothub sas`: tokens that the hub takes, and what is told of one; `iothub hub reset`."""

import time
from urllib.parse import unquote

import pytest

import rest
import sas

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def accepted(emulator, token, path="/statistics/devices"):
    with rest.Rest(emulator, token) as client:
        return client.get(path).status == 200


def fields(token):
    assert token.startswith(sas.PREFIX)
    return {name: unquote(value) for name, value in
            (pair.split("=", 1) for pair in token[len(sas.PREFIX):].split("&"))}


def token_of(result):
    return result.lines[0]


# ---- making ----


def test_the_hub_takes_its_tokens(iothub, emulator):
    token = iothub("sas").json["sas"]
    assert accepted(emulator, token)
    assert fields(token)["sr"] == "localhost" and fields(token)["skn"] == "iothubowner"
    assert abs(int(fields(token)["se"]) - time.time() - 3600) < 60
    assert accepted(emulator, token_of(iothub("sas", "--output", "tsv")))


@pytest.mark.parametrize("option", ["--duration", "--du"])
def test_it_lasts_as_long_as_was_asked(iothub, option):
    token = token_of(iothub("sas", option, "60", "-o", "tsv"))
    assert abs(int(fields(token)["se"]) - time.time() - 60) < 30
    for wrong in ("0", "-5", "1h"):
        assert iothub("sas", option, wrong).code == 2


def test_any_policy_and_either_key(iothub, emulator):
    for policy in emulator.policies.values():
        for kind, key in (("primary", policy.primary_key), ("secondary", policy.secondary_key)):
            token = token_of(iothub("sas", "--pn", policy.name, "--kt", kind, "-o", "tsv"))
            parts = fields(token)
            assert parts["skn"] == policy.name
            assert parts["sig"] == sas.signature(key, "localhost", parts["se"])
    unknown = iothub("sas", "--policy-name", "nobody")
    assert unknown.code == 1 and "nobody" in unknown.err


def test_a_device_signs_with_its_own_key(iothub, owner):
    keys = owner.create_device("dev%1")["authentication"]["symmetricKey"]
    for kind in ("primary", "secondary"):
        parts = fields(token_of(iothub("sas", "dev%1", "--key-type", kind, "-o", "tsv")))
        assert parts["sr"] == "localhost/devices/dev%1" and "skn" not in parts
        resource = "localhost%2Fdevices%2Fdev%251"
        assert parts["sig"] == sas.signature(keys[f"{kind}Key"], resource, parts["se"])
    missing = iothub("sas", "--device-id", "nobody")
    assert missing.code == 1 and missing.out == ""


def test_so_does_a_module(iothub, owner):
    owner.create_device("d1")
    key = owner.create_module("d1", "m1")["authentication"]["symmetricKey"]["primaryKey"]
    parts = fields(token_of(iothub("sas", "d1", "--module-id", "m1", "-o", "tsv")))
    assert parts["sr"] == "localhost/devices/d1/modules/m1"
    resource = "localhost%2Fdevices%2Fd1%2Fmodules%2Fm1"
    assert parts["sig"] == sas.signature(key, resource, parts["se"])


def test_a_connection_string_needs_no_hub(iothub):
    nowhere = {"IOTHUB_READY_FILE": "/no/such/file"}
    for string, resource, policy in (
        (f"HostName=h.example;DeviceId=d1;SharedAccessKey={KEY}", "h.example/devices/d1", None),
        (f"HostName=h.example;DeviceId=d1;ModuleId=m;SharedAccessKey={KEY}", "h.example/devices/d1/modules/m", None),
        (f"HostName=h.example:8443;SharedAccessKeyName=p;SharedAccessKey={KEY}", "h.example", "p"),
    ):
        parts = fields(token_of(iothub("sas", "--connection-string", string, "-o", "tsv", **nowhere)))
        assert parts["sr"] == resource and parts.get("skn") == policy
        assert parts["sig"] == sas.signature(KEY, resource.replace("/", "%2F"), parts["se"])
    for wrong in ("nonsense", "HostName=h;DeviceId=d1", "HostName=h;DeviceId=d1;SharedAccessKey=AAAA"):
        assert iothub("sas", "--cs", wrong, **nowhere).code in (1, 2)
    assert iothub("sas", **nowhere).code == 2


def test_of_a_real_hub_only_the_strings_own_key_is_known(iothub):
    login = f"HostName=h.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey={KEY}"
    assert fields(token_of(iothub("sas", "--login", login, "--pn", "service", "-o", "tsv")))["skn"] == "service"
    other = iothub("sas", "--login", login, "--pn", "iothubowner")
    assert other.code == 2 and "--connection-string" in other.err


def test_options_that_do_not_go_together(iothub):
    string = f"HostName=h;DeviceId=d1;SharedAccessKey={KEY}"
    assert iothub("sas", "d1", "--connection-string", string).code == 2
    assert iothub("sas", "--module-id", "m1").code == 2


# ---- explaining ----


def explain(iothub, token, *options, **variables):
    return iothub("sas", "--explain", token, "-o", "json", *options, **variables).json


def test_a_good_token_is_told_as_such(iothub, emulator):
    told = explain(iothub, token_of(iothub("sas", "-o", "tsv", "--du", "7200")))
    assert told["resource"] == "localhost" and told["policy"] == "iothubowner"
    assert told["validity"] in ("expires in 2 h 0 min", "expires in 1 h 59 min")
    assert told["signature"] == "good: made with the primary key of the policy"
    assert told["accepted"] is True
    second = token_of(iothub("sas", "-o", "tsv", "--kt", "secondary"))
    assert "secondary key" in explain(iothub, second)["signature"]


def test_what_is_wrong_with_a_token_is_told(iothub, emulator, owner):
    owner.create_device("d1")
    key = emulator.policies["iothubowner"].primary_key
    expired = explain(iothub, sas.token(key, "localhost", "iothubowner", lifetime_s=-90061))
    assert expired["validity"] == "expired 1 d 1 h ago" and expired["accepted"] is False
    assert expired["signature"].startswith("good")
    forged = explain(iothub, sas.token(KEY, "localhost", "iothubowner"))
    assert forged["signature"].startswith("wrong") and forged["accepted"] is False
    unknown = explain(iothub, sas.token(KEY, "localhost", "nobody"))
    assert unknown["signature"].startswith("not checked") and unknown["accepted"] is False
    device = explain(iothub, token_of(iothub("sas", "d1", "-o", "tsv")))
    assert device["resource"] == "localhost/devices/d1" and device["policy"] == ""
    assert device["signature"] == "good: made with the primary key of the device"
    other = explain(iothub, sas.token(KEY, "localhost/devices/d1"))
    assert other["signature"].startswith("wrong")
    gone = explain(iothub, sas.token(KEY, "localhost/devices/gone"))
    assert gone["signature"].startswith("not checked")
    whose = explain(iothub, sas.token(KEY, "localhost"))
    assert "nobody knows whose key" in whose["signature"]


def test_a_key_at_hand_is_tried(iothub):
    string = f"HostName=h;DeviceId=d1;SharedAccessKey={KEY}"
    nowhere = {"IOTHUB_READY_FILE": "/no/such/file"}
    token = sas.token(KEY, "h/devices/d1")
    assert explain(iothub, token, "--cs", string, **nowhere)["accepted"] is True
    other = string.replace("AAEC", "BAEC")
    assert explain(iothub, token, "--cs", other, **nowhere)["accepted"] is False
    login = f"HostName=h;SharedAccessKeyName=p;SharedAccessKey={KEY}"
    token = sas.token(KEY, "h", "p")
    assert explain(iothub, token, "--login", login)["accepted"] is True
    assert explain(iothub, token, IOTHUB_CONNECTION_STRING=login)["accepted"] is True


def test_what_is_no_token_is_refused(iothub):
    for text in ("nonsense", "SharedAccessSignature sr=x", "SharedAccessSignature sr=x&sig=y&se=never"):
        result = iothub("sas", "--explain", text)
        assert result.code == 2 and result.out == "" and "no token" in result.err, result


# ---- hub reset ----


def test_reset_empties_the_hub(iothub, emulator, owner):
    owner.create_device("d1")
    result = iothub("hub", "reset", "--yes")
    assert result.code == 0 and result.out == "", result
    assert owner.get("/devices/d1").status == 404
    assert accepted(emulator, iothub("sas").json["sas"])  # the keys stay


def test_nobody_can_be_asked(iothub, owner):
    owner.create_device("d1")
    result = iothub("hub", "reset", typed="y\n")
    assert result.code == 2 and "--yes" in result.err
    assert owner.get("/devices/d1").status == 200


def test_a_person_is_asked(terminal, owner):
    owner.create_device("d1")
    window = terminal()
    for typed, code, status in ((b"n\r", 1, 200), (b"\r", 1, 200), (b"y\r", 0, 404)):
        window.start("iothub hub reset")
        window.wait_until(lambda screen: screen.text.rstrip().endswith("[y/N]"))
        window.press(typed)
        assert window.finish() == code
        assert owner.get("/devices/d1").status == status


def test_a_real_hub_is_not_reset_and_nothing_else_instead(iothub, owner):
    owner.create_device("d1")
    real = f"HostName=myhub.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={KEY}"
    for options, environment in (
        (["--login", real], {}),
        ([], {"IOTHUB_CONNECTION_STRING": real}),
        ([], {"IOTHUB_CONNECTION_STRING": "nonsense"}),
    ):
        result = iothub("hub", "reset", "--yes", *options, **environment)
        assert result.code == 2 and owner.get("/devices/d1").status == 200, result
    nobody = iothub("hub", "reset", "--yes", IOTHUB_READY_FILE="/no/such/file")
    assert nobody.code == 1 and "no emulator runs" in nobody.err


def test_another_emulator_is_named(iothub, emulator, owner):
    owner.create_device("d1")
    url = f"http://127.0.0.1:{emulator.ports['control']}"
    nowhere = {"IOTHUB_READY_FILE": "/no/such/file"}
    wrong = iothub("hub", "reset", "--yes", "--control", url, "--hub", "nobody", **nowhere)
    assert wrong.code == 1 and "nobody" in wrong.err
    right = iothub("hub", "reset", "--yes", "--control", url, "--hub", emulator.hub_name, **nowhere)
    assert right.code == 0 and owner.get("/devices/d1").status == 404

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


# ---- what is registered ----

KEYS = ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "AAECAwQFBgcICQoLDA0ODw==")


def test_keys_are_the_callers_or_the_hubs(emulator):
    given = tree(call(emulator, "register", "d1", "", "sas", *KEYS, "-", ""))
    assert given["authentication"]["symmetricKey"] == dict(
        primaryKey=KEYS[0], secondaryKey=KEYS[1]
    )
    made = tree(call(emulator, "register", "d2", "", "sas", "", "", "-", ""))
    keys = made["authentication"]["symmetricKey"]
    assert len(keys["primaryKey"]) == len(keys["secondaryKey"]) == 44
    assert keys["primaryKey"] != keys["secondaryKey"]
    module = tree(call(emulator, "register", "d1", "m1", "sas", *KEYS, "-", ""))
    assert module["authentication"]["symmetricKey"]["secondaryKey"] == KEYS[1]


def test_certificates_are_registered_by_thumbprint_or_by_authority(emulator):
    sha1, sha256 = "0123456789abcdefABCD0123456789abcdefABCD", "ab" * 32
    one = tree(call(emulator, "register", "d1", "", "selfSigned", sha1, "", "-", ""))
    assert one["authentication"]["type"] == "selfSigned"
    assert one["authentication"]["x509Thumbprint"]["primaryThumbprint"].lower() == sha1.lower()
    two = tree(call(emulator, "register", "d2", "", "selfSigned", sha256, sha1, "-", ""))
    assert two["authentication"]["x509Thumbprint"]["secondaryThumbprint"].lower() == sha1.lower()
    three = tree(call(emulator, "register", "d3", "", "ca", "", "", "-", ""))
    assert three["authentication"]["type"] == "certificateAuthority"
    assert call(emulator, "connection-string", "d3")[1] == [
        "HostName=localhost;DeviceId=d3;x509=true"
    ]


def test_status_reason_and_edge_are_registered(emulator):
    off = tree(call(emulator, "register", "d1", "", "sas", "", "", "disabled", "in \"repair\""))
    assert (off["status"], off["statusReason"]) == ("disabled", 'in "repair"')
    assert off["capabilities"] == {"iotEdge": False}
    edge = tree(call(emulator, "register", "e1", "", "sas", "", "", "edge", ""))
    assert edge["capabilities"] == {"iotEdge": True} and edge["statusReason"] is None


def test_an_identity_is_written_back_changed(emulator):
    device = tree(call(emulator, "create", "d1"))
    device.update(status="disabled", statusReason="lost")
    after = tree(call(emulator, "identity", device["etag"], json.dumps(device)))
    assert (after["status"], after["statusReason"]) == ("disabled", "lost")
    assert after["authentication"] == device["authentication"]
    code, lines = call(emulator, "identity", device["etag"], json.dumps(device))
    assert code == 3 and lines[0].startswith("refused 412 PreconditionFailed")
    device["status"] = "enabled"
    assert tree(call(emulator, "identity", "", json.dumps(device)))["status"] == "enabled"
    code, lines = call(emulator, "identity", "", '{"deviceId":"nobody"}')
    assert code == 3 and lines[0].startswith("refused 404 DeviceNotFound")


def test_an_etag_guards_a_deletion(emulator):
    device = tree(call(emulator, "create", "d1"))
    code, lines = call(emulator, "delete", "AAAA", "d1")
    assert code == 3 and lines[0].startswith("refused 412 PreconditionFailed")
    assert call(emulator, "delete", device["etag"], "d1") == (0, [])
    code, lines = call(emulator, "delete", "", "d1")
    assert code == 3 and lines[0].startswith("refused 404 DeviceNotFound")


def test_a_modules_whole_life(emulator):
    tree(call(emulator, "create", "d1"))
    assert tree(call(emulator, "modules", "d1")) == []
    module = tree(call(emulator, "create", "d1", "m1"))
    tree(call(emulator, "create", "d1", "m2"))
    listed = tree(call(emulator, "modules", "d1"))
    assert sorted(each["moduleId"] for each in listed) == ["m1", "m2"]
    module["managedBy"] = "us"
    changed = tree(call(emulator, "identity", module["etag"], json.dumps(module)))
    assert changed["managedBy"] == "us" and changed["etag"] != module["etag"]
    code, lines = call(emulator, "identity", module["etag"], json.dumps(module))
    assert code == 3 and lines[0].startswith("refused 412")
    patched = tree(call(emulator, "update", "", '{"tags":{"a":1}}', "d1", "m1"))
    assert (patched["moduleId"], patched["tags"]) == ("m1", {"a": 1})
    assert call(emulator, "delete", changed["etag"], "d1", "m1") == (0, [])
    assert [each["moduleId"] for each in tree(call(emulator, "modules", "d1"))] == ["m2"]


def test_devices_are_listed_up_to_a_number(emulator, owner):
    for n in range(3):
        owner.create_device(f"d{n}")
    assert len(tree(call(emulator, "devices", 2))) == 2
    assert {each["deviceId"] for each in tree(call(emulator, "devices", 1000))} == {"d0", "d1", "d2"}


# ---- keys ----


def test_keys_are_renewed_one_by_one_both_or_swapped(emulator):
    before = tree(call(emulator, "create", "d1"))["authentication"]["symmetricKey"]
    first = tree(call(emulator, "keys", "primary", "d1"))["authentication"]["symmetricKey"]
    assert first["secondaryKey"] == before["secondaryKey"]
    assert first["primaryKey"] != before["primaryKey"] and len(first["primaryKey"]) == 44
    second = tree(call(emulator, "keys", "secondary", "d1"))["authentication"]["symmetricKey"]
    assert second["primaryKey"] == first["primaryKey"]
    assert second["secondaryKey"] != first["secondaryKey"]
    swapped = tree(call(emulator, "keys", "swap", "d1"))["authentication"]["symmetricKey"]
    assert swapped["primaryKey"] == second["secondaryKey"]
    assert swapped["secondaryKey"] == second["primaryKey"]
    both = tree(call(emulator, "keys", "both", "d1"))["authentication"]["symmetricKey"]
    assert not {both["primaryKey"], both["secondaryKey"]} & set(swapped.values())
    module = tree(call(emulator, "create", "d1", "m1"))["authentication"]["symmetricKey"]
    renewed = tree(call(emulator, "keys", "primary", "d1", "m1"))
    assert renewed["authentication"]["symmetricKey"]["primaryKey"] != module["primaryKey"]


def test_an_identity_without_keys_has_none_to_renew(emulator):
    tree(call(emulator, "register", "d1", "", "ca", "", "", "-", ""))
    code, lines = call(emulator, "keys", "swap", "d1")
    assert code == 4 and lines[0].startswith("invalid: d1 has no keys")


def test_the_connection_string_is_the_devices_own(emulator):
    device = tree(call(emulator, "create", "a#b"))
    key = device["authentication"]["symmetricKey"]["secondaryKey"]
    code, lines = call(emulator, "connection-string", "a#b")
    assert (code, lines) == (0, [f"HostName=localhost;DeviceId=a#b;SharedAccessKey={key}"])
    module = tree(call(emulator, "create", "a#b", "m"))
    key = module["authentication"]["symmetricKey"]["secondaryKey"]
    code, lines = call(emulator, "connection-string", "a#b", "m")
    assert lines == [f"HostName=localhost;DeviceId=a#b;ModuleId=m;SharedAccessKey={key}"]


# ---- twins and queries ----


def test_replacing_a_twin_forgets_what_is_left_out(emulator, owner):
    owner.create_device("d1")
    tree(call(emulator, "update", "", '{"tags":{"a":1},"properties":{"desired":{"x":1}}}', "d1"))
    etag = tree(call(emulator, "update", "", '{"tags":{"b":2}}', "d1"))["etag"]
    document = '{"tags":{"c":3},"properties":{"desired":{"y":2}}}'
    after = tree(call(emulator, "replace", etag, document, "d1"))
    assert after["tags"] == {"c": 3}
    desired = after["properties"]["desired"]
    assert desired["y"] == 2 and "x" not in desired
    code, lines = call(emulator, "replace", etag, document, "d1")
    assert code == 3 and lines[0].startswith("refused 412")


def test_pages_are_asked_for_one_by_one_and_by_anybody(emulator, owner):
    for n in range(5):
        owner.create_device(f"d{n}")
    seen, continuation = [], ""
    for expected in (2, 2, 1):
        code, lines = call(emulator, "page", 2, continuation, "SELECT deviceId FROM devices")
        rows = json.loads(lines[0])
        item_type, continuation = lines[1].split(" ", 1)
        assert (code, len(rows), item_type) == (0, expected, "Raw")
        seen += [row["deviceId"] for row in rows]
    assert continuation == "(last)" and sorted(seen) == [f"d{n}" for n in range(5)]
    code, lines = call(emulator, "page", 2, "", "SELECT * FROM devices")
    assert lines[1].startswith("Twin ")


def test_the_client_may_be_used_within_a_query(emulator, owner):
    for n in range(5):
        owner.create_device(f"d{n}")
    code, lines = call(emulator, "query-twins", "SELECT deviceId FROM devices")
    assert code == 0
    assert sorted(json.loads(line)["deviceId"] for line in lines) == [f"d{n}" for n in range(5)]


# ---- many at once ----

CREATE, DELETE = 0, 5


def test_a_thousand_are_created_and_each_error_is_told(emulator, owner):
    for n in (7, 99, 100, 555):
        owner.create_device(f"b{n}")
    code, lines = call(emulator, "bulk-new", CREATE, "b", 0, 1000)
    assert code == 0
    progress, result = lines[:-1], json.loads(lines[-1])
    assert progress == [
        f"sent {n * 100 + 100}, refused {2 if n == 0 else 1 if n in (1, 5) else 0}" for n in range(10)
    ]
    assert result["isSuccessful"] is False and result["warnings"] == []
    assert [error["deviceId"] for error in result["errors"]] == ["b7", "b99", "b100", "b555"]
    assert {error["errorCode"] for error in result["errors"]} == {"DeviceAlreadyExists"}
    assert owner.get("/statistics/devices").json["totalDeviceCount"] == 1000
    assert owner.get("/devices/b999").json["status"] == "enabled"

    code, lines = call(emulator, "bulk-new", DELETE, "b", 900, 101)
    assert json.loads(lines[-1])["errors"][0]["errorCode"] == "DeviceNotFound"
    assert owner.get("/statistics/devices").json["totalDeviceCount"] == 900
    assert json.loads(call(emulator, "bulk-new", DELETE, "b", 0, 900)[1][-1]) == {
        "isSuccessful": True,
        "errors": [],
        "warnings": [],
    }


def test_items_of_all_kinds_go_in_one_request(emulator, owner):
    etag = owner.create_device("d1")["etag"]
    items = [
        {"id": "d2", "importMode": "create", "tags": {"a": 1}, "properties": {"desired": {"b": 2}}},
        {"id": "d1", "moduleId": "m1", "importMode": "create"},
        {"id": "d1", "importMode": "updateIfMatchETag", "eTag": "AAAA", "status": "disabled"},
        {"id": "d3", "importMode": "delete"},
    ]
    code, lines = call(emulator, "bulk", "", json.dumps(items))
    assert code == 0 and lines[0] == "sent 4, refused 2"
    errors = {error["deviceId"]: error["errorCode"] for error in json.loads(lines[1])["errors"]}
    assert errors == {"d1": "PreconditionFailed", "d3": "DeviceNotFound"}
    assert owner.get("/twins/d2").json["tags"] == {"a": 1}
    assert owner.get("/devices/d1").json["etag"] == etag
    assert owner.get("/devices/d1/modules").json[0]["moduleId"] == "m1"


def test_bulk_ends_when_progress_says_so(emulator, owner):
    items = [{"id": f"d{n}", "importMode": "create"} for n in range(250)]
    code, lines = call(emulator, "bulk", 150, json.dumps(items))
    assert code == 0 and [line.split(",")[0] for line in lines[:-1]] == ["sent 100", "sent 200"]
    assert json.loads(lines[-1])["isSuccessful"] is True
    assert owner.get("/statistics/devices").json["totalDeviceCount"] == 200
    assert call(emulator, "bulk", "", "[]")[1] == ['{"isSuccessful":true,"errors":[],"warnings":[]}']


def test_a_bulk_request_that_is_refused_whole_is_a_refusal(emulator):
    code, lines = call(emulator, "bulk", "", '[{"id":"d1"}]', policy="service")
    assert code == 3 and lines[0].startswith("refused 401 IotHubUnauthorizedAccess")


# ---- the hub as a whole ----


def test_statistics_count_devices_and_connections(emulator, owner):
    owner.create_device("d1")
    owner.create_device("d2", status="disabled")
    code, lines = call(emulator, "statistics")
    assert code == 0
    assert json.loads(lines[0]) == dict(
        totalDeviceCount=2, enabledDeviceCount=1, disabledDeviceCount=1
    )
    assert json.loads(lines[1]) == {"connectedDeviceCount": 0}


def test_a_purge_tells_how_many_messages_waited(emulator, owner):
    owner.create_device("d1")
    for _ in range(3):
        sent = owner.post("/devices/d1/messages/deviceBound", body=b"x")
        assert sent.status in (200, 204), sent
    assert call(emulator, "purge", "d1") == (0, ["3"])
    assert call(emulator, "purge", "d1") == (0, ["0"])


# ---- threads ----


def test_clients_in_several_threads_do_not_disturb_each_other(emulator, owner):
    owner.create_device("d1")
    program = run("service_threads_probe", service_string(emulator), ca=emulator.ca_path)
    assert program == (0, "240 of 240\n", "")


# ---- what is not sent, and whom not to believe ----


def test_what_the_hub_would_refuse_is_refused_in_plain_words(emulator):
    for command, says in (
        (("get", "a/b"), 'character 2 of the device id "a/b" is not allowed'),
        (("get", "x" * 129), "has 129 characters; at most 128"),
        (("get", ""), "the device id is missing"),
        (("get", "d1", "m 1"), "character 2 of the module id"),
        (("register", "d1", "", "sas", KEYS[0], "", "-", ""), "wants both or none"),
        (("register", "d1", "", "sas", KEYS[0], "abc", "-", ""), "the secondary key is not base64"),
        (("register", "d1", "", "selfSigned", "", "", "-", ""), "the primary one is missing"),
        (("register", "d1", "", "selfSigned", "ab:cd", "", "-", ""), "40 hex digits"),
        (("register", "d1", "", "sas", "", "", "-", "r" * 129), "more than 128 characters"),
        (("delete", 'a"b', "d1"), "the etag has a character"),
        (("delete", "a\r\nX: y", "d1"), "the etag has a character"),
        (("devices", 0), "allowed is 1 to 1000"),
        (("devices", 1001), "allowed is 1 to 1000"),
        (("query", 0, 1, "SELECT"), "allowed is 1 to 1000"),
        (("page", 1, "a\r\nX: y", "SELECT"), "continuation"),
        (("method", "m", 4, 0, "", "d1"), "response timeout is 4; allowed is 5 to 300"),
        (("method", "m", 301, 0, "", "d1"), "allowed is 5 to 300"),
        (("method", "m", 5, 301, "", "d1"), "connect timeout is 301; allowed is 0 to 300"),
        (("method", "", 5, 0, "", "d1"), "the name of the method is missing"),
        (("update", "", "{", "d1"), "the patch is not JSON"),
        (("identity", "", "{}"), "no deviceId"),
    ):
        code, lines = call(emulator, *command)
        assert code == 4 and lines[0].startswith("invalid: ") and says in lines[0], (command, lines)


def test_an_id_of_all_allowed_characters_is_taken(emulator):
    for device_id in ("-:.+%_#*?!(),=@;$'", "x" * 128):
        assert tree(call(emulator, "create", device_id))["deviceId"] == device_id
        assert tree(call(emulator, "twin", device_id))["deviceId"] == device_id


def test_without_the_ca_nothing_is_sent_and_the_mend_is_named(emulator):
    for variable in ({}, {"IOTHUB_CA_FILE": ""}):
        code, output, _ = run("service_probe", service_string(emulator), "get", "d1", **variable)
        assert code == 4 and output.startswith('untrusted: the certificate of "localhost"')
        assert "set IOTHUB_CA_FILE to the CA file" in output
    code, output, _ = run("service_probe", service_string(emulator), "get", "d1", ca="/nowhere.pem")
    assert code == 4 and output.startswith('invalid: IOTHUB_CA_FILE names "/nowhere.pem"')

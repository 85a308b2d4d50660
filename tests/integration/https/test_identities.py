# SPDX-License-Identifier: MIT
"""The registry of devices and modules. Numbers are the service reference's, section 11."""

import base64
import re

import pytest

DEVICE_MEMBERS = [
    "deviceId", "generationId", "etag", "connectionState", "status", "statusReason",
    "connectionStateUpdatedTime", "statusUpdatedTime", "lastActivityTime",
    "cloudToDeviceMessageCount", "authentication", "capabilities", "parentScopes",
]  # fmt: skip
MODULE_MEMBERS = [
    "moduleId", "managedBy", "deviceId", "generationId", "etag", "connectionState",
    "connectionStateUpdatedTime", "lastActivityTime", "cloudToDeviceMessageCount", "authentication",
]  # fmt: skip
NEVER = "0001-01-01T00:00:00"
REAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")


def etag_number(identity):
    return int(base64.b64decode(identity["etag"]))


def assert_is_key(key):
    assert len(base64.b64decode(key, validate=True)) == 32


def test_15_a_new_device_is_as_recorded(owner):
    answer = owner.put("/devices/d1", {"deviceId": "d1"})
    assert answer.status == 200
    device = answer.json
    assert list(device) == DEVICE_MEMBERS
    assert device["deviceId"] == "d1"
    assert re.fullmatch(r"\d{18}", device["generationId"])
    assert device["status"] == "enabled"
    assert device["connectionState"] == "Disconnected"
    assert device["statusReason"] is None
    assert device["cloudToDeviceMessageCount"] == 0
    for member in ("connectionStateUpdatedTime", "statusUpdatedTime", "lastActivityTime"):
        assert device[member] == NEVER  # without Z, as recorded
    assert device["capabilities"] == {"iotEdge": False}
    assert device["parentScopes"] == []
    authentication = device["authentication"]
    assert list(authentication) == ["symmetricKey", "x509Thumbprint", "type"]
    assert authentication["type"] == "sas"
    assert_is_key(authentication["symmetricKey"]["primaryKey"])
    assert_is_key(authentication["symmetricKey"]["secondaryKey"])
    assert authentication["x509Thumbprint"] == {
        "primaryThumbprint": None, "secondaryThumbprint": None,
    }
    assert answer.headers["ETag"] == '"' + device["etag"] + '"'
    assert etag_number(device) > 0


def test_a_device_that_is_read_has_times_with_z(owner):
    created = owner.create_device("d1")
    answer = owner.get("/devices/d1")
    assert answer.status == 200
    assert answer.headers["ETag"] == '"' + created["etag"] + '"'
    device = answer.json
    assert device["lastActivityTime"] == NEVER + "Z"
    assert device["authentication"] == created["authentication"]
    assert "parentScopes" not in device


def test_16_creating_twice_is_409(owner):
    owner.create_device("d1")
    for headers in ({}, {"If-Match": '""'}, {"If-Match": ""}):
        answer = owner.put("/devices/d1", {"deviceId": "d1"}, headers=headers)
        assert answer.status == 409
        assert answer.code == "DeviceAlreadyExists"
        assert answer.message == (
            "ErrorCode:DeviceAlreadyExists;A device with ID 'd1' is already registered."
        )


@pytest.mark.parametrize("match", ['"*"', "*", 'W/"*"'])
def test_17_disabling_keeps_generation_and_moves_the_etag_by_one(owner, match):
    created = owner.create_device("d1")
    answer = owner.put(
        "/devices/d1", {**created, "status": "disabled", "statusReason": "lost"},
        headers={"If-Match": match},
    )
    assert answer.status == 200
    device = answer.json
    assert device["status"] == "disabled"
    assert device["statusReason"] == "lost"
    assert REAL_TIME.fullmatch(device["statusUpdatedTime"])
    assert device["lastActivityTime"] == NEVER + "Z"
    assert etag_number(device) == etag_number(created) + 1
    assert device["generationId"] == created["generationId"]
    assert device["authentication"] == created["authentication"]
    assert device["parentScopes"] == []


@pytest.mark.parametrize("spelling", ['"{}"', "{}", 'W/"{}"'])
def test_if_match_with_an_etag_updates_once(owner, spelling):
    created = owner.create_device("d1")
    headers = {"If-Match": spelling.format(created["etag"])}
    assert owner.put("/devices/d1", created, headers=headers).status == 200
    answer = owner.put("/devices/d1", created, headers=headers)
    assert answer.status == 412
    assert answer.code == "PreconditionFailed"
    assert answer.message == "ErrorCode:PreconditionFailed;PreconditionFailed"


def test_a_deleted_and_recreated_device_is_another_generation(owner):
    first = owner.create_device("d1")
    assert owner.delete("/devices/d1", headers={"If-Match": "*"}).status == 204
    assert owner.create_device("d1")["generationId"] != first["generationId"]


@pytest.mark.parametrize("match", ["*", '"*"', '"AAAA"'])
def test_19_updating_a_missing_device_is_404(owner, match):
    answer = owner.put("/devices/d1", {"deviceId": "d1"}, headers={"If-Match": match})
    assert answer.status == 404
    assert answer.code == "DeviceNotFound"


def test_20_reading_a_missing_device_is_404(owner):
    answer = owner.get("/devices/nope")
    assert answer.status == 404
    assert answer.code == "DeviceNotFound"
    assert answer.message == "ErrorCode:DeviceNotFound;nope"
    assert re.match("Tracking ID:[0-9a-f]{32}-G:", answer.json["ExceptionMessage"])


@pytest.mark.parametrize("key", ["", None])
def test_21_empty_keys_are_generated(owner, key):
    authentication = {"type": "sas", "symmetricKey": {"primaryKey": key, "secondaryKey": key}}
    keys = owner.create_device("d1", authentication=authentication)["authentication"]["symmetricKey"]
    assert_is_key(keys["primaryKey"])
    assert_is_key(keys["secondaryKey"])
    assert keys["primaryKey"] != keys["secondaryKey"]


@pytest.mark.parametrize(
    "size, status", [(15, 400), (16, 200), (64, 200), (65, 400)]
)
def test_keys_have_16_to_64_bytes(owner, size, status):
    key = base64.b64encode(bytes(size)).decode()
    authentication = {"symmetricKey": {"primaryKey": key, "secondaryKey": key}}
    answer = owner.put("/devices/d1", {"deviceId": "d1", "authentication": authentication})
    assert answer.status == status
    if status == 200:
        assert answer.json["authentication"]["symmetricKey"]["primaryKey"] == key


def test_one_key_alone_is_400(owner):
    key = base64.b64encode(bytes(32)).decode()
    authentication = {"symmetricKey": {"primaryKey": key}}
    answer = owner.put("/devices/d1", {"deviceId": "d1", "authentication": authentication})
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")


@pytest.mark.parametrize("size", [40, 64])
def test_23_a_self_signed_device_has_thumbprints_and_no_keys(owner, size):
    thumbprint = "0123456789ABCDEF" * 4
    authentication = {
        "type": "selfSigned",
        "x509Thumbprint": {"primaryThumbprint": thumbprint[:size]},
    }
    answer = owner.create_device("d1", authentication=authentication)["authentication"]
    assert answer["type"] == "selfSigned"
    assert answer["symmetricKey"] == {"primaryKey": None, "secondaryKey": None}
    assert answer["x509Thumbprint"]["primaryThumbprint"] == thumbprint[:size]


def test_a_thumbprint_of_another_size_is_400(owner):
    thumbprints = {"primaryThumbprint": "A" * 41}
    authentication = {"type": "selfSigned", "x509Thumbprint": thumbprints}
    answer = owner.put("/devices/d1", {"deviceId": "d1", "authentication": authentication})
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")


def test_24_ids_have_128_characters_at_most(owner):
    assert owner.create_device("a" * 128)["deviceId"] == "a" * 128
    answer = owner.put("/devices/" + "a" * 129, {"deviceId": "a" * 129})
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")
    assert owner.put("/devices/a%2Fb", {"deviceId": "a/b"}).status == 404


def test_every_character_that_ids_may_have(owner):
    device_id = "aZ0-:.+%_#*?!(),=@;$'"
    assert owner.create_device(device_id)["deviceId"] == device_id
    assert owner.get("/devices/aZ0-%3A.%2B%25_%23*%3F!()%2C%3D%40%3B%24'").status == 200


@pytest.mark.parametrize("path", ["a%20b", "a%26b", "%C3%A9", "a%00b", "a%22b"])
def test_other_characters_are_400(owner, path):
    answer = owner.put("/devices/" + path, {})
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")


def test_the_body_must_not_name_another_device(owner):
    answer = owner.put("/devices/d1", {"deviceId": "d2"})
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")
    assert "'d2'" in answer.message and "'d1'" in answer.message
    assert owner.get("/devices/d1").status == 404


def test_read_only_members_are_passed_over(owner):
    device = owner.create_device(
        "d1", generationId="7", etag="AAAA", connectionState="Connected",
        lastActivityTime="2020-01-01T00:00:00Z", cloudToDeviceMessageCount=9,
    )
    assert device["generationId"] != "7"
    assert device["etag"] != "AAAA"
    assert device["connectionState"] == "Disconnected"
    assert device["lastActivityTime"] == NEVER
    assert device["cloudToDeviceMessageCount"] == 0


@pytest.mark.parametrize("size, status", [(128, 200), (129, 400)])
def test_a_status_reason_has_128_characters_at_most(owner, size, status):
    answer = owner.put("/devices/d1", {"deviceId": "d1", "statusReason": "r" * size})
    assert answer.status == status


@pytest.mark.parametrize("match", [None, "*", '"*"'])
def test_deleting_is_204_and_then_404(owner, match):
    owner.create_device("d1")
    headers = {} if match is None else {"If-Match": match}
    answer = owner.delete("/devices/d1", headers=headers)
    assert (answer.status, answer.body) == (204, b"")
    assert owner.get("/devices/d1").status == 404
    assert owner.delete("/devices/d1", headers=headers).code == "DeviceNotFound"


def test_deleting_with_an_old_etag_is_412(owner):
    device = owner.create_device("d1")
    assert owner.delete("/devices/d1", headers={"If-Match": '"AAAA"'}).status == 412
    headers = {"If-Match": '"' + device["etag"] + '"'}
    assert owner.delete("/devices/d1", headers=headers).status == 204


def test_26_top_cuts_the_list(owner):
    for name in ("d1", "d2", "d3"):
        owner.create_device(name)
    assert [device["deviceId"] for device in owner.get("/devices?top=2").json] == ["d1", "d2"]
    for top in ("0", "5000", "x", "-1", "", "1001"):
        assert len(owner.get("/devices?top=" + top).json) == 3
    assert len(owner.get("/devices").json) == 3


def test_a_list_ends_at_1000_devices(owner):
    for start in range(0, 1001, 91):
        items = [{"id": f"d{n}", "importMode": "create"} for n in range(start, start + 91)]
        assert owner.post("/devices", items).status == 200
    assert len(owner.get("/devices?top=1000").json) == 1000
    assert len(owner.get("/devices?top=1001").json) == 1000
    assert len(owner.get("/devices?top=999").json) == 999


def test_27_statistics_count_devices(owner):
    assert owner.get("/statistics/devices").json == {
        "totalDeviceCount": 0, "enabledDeviceCount": 0, "disabledDeviceCount": 0,
    }
    owner.create_device("d1")
    owner.create_device("d2", status="disabled")
    owner.create_device("d3")
    owner.create_module("d1", "m1")
    assert owner.get("/statistics/devices").json == {
        "totalDeviceCount": 3, "enabledDeviceCount": 2, "disabledDeviceCount": 1,
    }
    assert owner.get("/statistics/service").json == {"connectedDeviceCount": 0}


def test_29_a_new_module_has_no_etag_header(owner):
    owner.create_device("d1")
    answer = owner.put("/devices/d1/modules/m1", {"deviceId": "d1", "moduleId": "m1"})
    assert answer.status == 200
    assert "ETag" not in answer.headers
    module = answer.json
    assert list(module) == MODULE_MEMBERS
    assert (module["deviceId"], module["moduleId"]) == ("d1", "m1")
    assert module["managedBy"] is None
    assert module["lastActivityTime"] == NEVER
    assert_is_key(module["authentication"]["symmetricKey"]["primaryKey"])
    read = owner.get("/devices/d1/modules/m1")
    assert "ETag" not in read.headers
    assert read.json["lastActivityTime"] == NEVER + "Z"


def test_modules_are_listed_updated_and_deleted(owner):
    owner.create_device("d1")
    created = owner.create_module("d1", "m1", managedBy="me")
    owner.create_module("d1", "m2")
    assert [module["moduleId"] for module in owner.get("/devices/d1/modules").json] == ["m1", "m2"]
    path = "/devices/d1/modules/m1"
    answer = owner.put(path, created)
    assert (answer.status, answer.code) == (409, "ModuleAlreadyExistsOnDevice")
    updated = owner.put(path, created, headers={"If-Match": '"*"'}).json
    assert updated["managedBy"] == "me"
    assert etag_number(updated) == etag_number(created) + 1
    old = {"If-Match": '"' + created["etag"] + '"'}
    assert owner.put(path, created, headers=old).status == 412
    assert owner.delete(path, headers=old).status == 412
    assert owner.delete(path, headers={"If-Match": "*"}).status == 204
    answer = owner.get(path)
    assert (answer.status, answer.code) == (404, "ModuleNotFound")


def test_a_module_needs_its_device(owner):
    answer = owner.put("/devices/d1/modules/m1", {"deviceId": "d1", "moduleId": "m1"})
    assert (answer.status, answer.code) == (404, "DeviceNotFound")
    assert owner.get("/devices/d1/modules").code == "DeviceNotFound"


def test_updating_a_missing_module_is_404(owner):
    owner.create_device("d1")
    answer = owner.put("/devices/d1/modules/m1", {}, headers={"If-Match": "*"})
    assert (answer.status, answer.code) == (404, "ModuleNotFound")


def test_31_a_device_has_50_modules_at_most(owner):
    owner.create_device("d1")
    for n in range(50):
        owner.create_module("d1", f"m{n}")
    answer = owner.put("/devices/d1/modules/m50", {"deviceId": "d1", "moduleId": "m50"})
    assert (answer.status, answer.code) == (413, "TooManyModulesOnDevice")


def test_names_of_system_modules_are_reserved(owner):
    owner.create_device("d1")
    answer = owner.put("/devices/d1/modules/$edgeAgent", {})
    assert (answer.status, answer.code) == (401, "SystemModuleModifyUnauthorizedAccess")


def test_34_deleting_a_device_deletes_its_modules(owner):
    owner.create_device("d1")
    owner.create_module("d1", "m1")
    assert owner.delete("/devices/d1", headers={"If-Match": "*"}).status == 204
    assert owner.get("/devices/d1/modules/m1").status == 404
    owner.create_device("d1")
    assert owner.get("/devices/d1/modules").json == []
    assert owner.get("/twins/d1/modules/m1").status == 404


def test_35_an_edge_device_comes_with_its_modules_and_scope(owner):
    device = owner.create_device("d1", capabilities={"iotEdge": True})
    assert device["capabilities"] == {"iotEdge": True}
    assert device["deviceScope"] == "ms-azure-iot-edge://d1-" + device["generationId"]
    modules = owner.get("/devices/d1/modules").json
    assert [module["moduleId"] for module in modules] == ["$edgeAgent", "$edgeHub"]


def test_a_child_of_an_edge_device_has_its_scope(owner):
    scope = owner.create_device("edge", capabilities={"iotEdge": True})["deviceScope"]
    child = owner.create_device("leaf", deviceScope=scope)
    assert child["deviceScope"] == scope
    assert child["parentScopes"] == [scope]
    nested = owner.create_device("low", capabilities={"iotEdge": True}, parentScopes=[scope])
    assert nested["deviceScope"] == "ms-azure-iot-edge://low-" + nested["generationId"]
    assert nested["parentScopes"] == [scope]

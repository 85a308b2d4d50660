# SPDX-License-Identifier: MIT
"""Bulk operations on the registry. Numbers are the service reference's, section 11."""

import pytest

GOOD = {"isSuccessful": True, "errors": [], "warnings": []}


def ids(owner):
    return [device["deviceId"] for device in owner.get("/devices").json]


def errors_of(answer):
    assert answer.status == 400
    assert answer.json["isSuccessful"] is False
    assert answer.json["warnings"] == []
    return {(error["deviceId"], error["moduleId"]): error["errorCode"]
            for error in answer.json["errors"]}  # fmt: skip


def test_36_two_are_created(owner):
    items = [{"id": "d1", "importMode": "create"}, {"id": "d2", "importMode": "create"}]
    answer = owner.post("/devices", items)
    assert (answer.status, answer.json) == (200, GOOD)
    assert ids(owner) == ["d1", "d2"]


def test_37_one_fails_and_the_other_is_created(owner):
    owner.create_device("d1")
    items = [{"id": "d1", "importMode": "create"}, {"id": "d2", "importMode": "create"}]
    answer = owner.post("/devices/", items)
    assert answer.status == 400
    assert answer.json == {
        "isSuccessful": False,
        "errors": [
            {
                "deviceId": "d1",
                "moduleId": None,
                "errorCode": "DeviceAlreadyExists",
                "errorStatus": "A device with ID 'd1' is already registered.",
            }
        ],
        "warnings": [],
    }
    assert ids(owner) == ["d1", "d2"]


def test_38_101_are_too_many_and_100_are_not(owner):
    items = [{"id": f"d{n}", "importMode": "create"} for n in range(101)]
    answer = owner.post("/devices", items)
    assert (answer.status, answer.code) == (400, "TooManyDevices")
    assert ids(owner) == []
    assert owner.post("/devices", items[:100]).json == GOOD
    assert len(ids(owner)) == 100


def test_39_modes_are_read_in_any_case(owner):
    owner.create_device("d1")
    owner.create_device("d2")
    items = [{"id": "d1", "importMode": "Delete"}, {"id": "d2", "importMode": "DELETEIFMATCHETAG"}]
    assert owner.post("/devices", items).json == GOOD
    assert ids(owner) == []


def test_40_a_twin_may_come_along(owner):
    item = {
        "id": "d1",
        "importMode": "create",
        "tags": {"plant": "P1"},
        "properties": {"desired": {"interval": 5, "nested": {"a": 1}}},
    }
    assert owner.post("/devices", [item]).json == GOOD
    twin = owner.get("/twins/d1").json
    assert twin["version"] == 2
    assert twin["etag"] == "AAAAAAAAAAE="
    assert twin["tags"] == {"plant": "P1"}
    desired = twin["properties"]["desired"]
    assert desired["$version"] == 1
    assert desired["interval"] == 5
    stamp = {"$lastUpdated": "0001-01-01T00:00:00Z", "$lastUpdatedVersion": 1}
    assert desired["$metadata"]["interval"] == stamp
    assert desired["$metadata"]["nested"] == {**stamp, "a": stamp}


def test_a_bad_twin_creates_no_device(owner):
    item = {"id": "d1", "importMode": "create", "tags": {"a.b": 1}}
    assert errors_of(owner.post("/devices", [item])) == {("d1", None): "ArgumentInvalid"}
    assert ids(owner) == []


def test_the_default_mode_creates_or_updates(owner):
    owner.create_device("d1")
    items = [{"id": "d1", "status": "disabled"}, {"id": "d2"}]
    assert owner.post("/devices", items).json == GOOD
    assert owner.get("/devices/d1").json["status"] == "disabled"
    assert owner.get("/devices/d2").json["status"] == "enabled"


@pytest.mark.parametrize("mode", ["update", "updateIfMatchETag", "delete", "updateTwin"])
def test_what_is_absent_cannot_be_changed(owner, mode):
    answer = owner.post("/devices", [{"id": "d1", "importMode": mode}])
    assert errors_of(answer) == {("d1", None): "DeviceNotFound"}


@pytest.mark.parametrize("member", ["etag", "eTag"])
@pytest.mark.parametrize(
    "mode", ["UpdateIfMatchETag", "createOrUpdateIfMatchETag", "deleteIfMatchETag"]
)
def test_an_etag_counts_in_either_spelling(owner, member, mode):
    device = owner.create_device("d1")
    old = {"id": "d1", "importMode": mode, member: "AAAA"}
    assert errors_of(owner.post("/devices", [old])) == {("d1", None): "PreconditionFailed"}
    new = {"id": "d1", "importMode": mode, member: device["etag"]}
    assert owner.post("/devices", [new]).json == GOOD


@pytest.mark.parametrize("etag", ["*", '"*"', "", None])
def test_a_wildcard_or_missing_etag_always_holds(owner, etag):
    owner.create_device("d1")
    item = {"id": "d1", "importMode": "deleteIfMatchEtag", "etag": etag}
    assert owner.post("/devices", [item]).json == GOOD


def test_an_etag_does_not_count_in_other_modes(owner):
    owner.create_device("d1")
    item = {"id": "d1", "importMode": "update", "etag": "AAAA"}
    assert owner.post("/devices", [item]).json == GOOD


def test_twins_are_merged(owner):
    owner.create_device("d1")
    owner.patch("/twins/d1", {"tags": {"a": 1, "b": 1}})
    item = {
        "id": "d1",
        "importMode": "updateTwin",
        "tags": {"a": 2},
        "properties": {"desired": {"x": 1}},
    }
    assert owner.post("/devices", [item]).json == GOOD
    twin = owner.get("/twins/d1").json
    assert twin["tags"] == {"a": 2, "b": 1}
    assert twin["properties"]["desired"]["x"] == 1


def test_the_twins_etag_counts_when_asked(owner):
    owner.create_device("d1")
    item = {"id": "d1", "importMode": "updateTwinIfMatchETag", "tags": {"a": 1}}
    old = {**item, "twinETag": "AAAAAAAAAAA="}
    assert errors_of(owner.post("/devices", [old])) == {("d1", None): "PreconditionFailed"}
    assert owner.post("/devices", [{**item, "twinETag": "AAAAAAAAAAE="}]).json == GOOD


def test_modules_are_created_and_deleted(owner):
    owner.create_device("d1")
    items = [{"id": "d1", "moduleId": "m1", "importMode": "create"},
             {"id": "d1", "moduleId": "m2", "importMode": "create"}]  # fmt: skip
    assert owner.post("/devices", items).json == GOOD
    assert errors_of(owner.post("/devices", items[:1])) == {
        ("d1", "m1"): "ModuleAlreadyExistsOnDevice",
    }
    items = [{"id": "d1", "moduleId": "m1", "importMode": "delete"}]
    assert owner.post("/devices", items).json == GOOD
    assert [module["moduleId"] for module in owner.get("/devices/d1/modules").json] == ["m2"]


def test_an_identity_defined_twice_is_not_touched(owner):
    items = [{"id": "d1", "status": "enabled"}, {"id": "d2"}, {"id": "d1", "status": "disabled"}]
    answer = owner.post("/devices", items)
    assert errors_of(answer) == {("d1", None): "DeviceDefinedMultipleTimes"}
    assert len(answer.json["errors"]) == 2
    assert ids(owner) == ["d2"]


def test_a_bad_item_disturbs_no_other(owner):
    items = [
        7,
        {"importMode": "create"},
        {"id": "bad id"},
        {"id": "d1", "importMode": "conquer"},
        {"id": "d2", "status": 5},
        {"id": "d3"},
    ]
    answer = owner.post("/devices", items)
    assert answer.status == 400
    assert [error["deviceId"] for error in answer.json["errors"]] == ["", "", "d1", "bad id", "d2"]
    assert {error["errorCode"] for error in answer.json["errors"]} == {"ArgumentInvalid"}
    assert ids(owner) == ["d3"]


def test_keys_are_taken_over(owner):
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    authentication = {"type": "sas", "symmetricKey": {"primaryKey": key, "secondaryKey": key}}
    items = [{"id": "d1", "importMode": "create", "authentication": authentication}]
    assert owner.post("/devices", items).json == GOOD
    assert owner.get("/devices/d1").json["authentication"]["symmetricKey"]["primaryKey"] == key


def test_nothing_to_do_is_done(owner):
    assert owner.post("/devices", []).json == GOOD


def test_an_object_is_no_list(owner):
    answer = owner.post("/devices", {"id": "d1"})
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")

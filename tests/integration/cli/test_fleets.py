# SPDX-License-Identifier: MIT
"""`iothub device import` and `export`: fleets in files."""

import json

import pytest

from programs import FOLDER

SEED = FOLDER.parents[2] / "fixtures/seeds/plant.json"


@pytest.fixture
def plant(owner):
    owner.create_device("d1", status="disabled", statusReason="for repair")
    owner.create_device("edge", capabilities={"iotEdge": True})
    owner.create_device("certified", authentication={"type": "certificateAuthority"})
    owner.create_module("d1", "cam")
    owner.patch("/twins/d1", {"tags": {"floor": 2}, "properties": {"desired": {"a": {"b": 1}}}})
    owner.patch("/twins/d1/modules/cam", {"tags": {"lens": "wide"}})
    return owner


def state(owner):
    """What a hub is made of, but for what is its own: times, versions, ETags."""
    found = {}
    for source in ("devices", "devices.modules"):
        for twin in owner.post("/devices/query", {"query": f"SELECT * FROM {source}"}).json:
            path = twin["deviceId"] + ("/modules/" + twin["moduleId"] if "moduleId" in twin else "")
            identity = owner.get(f"/devices/{path}").json
            desired = {k: v for k, v in twin["properties"]["desired"].items() if k[0] != "$"}
            found[path] = (
                identity["authentication"], identity.get("status"), identity.get("statusReason"),
                identity.get("capabilities"), twin.get("tags"), desired,
            )
    return found


def test_what_is_exported_can_be_imported(iothub, emulator, plant):
    before = state(plant)
    exported = iothub("device", "export", "--include-keys")
    named = sorted((one["id"], one.get("moduleId", "")) for one in exported.json)
    assert [pair for pair in named if "$edge" not in pair[1]] == [
        ("certified", ""), ("d1", ""), ("d1", "cam"), ("edge", "")]
    emulator.reset()
    done = iothub("device", "import", "-", typed=exported.out)
    assert done.json == {"isSuccessful": True, "errors": [], "warnings": []}
    assert {k: v for k, v in state(plant).items() if "$edge" not in k} == {
        k: v for k, v in before.items() if "$edge" not in k}


def test_without_being_asked_no_key_leaves_the_hub(iothub, emulator, plant):
    exported = iothub("device", "export")
    assert "symmetricKey" not in exported.out
    emulator.reset()
    assert iothub("device", "import", "-", typed=exported.out).json["isSuccessful"]
    made = plant.get("/devices/d1").json
    assert made["status"] == "disabled" and made["authentication"]["symmetricKey"]["primaryKey"]


def test_lines_are_taken_as_an_array_is(iothub, emulator, plant, tmp_path):
    rows = iothub("device", "export").json
    lines = "\n".join(json.dumps(row) for row in rows) + "\r\n\n"
    emulator.reset()
    file = tmp_path / "devices.txt"  # as the hub's own export calls it
    file.write_text(lines)
    assert iothub("device", "import", file).json["isSuccessful"]
    assert plant.get("/twins/d1").json["tags"] == {"floor": 2}
    assert plant.get("/twins/d1/modules/cam").json["tags"] == {"lens": "wide"}


def test_seeds_identities_and_twins_are_taken(iothub, owner):
    devices = json.loads(SEED.read_text())["devices"]
    assert iothub("device", "import", SEED).json["isSuccessful"]
    twins = {twin["deviceId"]: twin for twin in iothub("device", "list").json}
    assert sorted(twins) == sorted(device["deviceId"] for device in devices)
    for device in devices:
        assert twins[device["deviceId"]].get("tags", {}) == device.get("tags", {})

    identity = iothub("device", "show", devices[0]["deviceId"]).json
    twin = iothub("twin", "show", devices[0]["deviceId"]).json
    for document in (identity, twin):
        iothub("device", "delete", identity["deviceId"])
        assert iothub("device", "import", "-", typed=json.dumps(document)).json["isSuccessful"]
        assert owner.get(f"/devices/{identity['deviceId']}").status == 200


def test_the_devices_of_az_iot_hub_state_export_are_taken(iothub, owner):
    sas = {"type": "sas", "symmetricKey": {"primaryKey": "a2tra2tra2tra2tra2tra2tra2tra2tr",
                                           "secondaryKey": "bGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxs"}}
    exported = {
        "configurations": {"admConfigurations": {}, "edgeDeployments": {}},
        "devices": {
            "d1": {
                "identity": {"deviceId": "d1", "status": "disabled", "authentication": sas,
                             "capabilities": {"iotEdge": False}},
                "parent": "gateway",
                "twin": {"tags": {"floor": 2}, "properties": {"desired": {"a": 1}}},
                "modules": {
                    "cam": {"identity": {"moduleId": "cam", "authentication": sas},
                            "twin": {"tags": {"lens": "wide"}, "properties": {"desired": {}}}},
                    "$edgeHub": {"identity": {"moduleId": "$edgeHub", "authentication": sas}, "twin": {}},
                },
            }
        },
    }
    done = iothub("device", "import", "-", typed=json.dumps(exported))
    assert done.json["isSuccessful"]
    assert "1 of the devices had a parent" in done.err
    made = owner.get("/devices/d1").json
    assert (made["status"], made["authentication"]["symmetricKey"]) == ("disabled", sas["symmetricKey"])
    assert owner.get("/twins/d1").json["tags"] == {"floor": 2}
    assert owner.get("/twins/d1/modules/cam").json["tags"] == {"lens": "wide"}


def test_modes(iothub, owner):
    entry = json.dumps({"id": "d1", "tags": {"a": 1}})
    assert iothub("device", "import", "-", "--mode", "update", typed=entry).code == 1
    assert iothub("device", "import", "-", typed=entry).json["isSuccessful"]
    done = iothub("device", "import", "-", "-o", "table", typed=entry)
    assert done.code == 1
    assert "imported 0 of 1" in done.err and "DeviceAlreadyExists" in done.out
    entry = json.dumps({"id": "d1", "tags": {"a": 2}})
    assert iothub("device", "import", "-", "--mode=update-twin", typed=entry).json["isSuccessful"]
    assert owner.get("/twins/d1").json["tags"]["a"] == 2
    assert iothub("device", "import", "-", "--mode=create-or-update", typed=entry).json["isSuccessful"]
    own = json.dumps({"id": "d1", "importMode": "delete"})
    assert iothub("device", "import", "-", typed=own).json["isSuccessful"]
    assert owner.get("/devices/d1").status == 404


def test_more_than_one_request_carries(iothub):
    entries = [{"id": f"d{i}"} for i in range(250)] + [{"id": "d7", "moduleId": f"m{i}"} for i in range(30)]
    entries.insert(0, entries.pop())  # a module before its device
    done = iothub("device", "import", "-", "-o", "table", typed=json.dumps(entries))
    assert (done.code, done.out, done.err) == (0, "", "iothub: imported 280 of 280\n")
    assert len(iothub("device", "export", "-o", "tsv").lines) == 280


def test_an_empty_fleet(iothub):
    assert iothub("device", "export").json == []
    assert iothub("device", "import", "-", typed="[]").json["isSuccessful"]


@pytest.mark.parametrize(
    "typed, told",
    [
        ("", "this is no JSON"),
        ("{", "this is no JSON"),
        ("7", "entry 1 is no object"),
        ('[{"id": "a"}, 7]', "entry 2 is no object"),
        ('[{"id": "a"}, {"status": "enabled"}]', 'entry 2 has neither "id" nor "deviceId"'),
        ('{"id": "a"}\n{"id": \n', "line 2 is no JSON"),
        ('{"id": "a"}\n\n{"tags": {}}\n', 'entry 2 has neither "id" nor "deviceId"'),
        ('{"devices": {"d1": {"twin": {}}}}', 'entry 1 has no "identity"'),
    ],
)
def test_a_file_that_cannot_be_understood_changes_nothing(iothub, owner, typed, told):
    done = iothub("device", "import", "-", typed=typed)
    assert (done.code, done.out) == (2, ""), done
    assert told in done.err
    assert iothub("device", "list").json == []


def test_a_file_that_is_not_there(iothub):
    done = iothub("device", "import", "/nowhere/fleet.json")
    assert (done.code, done.out) == (1, "")
    assert "/nowhere/fleet.json cannot be read: No such file or directory" in done.err
    assert "FILE is missing" in iothub("device", "import").err

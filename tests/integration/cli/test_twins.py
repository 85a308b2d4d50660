# SPDX-License-Identifier: MIT
"""`iothub twin ...`: twins of devices and modules."""

import json

import pytest


@pytest.fixture(autouse=True)
def identities(owner):
    owner.create_device("d1")
    owner.create_module("d1", "cam")


def twin(owner, path="d1"):
    return owner.get(f"/twins/{path}").json


def test_show_prints_the_service_s_own_document(iothub, owner):
    assert iothub("twin", "show", "d1").json == twin(owner)
    assert iothub("twin", "show", "d1", "cam").json == twin(owner, "d1/modules/cam")
    assert iothub("twin", "show", "-d", "d1", "-m", "cam").json == twin(owner, "d1/modules/cam")


def test_a_table_leaves_the_metadata_out(iothub, owner):
    owner.patch("/twins/d1", {"tags": {"floor": 2}, "properties": {"desired": {"a": 1}}})
    lines = iothub("twin", "show", "d1", "-o", "table").lines
    assert 'Tags           {"floor":2}' in lines
    assert 'Desired        {"a":1,"$version":2}' in lines


@pytest.mark.parametrize(
    "arguments, tags, desired",
    [
        (("--tags", '{"floor": 3}'), {"floor": 3, "name": "old"}, {"interval": 5}),
        (("--tags", '{"name": null}'), {"floor": 2}, {"interval": 5}),
        (("--desired", '{"interval": 60}'), {"floor": 2, "name": "old"}, {"interval": 60}),
        (("--set", "tags.floor=4", "tags.name=new one", "properties.desired.a.b=true"),
         {"floor": 4, "name": "new one"}, {"interval": 5, "a": {"b": True}}),
        (("--set", "tags.floor=4", "--set", "tags.floor=null"), {"name": "old"}, {"interval": 5}),
        (("--set", 'tags.name="42"', "tags.floor=4.5", "tags.list=[1]"),
         {"name": "42", "floor": 4.5, "list": [1]}, {"interval": 5}),
        (("--tags", '{"name": "x"}', "--set", "tags.floor=9"), {"floor": 9, "name": "x"}, {"interval": 5}),
        (("--set", "tags.equation=a=b"), {"floor": 2, "name": "old", "equation": "a=b"}, {"interval": 5}),
        (("--set", "tags.empty="), {"floor": 2, "name": "old", "empty": ""}, {"interval": 5}),
    ],
)
@pytest.mark.parametrize("target", [("d1",), ("d1", "cam")])
def test_update_merges(iothub, owner, target, arguments, tags, desired):
    path = "/modules/".join(target)
    before = {"tags": {"floor": 2, "name": "old"}, "properties": {"desired": {"interval": 5}}}
    owner.patch(f"/twins/{path}", before)
    printed = iothub("twin", "update", *target, *arguments).json
    assert printed == twin(owner, path)
    assert printed["tags"] == tags
    assert {name: value for name, value in printed["properties"]["desired"].items() if name[0] != "$"} == desired


def test_patches_come_from_files_and_standard_input_too(iothub, owner, tmp_path):
    file = tmp_path / "tags.json"
    file.write_text('{"from": "file"}')
    assert iothub("twin", "update", "d1", "--tags", file).json["tags"] == {"from": "file"}
    done = iothub("twin", "update", "d1", "--tags", "-", typed='{"from": "input"}')
    assert done.json["tags"] == {"from": "input"}


def test_replace_leaves_nothing_of_before(iothub, owner):
    owner.patch("/twins/d1", {"tags": {"floor": 2}, "properties": {"desired": {"interval": 5}}})
    new = {"tags": {"name": "n"}, "properties": {"desired": {"a": 1}}}
    printed = iothub("twin", "replace", "d1", "--json", json.dumps(new)).json
    assert printed == twin(owner)
    assert printed["tags"] == {"name": "n"}
    assert "interval" not in printed["properties"]["desired"]


def test_what_show_prints_replace_takes(iothub, owner):
    owner.create_device("d2")
    owner.patch("/twins/d1", {"tags": {"floor": 2}, "properties": {"desired": {"interval": 5}}})
    shown = iothub("twin", "show", "d1").out
    done = iothub("twin", "replace", "d2", "-j", "-", typed=shown)
    assert done.json["tags"] == {"floor": 2}
    assert done.json["properties"]["desired"]["interval"] == 5


def test_an_etag_is_heeded(iothub, owner):
    etag = twin(owner)["etag"]
    assert iothub("twin", "update", "d1", "--set", "tags.a=1", "--etag", etag).code == 0
    for verb in (("update", "d1", "--set", "tags.a=2"), ("replace", "d1", "--json", "{}")):
        done = iothub("twin", *verb, "-e", etag)
        assert done.code == 1
        assert "412 PreconditionFailed" in done.err
    assert twin(owner)["tags"] == {"a": 1}


@pytest.mark.parametrize(
    "arguments, code, told",
    [
        (("show", "none"), 1, "404 DeviceNotFound"),
        (("show", "d1", "none"), 1, "404 ModuleNotFound"),
        (("update", "d1"), 2, "nothing to change"),
        (("update", "d1", "--set", "status=disabled"), 2, "not 'status'"),
        (("update", "d1", "--tags", "{"), 2, "--tags: '{' is neither JSON nor the name of a file"),
        (("update", "d1", "--desired", "[1]"), 2, "--desired is a JSON object"),
        (("update", "d1", "--tags", "/dev/null"), 2, "'/dev/null' holds no JSON"),
        (("update", "none", "--set", "tags.a=1"), 1, "404 DeviceNotFound"),
        (("update", "d1", "--set", "tags.$a=1"), 1, "400"),
        (("replace", "d1"), 2, "--json is missing"),
        (("replace", "d1", "--json", "7"), 2, "--json is a twin"),
        (("replace", "d1", "--json", "/nowhere/twin.json"), 2, "neither JSON nor the name of a file"),
    ],
)
def test_it_says_what_is_wrong(iothub, owner, arguments, code, told):
    done = iothub("twin", *arguments)
    assert (done.code, done.out) == (code, ""), done
    assert told in done.err


def test_a_module_s_twin_is_replaced(iothub, owner):
    owner.patch("/twins/d1/modules/cam", {"tags": {"old": True}})
    assert iothub("twin", "replace", "d1", "--module-id", "cam", "--json", '{"tags": {"new": 1}}').code == 0
    assert twin(owner, "d1/modules/cam")["tags"] == {"new": 1}
    assert "tags" not in twin(owner)

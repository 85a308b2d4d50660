# SPDX-License-Identifier: MIT
"""Device and module twins. Numbers are the service reference's, section 11."""

import json
import re

import pytest

TWIN_MEMBERS = [
    "deviceId", "etag", "deviceEtag", "status", "statusUpdateTime", "connectionState",
    "lastActivityTime", "cloudToDeviceMessageCount", "authenticationType", "x509Thumbprint",
    "modelId", "version", "properties", "capabilities",
]  # fmt: skip
FIRST_ETAG = "AAAAAAAAAAE="
NEVER = "0001-01-01T00:00:00Z"
REAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")


def patch_desired(owner, patch, path="/twins/d1"):
    answer = owner.patch(path, {"properties": {"desired": patch}})
    assert answer.status == 200, answer
    return answer.json["properties"]["desired"]


def assert_invalid(answer):
    assert (answer.status, answer.code) == (400, "ArgumentInvalid"), answer


@pytest.fixture(autouse=True)
def d1(owner):
    return owner.create_device("d1")


def test_41_a_fresh_twin_is_as_recorded(owner, d1):
    answer = owner.get("/twins/d1")
    assert answer.status == 200
    assert "ETag" not in answer.headers
    twin = answer.json
    assert list(twin) == TWIN_MEMBERS
    assert twin["version"] == 2
    assert twin["etag"] == FIRST_ETAG
    assert twin["deviceEtag"] == d1["etag"]
    assert twin["lastActivityTime"] == twin["statusUpdateTime"] == NEVER
    for section in ("desired", "reported"):
        properties = twin["properties"][section]
        assert properties["$version"] == 1
        assert list(properties["$metadata"]) == ["$lastUpdated"]
        assert REAL_TIME.fullmatch(properties["$metadata"]["$lastUpdated"])


def test_42_a_desired_property_is_stamped(owner):
    answer = owner.patch("/twins/d1", {"properties": {"desired": {"a": 1}}})
    assert answer.status == 200
    assert "ETag" not in answer.headers
    twin = answer.json
    assert twin["version"] == 3
    assert twin["etag"] == "AAAAAAAAAAI="
    desired = twin["properties"]["desired"]
    assert desired["a"] == 1
    assert desired["$version"] == 2
    assert desired["$metadata"]["$lastUpdatedVersion"] == 2
    assert desired["$metadata"]["a"]["$lastUpdatedVersion"] == 2
    assert REAL_TIME.fullmatch(desired["$metadata"]["a"]["$lastUpdated"])
    assert twin["properties"]["reported"]["$version"] == 1
    assert owner.get("/twins/d1").json == twin


def test_43_null_deletes_with_metadata(owner):
    patch_desired(owner, {"a": 1, "b": 2})
    desired = patch_desired(owner, {"a": None})
    assert "a" not in desired
    assert "a" not in desired["$metadata"]
    assert desired["$version"] == 3
    assert desired["$metadata"]["$lastUpdatedVersion"] == 3
    assert desired["$metadata"]["b"]["$lastUpdatedVersion"] == 2
    assert patch_desired(owner, {"never": None})["b"] == 2


def test_44_objects_are_merged(owner):
    patch_desired(owner, {"a": {"b": 1}})
    desired = patch_desired(owner, {"a": {"c": 2}})
    assert desired["a"] == {"b": 1, "c": 2}
    metadata = desired["$metadata"]["a"]
    assert metadata["$lastUpdatedVersion"] == 3
    assert metadata["b"]["$lastUpdatedVersion"] == 2
    assert metadata["c"]["$lastUpdatedVersion"] == 3
    assert patch_desired(owner, {"a": 5})["a"] == 5
    assert patch_desired(owner, {"a": {"d": 1}})["a"] == {"d": 1}


def test_45_arrays_are_replaced_whole(owner):
    patch_desired(owner, {"a": [1, 2, {"x": 1}]})
    desired = patch_desired(owner, {"a": [3]})
    assert desired["a"] == [3]
    assert set(desired["$metadata"]["a"]) == {"$lastUpdated", "$lastUpdatedVersion"}


@pytest.mark.parametrize("match", ['"{}"', "{}", 'W/"{}"'])
def test_47_a_stale_etag_is_412(owner, match):
    headers = {"If-Match": match.format(FIRST_ETAG)}
    assert owner.patch("/twins/d1", {"tags": {"a": 1}}, headers=headers).status == 200
    answer = owner.patch("/twins/d1", {"tags": {"a": 2}}, headers=headers)
    assert answer.status == 412
    assert answer.code == "PreconditionFailed"
    assert answer.message == "ErrorCode:PreconditionFailed;ETag mismatch for device ID 'd1'"
    assert owner.get("/twins/d1").json["tags"] == {"a": 1}


@pytest.mark.parametrize("match", ['"*"', "*", '""', ""])
def test_a_wildcard_or_empty_etag_always_holds(owner, match):
    owner.patch("/twins/d1", {"tags": {"a": 1}})
    answer = owner.patch("/twins/d1", {"tags": {"a": 2}}, headers={"If-Match": match})
    assert answer.json["tags"] == {"a": 2}


def test_the_etag_in_the_body_does_not_count(owner):
    owner.patch("/twins/d1", {"tags": {"a": 1}})
    assert owner.patch("/twins/d1", {"etag": "AAAA", "tags": {"a": 2}}).status == 200


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"n": value}
    return value


@pytest.mark.parametrize("section", ["tags", "desired"])
def test_49_depth_10_is_taken_and_11_refused(owner, section):
    def body(depth):
        return {"tags": nested(depth)} if section == "tags" else {
            "properties": {"desired": nested(depth)}
        }

    # The section itself is not counted: ten objects below it, the last holding the value.
    assert owner.patch("/twins/d1", body(11)).status == 200
    assert_invalid(owner.patch("/twins/d1", body(12)))


def test_51_integers_have_a_range(owner):
    for good in (4503599627370495, -4503599627370496):
        assert patch_desired(owner, {"a": good})["a"] == good
    for bad in (4503599627370496, -4503599627370497):
        assert_invalid(owner.patch("/twins/d1", {"properties": {"desired": {"a": bad}}}))


def test_53_post_with_an_override_is_a_patch(owner):
    headers = {"X-HTTP-Method-Override": "PATCH"}
    answer = owner.post("/twins/d1", {"tags": {"a": 1}}, headers=headers)
    assert answer.status == 200
    assert answer.json["tags"] == {"a": 1}
    assert owner.post("/twins/d1", {"tags": {"a": 1}}).status == 405


def test_54_a_module_has_a_twin_of_its_own(owner):
    owner.create_module("d1", "m1")
    fresh = owner.get("/twins/d1/modules/m1").json
    assert list(fresh)[:3] == ["deviceId", "moduleId", "etag"]
    assert fresh["version"] == 2
    assert fresh["properties"]["desired"]["$metadata"]["$lastUpdated"] == NEVER
    answer = owner.patch(
        "/twins/d1/modules/m1", {"tags": {"t": 1}, "properties": {"desired": {"a": 1}}}
    )
    twin = answer.json
    assert (twin["deviceId"], twin["moduleId"]) == ("d1", "m1")
    assert twin["tags"] == {"t": 1}
    assert twin["properties"]["desired"]["$version"] == 2
    assert owner.get("/twins/d1").json["version"] == 2


def test_a_missing_twin_is_404(owner):
    assert owner.get("/twins/nope").code == "DeviceNotFound"
    assert owner.get("/twins/d1/modules/nope").code == "ModuleNotFound"
    assert owner.patch("/twins/nope", {"tags": {}}).message == "ErrorCode:DeviceNotFound;nope"


def test_55_tags_leave_the_desired_version_alone(owner):
    twin = owner.patch("/twins/d1", {"tags": {"location": {"plant": "P1"}}}).json
    assert twin["tags"] == {"location": {"plant": "P1"}}
    assert list(twin).index("tags") == list(twin).index("version") + 1
    assert twin["version"] == 3
    assert twin["etag"] == "AAAAAAAAAAI="
    assert twin["properties"]["desired"]["$version"] == 1
    assert "tags" not in owner.patch("/twins/d1", {"tags": {"location": None}}).json


def test_put_replaces_what_it_names_and_clears_the_rest(owner):
    owner.patch("/twins/d1", {"tags": {"a": 1}, "properties": {"desired": {"x": 1, "y": 2}}})
    twin = owner.put("/twins/d1", {"properties": {"desired": {"x": 3, "z": None}}}).json
    assert "tags" not in twin
    desired = twin["properties"]["desired"]
    assert {key: desired[key] for key in desired if key[0] != "$"} == {"x": 3}
    assert set(desired["$metadata"]) == {"$lastUpdated", "$lastUpdatedVersion", "x"}


def test_a_null_section_is_cleared(owner):
    owner.patch("/twins/d1", {"tags": {"a": 1}, "properties": {"desired": {"x": 1}}})
    twin = owner.patch("/twins/d1", {"tags": None}).json
    assert "tags" not in twin
    assert twin["properties"]["desired"]["x"] == 1
    assert "x" not in patch_desired(owner, None)


def test_a_whole_twin_may_be_sent_back(owner):
    """As the .NET SDK and IoT Explorer do (service reference, 3.3)."""
    owner.patch("/twins/d1", {"tags": {"a": 1}, "properties": {"desired": {"x": 1}}})
    twin = owner.get("/twins/d1").json
    twin["properties"]["desired"]["x"] = 2
    twin["status"] = "disabled"
    twin["properties"]["reported"]["hacked"] = True
    answer = owner.patch("/twins/d1", twin)
    assert answer.status == 200
    after = answer.json
    assert after["properties"]["desired"]["x"] == 2
    assert after["status"] == "enabled"
    assert "hacked" not in after["properties"]["reported"]
    assert after["version"] == twin["version"] + 1


@pytest.mark.parametrize("name", ["a.b", "$x", "a b", "a\u0001", "n" * 1025, ""])
def test_bad_names_are_400(owner, name):
    assert_invalid(owner.patch("/twins/d1", {"tags": {name: 1}}))
    assert_invalid(owner.patch("/twins/d1", {"properties": {"desired": {"o": {name: 1}}}}))
    assert owner.get("/twins/d1").json["version"] == 2


def test_a_name_of_1024_bytes_is_taken(owner):
    assert owner.patch("/twins/d1", {"tags": {"n" * 1024: 1}}).status == 200


@pytest.mark.parametrize("size, status", [(4096, 200), (4097, 400)])
def test_strings_have_4096_bytes_at_most(owner, size, status):
    assert owner.patch("/twins/d1", {"tags": {"a": "s" * size}}).status == status


def test_the_sections_have_a_size(owner):
    """Names and values count, braces and metadata do not (service reference, 3.5)."""
    full = {"a": "s" * 4095, "b": "s" * 4095}
    assert owner.patch("/twins/d1", {"tags": full}).status == 200
    assert owner.patch("/twins/d1", {"tags": {"c": True}}).status in (400, 413)
    full = {f"{n}": "s" * 4095 for n in range(8)}
    assert owner.patch("/twins/d1", {"properties": {"desired": full}}).status == 200
    answer = owner.patch("/twins/d1", {"properties": {"desired": {"x": False}}})
    assert answer.status in (400, 413)
    assert owner.get("/twins/d1").json["properties"]["desired"]["$version"] == 2


def test_arrays_may_hold_no_null(owner):
    assert_invalid(owner.patch("/twins/d1", {"tags": {"a": [1, None]}}))


@pytest.mark.parametrize(
    "body",
    [
        {"tags": 5},
        {"tags": []},
        {"tags": "a"},
        {"properties": []},
        {"properties": {"desired": "x"}},
        [],
        "twin",
    ],
)
def test_a_section_must_be_an_object(owner, body):
    assert_invalid(owner.patch("/twins/d1", body=json.dumps(body).encode()))
    assert owner.get("/twins/d1").json["version"] == 2


def test_values_come_back_as_they_were_sent(owner):
    values = {"i": 7, "f": 0.1, "e": 1e300, "s": "ü€😀\u2028\"\\/", "t": True, "o": {}, "l": []}
    desired = patch_desired(owner, values)
    assert {key: desired[key] for key in values} == values

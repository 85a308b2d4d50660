# SPDX-License-Identifier: MIT
"""Queries over HTTP. Numbers are the service reference's, section 11."""

import pytest

ITEM_COUNT = "x-ms-max-item-count"
CONTINUATION = "x-ms-continuation"


def query(client, text, **headers):
    return client.post(
        "/devices/query",
        {"query": text},
        headers={name.replace("_", "-"): str(value) for name, value in headers.items()},
    )


def rows(client, text):
    answer = query(client, text)
    assert answer.status == 200, answer
    return answer.json


def ids(client, text):
    return [row["deviceId"] for row in rows(client, text)]


@pytest.fixture
def fleet(owner):
    for name, tags in (("a", {"a": 1}), ("b", {"a": 2, "s": "x"}), ("c", None)):
        owner.create_device(name)
        if tags:
            owner.patch("/twins/" + name, {"tags": tags})
    return owner


def test_56_pages_go_on_until_the_header_is_gone(owner):
    owner.create_device("d1")
    owner.create_device("d2")
    first = query(owner, "SELECT * FROM devices", x_ms_max_item_count=1)
    assert [twin["deviceId"] for twin in first.json] == ["d1"]
    assert first.headers["x-ms-item-type"] == "Twin"
    token = first.headers[CONTINUATION]
    assert token
    second = query(
        owner, "SELECT * FROM devices", x_ms_max_item_count=1, x_ms_continuation=token
    )
    assert [twin["deviceId"] for twin in second.json] == ["d2"]
    assert CONTINUATION not in second.headers


def test_a_page_holds_100_unless_asked_otherwise(owner):
    items = [{"id": f"d{n}", "importMode": "create"} for n in range(100)]
    assert owner.post("/devices", items).status == 200
    whole = query(owner, "SELECT deviceId FROM devices")
    assert len(whole.json) == 100
    assert CONTINUATION not in whole.headers
    owner.create_device("one-more")
    assert CONTINUATION in query(owner, "SELECT deviceId FROM devices").headers
    more = query(owner, "SELECT deviceId FROM devices", x_ms_max_item_count=5000)
    assert len(more.json) == 101


def test_a_page_holds_1000_at_most(owner):
    for start in range(0, 1001, 91):
        items = [{"id": f"d{n}", "importMode": "create"} for n in range(start, start + 91)]
        assert owner.post("/devices", items).status == 200
    text = "SELECT deviceId FROM devices"
    first = query(owner, text, x_ms_max_item_count=5000)
    assert len(first.json) == 1000
    rest = query(owner, text, x_ms_continuation=first.headers[CONTINUATION])
    assert len(rest.json) == 1
    assert CONTINUATION not in rest.headers


def test_a_twin_in_a_query_is_the_twin(fleet):
    assert rows(fleet, "SELECT * FROM devices")[1] == fleet.get("/twins/b").json


def test_58_an_absent_tag_equals_nothing_and_differs_from_nothing(fleet):
    assert ids(fleet, "SELECT * FROM devices WHERE tags.a = 1") == ["a"]
    assert ids(fleet, "SELECT * FROM devices WHERE tags.a != 1") == ["b"]
    assert ids(fleet, "select * from devices where tags.a <> 1") == ["b"]


def test_59_count(fleet):
    answer = query(fleet, "SELECT COUNT() AS n FROM devices")
    assert answer.json == [{"n": 3}]
    assert answer.headers["x-ms-item-type"] == "Raw"


def test_60_group_by(fleet):
    fleet.put("/devices/c", {"status": "disabled"}, headers={"If-Match": "*"})
    found = rows(fleet, "SELECT status, COUNT() AS n FROM devices GROUP BY status")
    assert sorted((row["status"], row["n"]) for row in found) == [("disabled", 1), ("enabled", 2)]


@pytest.mark.parametrize(
    "condition, expected",
    [
        ("is_defined(tags.s)", ["b"]),
        ("NOT is_defined(tags.s)", ["a", "c"]),
        ("STARTSWITH(devices.deviceId, 'a')", ["a"]),
        ("deviceId IN ['a', 'c', 'zz']", ["a", "c"]),
        ('tags.s = "x"', ["b"]),
        ("tags.s = 'x' OR (tags.a < 2 AND status = 'enabled')", ["a", "b"]),
        ("deviceId = 'nobody'", []),
    ],
)
def test_61_functions_lists_and_literals(fleet, condition, expected):
    assert ids(fleet, "SELECT * FROM devices WHERE " + condition) == expected


def test_63_an_unknown_member_is_left_out(fleet):
    assert rows(fleet, "SELECT deviceId, tags.s AS s, tags.none FROM devices") == [
        {"deviceId": "a"},
        {"deviceId": "b", "s": "x"},
        {"deviceId": "c"},
    ]


def test_modules_are_queried(fleet):
    fleet.create_module("a", "m1")
    fleet.create_module("b", "m1")
    found = rows(fleet, "SELECT * FROM devices.modules WHERE moduleId = 'm1'")
    assert [(twin["deviceId"], twin["moduleId"]) for twin in found] == [("a", "m1"), ("b", "m1")]
    assert ids(fleet, "select * from devices.modules where devices.deviceId='b'") == ["b"]


def test_no_match_is_an_empty_list_with_a_type(fleet):
    answer = query(fleet, "SELECT * FROM devices WHERE deviceId = 'zz'")
    assert (answer.status, answer.json) == (200, [])
    assert answer.headers["x-ms-item-type"] == "Twin"
    assert CONTINUATION not in answer.headers


@pytest.mark.parametrize(
    "text", ["SELEC * FROM devices", "SELECT * FROM nowhere", "SELECT * FROM devices WHERE", "(" * 5000]
)
def test_a_bad_query_is_400_and_says_where(owner, text):
    answer = query(owner, text)
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")
    assert answer.message.startswith("ErrorCode:ArgumentInvalid;")
    assert len(answer.message) > len("ErrorCode:ArgumentInvalid;") + 10


@pytest.mark.parametrize("body", [{}, {"query": ""}, {"query": None}, {"Query": "SELECT"}])
def test_a_missing_query_is_argument_null(owner, body):
    answer = owner.post("/devices/query", body)
    assert (answer.status, answer.code) == (400, "ArgumentNull")
    assert answer.message == "ErrorCode:ArgumentNull;BadRequest"


@pytest.mark.parametrize("count", ["0", "-1", "ten", "", "1.5", "9" * 30])
def test_a_bad_page_size_is_400(owner, count):
    answer = query(owner, "SELECT * FROM devices", x_ms_max_item_count=count)
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")
    assert ITEM_COUNT in answer.message


@pytest.mark.parametrize("token", ["garbage", "AAAA", "!" * 2000])
def test_a_continuation_that_is_not_ours_is_400(owner, token):
    owner.create_device("d1")
    answer = query(owner, "SELECT * FROM devices", x_ms_continuation=token)
    assert (answer.status, answer.code) == (400, "ArgumentInvalid")


def test_an_empty_continuation_starts_from_the_first(fleet):
    answer = query(fleet, "SELECT * FROM devices", x_ms_continuation="")
    assert len(answer.json) == 3

# SPDX-License-Identifier: MIT
"""EXPLAIN, by the control endpoint; and what a refused query leaves in the log."""

import json

import pytest


@pytest.fixture
def fleet(owner):
    for number in range(3):
        owner.create_device(f"d{number}")
    owner.patch("/twins/d1", {"tags": {"floor": 2, "name": "Z\u00fcrich"}})
    return owner


def explain(emulator, text, path="/query/explain"):
    return emulator.control("POST", path, json.dumps({"query": text}))


def test_an_explanation_tells_tree_access_rows_and_time(emulator, fleet):
    status, answer = explain(emulator, "select * from devices where tags.floor=2")
    assert status == 200, answer
    assert answer.pop("timeMs") > 0
    assert answer == {
        "query": "SELECT * FROM devices WHERE tags.floor = 2",
        "tree": 'select=*; from=devices; where=cmp(=,path ["tags","floor"],2)',
        "itemType": "Twin",
        "access": "scan",
        "rowsRead": 3,
        "rowsReturned": 1,
    }
    status, answer = explain(emulator, "SELECT COUNT() FROM devices WHERE deviceId IN ['d0', 'd2', 'x']")
    assert (status, answer["access"], answer["rowsRead"]) == (200, "key deviceId", 2)
    assert (answer["rowsReturned"], answer["itemType"]) == (1, "Raw")


def test_a_count_that_is_known_is_explained(emulator, fleet):
    status, answer = explain(emulator, "SELECT COUNT() FROM devices")
    assert (status, answer["access"], answer["rowsRead"], answer["rowsReturned"]) == (200, "count", 0, 1)


def test_a_hub_can_be_named(emulator, fleet):
    status, answer = explain(
        emulator, "SELECT * FROM devices", f"/query/explain?hub={emulator.hub_name}"
    )
    assert (status, answer["rowsReturned"]) == (200, 3)
    status, answer = explain(emulator, "SELECT * FROM devices", "/query/explain?hub=none")
    assert (status, answer["error"]) == (404, "there is no hub called 'none'")


@pytest.mark.parametrize(
    "body, told",
    [
        ("{", "the body is not JSON"),
        ("{}", "the body has to be"),
        ('{"query": ""}', "the body has to be"),
        ('{"query": 1}', "the body has to be"),
        ('{"query": "SELECT * FROM nowhere"}', "expected devices, devices.modules or devices.jobs"),
    ],
)
def test_what_cannot_be_explained_is_refused(emulator, body, told):
    status, answer = emulator.control("POST", "/query/explain", body)
    assert status == 400
    assert told in answer["error"]


def test_it_takes_post_only(emulator):
    status, answer = emulator.control("GET", "/query/explain")
    assert (status, answer["error"]) == (405, "/query/explain takes POST")


def test_a_refused_query_shows_where_in_the_answer_and_on_one_line_of_the_log(emulator, owner):
    text = "SELECT * FROM devices WHERE tags.one_line == 1"
    answer = owner.post("/devices/query", {"query": text})
    assert answer.status == 400
    lines = answer.message.split("\n")
    assert lines[-3:] == [text, " " * text.index("==") + "^", ""]
    logged = [line for line in emulator.log().splitlines() if "one_line" in line]
    assert len(logged) == 1
    assert "Line 1:43 Unexpected character" in logged[0]
    assert logged[0].endswith("; at: SELECT * FROM devices WHERE tags.one_line ^== 1")
    assert "\\x0a" not in logged[0]

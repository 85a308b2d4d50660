# SPDX-License-Identifier: MIT
"""EXPLAIN, by the control endpoint and by `iothub query`; and what a refused query leaves in the log."""

import http.server
import json
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("EMULATOR_BIN", "build/dev/bin/iothub-emulator")).parent


@pytest.fixture
def fleet(owner):
    for number in range(3):
        owner.create_device(f"d{number}")
    owner.patch("/twins/d1", {"tags": {"floor": 2, "name": "Z\u00fcrich"}})
    return owner


def explain(emulator, text, path="/query/explain"):
    return emulator.control("POST", path, json.dumps({"query": text}))


def iothub(emulator, *arguments, connection_string=None):
    """Runs the command line; returns its exit code and what it wrote."""
    port = emulator.ports["httpsAlt"]
    text = connection_string or re.sub(
        r"HostName=[^;]*", f"HostName=localhost:{port}", emulator.service_connection_string
    )
    environment = dict(os.environ, IOTHUB_CONNECTION_STRING=text, IOTHUB_CA_FILE=emulator.ca_path)
    done = subprocess.run(
        [BUILD / "iothub", *arguments], env=environment, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


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


def test_the_command_line_prints_rows(emulator, fleet):
    code, out, err = iothub(emulator, "query", "SELECT deviceId, tags.name FROM devices")
    assert (code, err) == (0, "")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"deviceId": "d0"},
        {"deviceId": "d1", "name": "Z\u00fcrich"},
        {"deviceId": "d2"},
    ]


def test_the_command_line_goes_on_from_page_to_page(emulator, owner):
    items = [{"id": f"d{number}", "importMode": "create"} for number in range(95)]
    for more in (items, [{**item, "id": "e" + item["id"]} for item in items]):
        assert owner.post("/devices", more).status == 200
    code, out, _ = iothub(emulator, "query", "SELECT deviceId FROM devices")
    assert (code, len(out.splitlines())) == (0, 190)


def test_the_command_line_explains(emulator, fleet):
    control = f"http://127.0.0.1:{emulator.ports['control']}"
    code, out, err = iothub(
        emulator, "query", "--explain", "--control", control, "SELECT * FROM devices WHERE tags.floor = 2"
    )
    assert (code, err) == (0, "")
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())
    assert lines.pop("time").endswith(" ms")
    assert lines == {
        "query": "SELECT * FROM devices WHERE tags.floor = 2",
        "tree": 'select=*; from=devices; where=cmp(=,path ["tags","floor"],2)',
        "access": "scan",
        "rows read": "3",
        "rows returned": "1",
    }


def test_the_command_line_says_what_is_wrong(emulator, fleet):
    control = f"http://127.0.0.1:{emulator.ports['control']}"
    cases = [
        ((), 2, "usage: iothub VERB"),
        (("quary",), 2, "there is no verb 'quary'"),
        (("query",), 2, "the query is missing"),
        (("query", "--nope", "x"), 2, "there is no option --nope"),
        (("query", "x", "--control"), 2, "a value is missing after --control"),
        (("query", "SELECT", "*"), 2, "one argument too many: *"),
        (("query", "SELECT * FROM x"), 1, "Unexpected 'x', expected devices"),
        (("query", "--explain", "--control", control, "SELECT * FROM x"), 1, "Unexpected 'x'"),
        (("query", "--explain", "--control", control, "--hub", "no&hub", "SELECT"), 1, "'no&hub'"),
        (("query", "--explain", "--control", "http://127.0.0.1:1", "SELECT"), 1, "no answer from"),
    ]
    for arguments, expected, told in cases:
        code, out, err = iothub(emulator, *arguments)
        assert (code, out) == (expected, ""), arguments
        assert told in err, (arguments, err)
    code, _, err = iothub(emulator, "query", "SELECT * FROM devices", connection_string=" ")
    assert code == 1 and err


def test_a_server_that_is_no_control_endpoint_is_called_so(emulator):
    class Other(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        code, out, err = iothub(emulator, "query", "--explain", "--control", url, "SELECT")
    assert (code, out) == (1, "")
    assert f"{url} is no control endpoint of an emulator: it answered 200" in err


def test_the_command_line_helps(emulator):
    for arguments in (("help",), ("--help",), ("query", "--help")):
        code, out, err = iothub(emulator, *arguments)
        assert (code, err) == (0, "")
        assert "--explain" in out

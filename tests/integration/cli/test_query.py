# SPDX-License-Identifier: MIT
"""`iothub query`: rows in all formats, EXPLAIN, and what it says when something is wrong."""

import http.server
import threading

import pytest


@pytest.fixture
def fleet(owner):
    for number in range(3):
        owner.create_device(f"d{number}")
    owner.patch("/twins/d1", {"tags": {"floor": 2, "name": "Z\u00fcrich"}})
    return owner


def test_rows_are_a_json_array(iothub, fleet):
    done = iothub("query", "SELECT deviceId, tags.name FROM devices")
    assert (done.code, done.err) == (0, ""), done
    assert done.json == [{"deviceId": "d0"}, {"deviceId": "d1", "name": "Z\u00fcrich"}, {"deviceId": "d2"}]


def test_no_rows_are_an_empty_array(iothub, fleet):
    done = iothub("query", "SELECT * FROM devices WHERE tags.floor = 3")
    assert (done.code, done.out, done.err) == (0, "[]\n", ""), done


def test_it_goes_on_from_page_to_page(iothub, owner):
    items = [{"id": f"d{number}", "importMode": "create"} for number in range(95)]
    for more in (items, [{**item, "id": "e" + item["id"]} for item in items]):
        assert owner.post("/devices", more).status == 200
    done = iothub("query", "SELECT deviceId FROM devices", "-o", "tsv")
    assert (done.code, len(done.lines)) == (0, 190), done
    done = iothub("query", "SELECT deviceId FROM devices", "-o", "tsv", "--top", "120")
    assert (done.code, len(done.lines)) == (0, 120), done


def test_tsv_has_values_only(iothub, fleet):
    done = iothub("query", "-o", "tsv", "-q", "SELECT deviceId, tags.floor, tags.name FROM devices WHERE is_defined(tags.name)")
    assert (done.code, done.out) == (0, "d1\t2\tZ\u00fcrich\n"), done


def test_a_table_has_a_column_for_each_member(iothub, fleet):
    done = iothub("query", "SELECT deviceId, tags.name FROM devices", "-otable")
    assert done.lines == ["deviceId  name", "--------  ------", "d0", "d1        Z\u00fcrich", "d2"], done


def test_it_is_a_table_on_a_terminal(terminal, fleet):
    window = terminal()
    assert window.run("iothub query 'SELECT deviceId FROM devices'") == 0
    assert window.screen.text.splitlines()[1:6] == ["deviceId", "--------", "d0", "d1", "d2"]


def test_it_explains(iothub, fleet):
    done = iothub("query", "--explain", "SELECT * FROM devices WHERE tags.floor = 2")
    assert (done.code, done.err) == (0, ""), done
    explained = done.json
    assert explained.pop("timeMs") > 0
    assert explained == {
        "query": "SELECT * FROM devices WHERE tags.floor = 2",
        "tree": 'select=*; from=devices; where=cmp(=,path ["tags","floor"],2)',
        "itemType": "Twin",
        "access": "scan",
        "rowsRead": 3,
        "rowsReturned": 1,
    }
    done = iothub("query", "--explain", "SELECT * FROM devices", "-o", "table")
    assert "rows returned  3" in done.lines, done


@pytest.mark.parametrize(
    "arguments, code, told",
    [
        (("query",), 2, "QUERY is missing"),
        (("query", ""), 2, "QUERY is empty"),
        (("query", "--nope", "x"), 2, "there is no option --nope"),
        (("query", "--explian", "x"), 2, "did you mean --explain?"),
        (("query", "x", "--control"), 2, "a value is missing after --control"),
        (("query", "x", "--control", "--explain"), 2, "a value is missing after --control"),
        (("query", "x", "--explain=yes"), 2, "--explain takes no value"),
        (("query", "x", "--top", "0"), 2, "--top is a whole number from 1"),
        (("query", "x", "--top", "many"), 2, "--top is a whole number from 1"),
        (("query", "x", "-o", "yaml"), 2, "--output is one of json|table|tsv, not 'yaml'"),
        (("query", "SELECT", "*"), 2, "one argument too many: *"),
        (("query", "SELECT * FROM x"), 1, "Unexpected 'x', expected devices"),
        (("query", "--explain", "SELECT * FROM x"), 1, "Unexpected 'x'"),
        (("query", "--explain", "--hub", "no&hub", "SELECT"), 1, "'no&hub'"),
        (("query", "--explain", "--control", "http://127.0.0.1:1", "SELECT"), 1, "no answer from"),
    ],
)
def test_it_says_what_is_wrong(iothub, fleet, arguments, code, told):
    done = iothub(*arguments)
    assert (done.code, done.out) == (code, ""), done
    assert told in done.err, done
    assert done.err.startswith("iothub: ")


def test_a_server_that_is_no_control_endpoint_is_called_so(iothub):
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
        done = iothub("query", "--explain", "--control", url, "SELECT")
    assert (done.code, done.out) == (1, ""), done
    assert f"{url} is no control endpoint of an emulator: it answered 200" in done.err

# SPDX-License-Identifier: MIT
"""The service library and a hub that is busy, slow, mute, or not to be believed."""

import json
import time

import pytest

from fake_hub import CLOSE, HANG, FakeHub, answer
from loopback import Listener
from programs import run

BUSY = answer(429, {"Message": "ErrorCode:ThrottlingException;slower"}, retry_after=1)
TWIN = answer(200, {"deviceId": "d1"})


@pytest.fixture
def hub(tmp_path):
    with FakeHub(tmp_path / "hub") as fake:
        yield fake


def call(hub, *arguments, **environment):
    code, output, complaints = run(
        "service_probe", hub.connection_string, *arguments, ca=hub.ca_path, **environment
    )
    assert complaints == ""
    return code, output.splitlines()


# ---- busy ----


@pytest.mark.parametrize(
    "status, command",
    [
        (429, ("create", "d1")),
        (429, ("update", "", "{}", "d1")),
        (429, ("delete", "", "d1")),
        (429, ("bulk", "", '[{"id":"d1"}]')),
        (503, ("get", "d1")),
        (503, ("method", "m", 0, 0, "", "d1")),
    ],
)
def test_what_a_busy_hub_did_not_do_is_asked_again_after_its_time(hub, status, command):
    good = answer(200, {"status": 200, "errors": [], "isSuccessful": True})
    hub.script = [(status, *BUSY[1:]), good]
    code, _ = call(hub, *command)
    assert code == 0
    first, second = hub.requests
    assert second.time - first.time >= 1.0
    assert (first.verb, first.path, first.body) == (second.verb, second.path, second.body)
    assert first.connection == second.connection


def test_without_a_time_from_the_hub_the_pauses_grow(hub):
    silent = answer(503, "")
    hub.script = [silent, silent, silent, TWIN]
    assert call(hub, "twin", "d1") == (0, ['{"deviceId":"d1"}'])
    times = [request.time for request in hub.requests]
    pauses = [later - earlier for earlier, later in zip(times, times[1:])]
    for pause, most in zip(pauses, (1, 2, 4)):
        assert pause >= most / 2, pauses


def test_a_date_is_a_time_to_come_back_as_well(hub):
    then = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3))
    hub.script = [answer(429, "", retry_after=then), TWIN]
    assert call(hub, "twin", "d1")[0] == 0
    assert hub.requests[1].time - hub.requests[0].time >= 1.0


@pytest.mark.parametrize("retry_time", [-1, 4])
def test_a_hub_that_stays_busy_is_left_when_the_time_is_up(hub, retry_time):
    hub.script = [BUSY]
    began = time.monotonic()
    code, lines = call(hub, "twin", "d1", PROBE_RETRY_TIME=str(retry_time))
    assert time.monotonic() - began < 20
    assert code == 4
    assert lines == [
        "unavailable 429 ThrottlingException: the hub answered 429 ThrottlingException: slower; "
        "it asks to wait 1 s"
    ]
    assert len(hub.requests) == 1 if retry_time < 0 else 2 <= len(hub.requests) <= 4


def test_a_longer_wish_than_the_callers_time_is_told_at_once(hub):
    hub.script = [answer(429, "", retry_after=61)]
    began = time.monotonic()
    code, lines = call(hub, "twin", "d1")
    assert code == 4 and "it asks to wait 61 s" in lines[0]
    assert time.monotonic() - began < 20 and len(hub.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 409, 412, 500, 502, 504])
def test_other_refusals_are_final(hub, status):
    hub.script = [answer(status, {"Message": "no"}, retry_after=1), TWIN]
    code, lines = call(hub, "twin", "d1")
    assert code == 3 and lines == [f"refused {status} : the hub answered {status}: no"]
    assert len(hub.requests) == 1


# ---- lost ----

READS = [
    ("get", "d1"),
    ("twin", "d1"),
    ("modules", "d1"),
    ("devices", 1),
    ("page", 1, "", "SELECT * FROM devices"),
]
CHANGES = [
    ("create", "d1"),
    ("identity", "", '{"deviceId":"d1"}'),
    ("delete", "", "d1"),
    ("update", "", "{}", "d1"),
    ("replace", "", "{}", "d1"),
    ("method", "m", 0, 0, "", "d1"),
    ("bulk", "", '[{"id":"d1"}]'),
    ("purge", "d1"),
]


@pytest.mark.parametrize("command", READS)
@pytest.mark.parametrize("is_kept", [False, True])
def test_what_only_reads_is_asked_again_when_the_answer_is_lost(hub, command, is_kept):
    hub.script = ([TWIN] if is_kept else []) + [CLOSE, answer(200, "[]")]
    first = ("twin", "d1", "--") if is_kept else ()
    assert call(hub, *first, *command)[0] == 0
    assert len(hub.requests) == 2 + is_kept


@pytest.mark.parametrize("command", CHANGES)
@pytest.mark.parametrize("is_kept", [False, True])
def test_what_changes_something_is_never_sent_twice_when_the_answer_is_lost(hub, command, is_kept):
    """On a connection of its own, and on a kept one, where libcurl would send it again."""
    hub.script = ([TWIN] if is_kept else []) + [CLOSE, answer(200, "{}")]
    first = ("twin", "d1", "--") if is_kept else ()
    code, lines = call(hub, *first, *command)
    assert code == 4 and lines[-1].startswith("unavailable: no answer from localhost, port")
    assert lines[-1].endswith("whether the hub did what was asked is not known")
    assert len(hub.requests) == 1 + is_kept
    if is_kept:
        assert hub.requests[0].connection == hub.requests[1].connection


def test_half_an_answer_is_a_lost_one(hub):
    status, body, headers = TWIN
    cut = (status, body, {**headers, "Content-Length": "1000", "Connection": "close"})
    hub.script = [cut, TWIN]
    assert call(hub, "twin", "d1") == (0, ['{"deviceId":"d1"}'])
    assert len(hub.requests) == 2


# ---- slow ----


def test_a_mute_hub_is_left_after_the_timeout_and_not_asked_again(hub):
    hub.script = [HANG]
    began = time.monotonic()
    code, lines = call(hub, "twin", "d1", PROBE_TIMEOUT="1")
    assert 1 <= time.monotonic() - began < 20
    assert code == 4 and lines[0].startswith("unavailable: no answer from localhost")
    assert "not known" not in lines[0] and len(hub.requests) == 1
    code, lines = call(hub, "delete", "", "d1", PROBE_TIMEOUT="1")
    assert code == 4 and lines[0].endswith("whether the hub did what was asked is not known")


def test_a_method_has_its_own_time_besides(hub):
    hub.script = [HANG]
    began = time.monotonic()
    code, _ = call(hub, "method", "m", 5, 1, "", "d1", PROBE_TIMEOUT="1")
    assert code == 4 and 7 <= time.monotonic() - began < 25


def test_who_takes_a_connection_and_says_nothing_has_the_connect_timeout():
    with Listener() as listener:
        port = listener.port
        began = time.monotonic()
        code, output, _ = run(
            "service_probe",
            f"HostName=localhost:{port};SharedAccessKeyName=n;SharedAccessKey={'A' * 44}",
            *("delete", "", "d1"),
            PROBE_CONNECT_TIMEOUT="1",
        )
    assert code == 4 and 1 <= time.monotonic() - began < 12
    assert output.startswith(f"unavailable: no answer from localhost, port {port}")
    assert "not known" not in output  # nothing was asked


def test_a_caller_may_stop_while_the_hub_is_mute_or_busy(hub):
    for step in (HANG, answer(429, "", retry_after=30)):
        hub.script = [step]
        began = time.monotonic()
        code, _ = call(hub, "twin", "d1", PROBE_STOP_AFTER_MS="300")
        assert code == 4 and time.monotonic() - began < 20


def test_nobody_there_is_told_at_once():
    key = "A" * 44
    with Listener(backlog=None) as nobody:
        for host, says in (
            (f"localhost:{nobody.port}", f"no answer from localhost, port {nobody.port}"),
            ("nowhere.invalid", 'the host name "nowhere.invalid" cannot be found'),
        ):
            began = time.monotonic()
            code, output, _ = run(
                "service_probe", f"HostName={host};SharedAccessKeyName=n;SharedAccessKey={key}", "get", "d"
            )
            assert code == 4 and output.startswith(f"unavailable: {says}")
            assert time.monotonic() - began < 40


# ---- what is sent ----


def test_a_token_is_kept_and_renewed_before_it_expires(hub):
    hub.script = [TWIN]
    again = ("--", "twin", "d1")
    code, _ = call(
        hub, "twin", "d1", "--", "sleep", 1100, *again, *("--", "sleep", 7000), *again,
        PROBE_TOKEN_LIFETIME="10",
    )  # fmt: skip
    assert code == 0
    tokens = [request.headers["Authorization"] for request in hub.requests]
    assert tokens[0] == tokens[1] != tokens[2]
    assert len({request.connection for request in hub.requests}) == 1
    for token in tokens:
        assert token.startswith("SharedAccessSignature sr=localhost&sig=")
        assert "&skn=owner" in token


def test_each_request_says_who_asks_and_in_which_version(hub):
    hub.script = [TWIN]
    call(hub, "twin", "d1", "--", "update", "abc=", "{}", "d#1", PROBE_USER_AGENT="mine/1.0")
    call(hub, "delete", "", "d1", "m1")
    get, patch, delete = hub.requests
    assert get.path == "/twins/d1?api-version=2021-04-12"
    assert get.headers["User-Agent"] == "mine/1.0 iothub-service-c/0.1"
    assert delete.headers["User-Agent"] == "iothub-service-c/0.1"
    assert "If-Match" not in get.headers
    assert patch.path == "/twins/d%231?api-version=2021-04-12"
    assert patch.headers["If-Match"] == '"abc="'
    assert patch.headers["Content-Type"] == "application/json; charset=utf-8"
    assert delete.headers["If-Match"] == '"*"' and delete.body == b""
    assert delete.path == "/devices/d1/modules/m1?api-version=2021-04-12"


def test_bulk_sends_a_hundred_at_a_time(hub):
    hub.script = [answer(200, {"isSuccessful": True, "errors": [], "warnings": [{"n": 1}]})]
    code, lines = call(hub, "bulk-new", 0, "d", 0, 201)
    assert code == 0
    sizes = [len(json.loads(request.body)) for request in hub.requests]
    assert sizes == [100, 100, 1]
    assert json.loads(hub.requests[2].body) == [
        {
            "id": "d200",
            "importMode": "create",
            "status": "enabled",
            "capabilities": {"iotEdge": False},
            "authentication": {"type": "sas"},
        }
    ]
    assert json.loads(lines[-1])["warnings"] == [{"n": 1}] * 3


def test_bulk_tells_what_was_done_before_a_request_failed(hub):
    hub.script = [answer(200, {"isSuccessful": True, "errors": []}), CLOSE, answer()]
    code, lines = call(hub, "bulk-new", 0, "d", 0, 300)
    assert code == 4 and lines[0] == "sent 100, refused 0" and len(lines) == 2
    assert len(hub.requests) == 2


# ---- what cannot be taken ----


@pytest.mark.parametrize("body", ["", "not JSON", '{"a":'])
def test_an_answer_that_is_no_json_is_told(hub, body):
    hub.script = [answer(200, body)]
    code, lines = call(hub, "twin", "d1")
    assert code == 4 and lines[0].startswith("unavailable: the hub's answer cannot be read")
    code, lines = call(hub, "page", 1, "", "SELECT * FROM devices")
    assert code == 4 and len(lines) == 1


def test_a_redirection_is_not_followed(hub):
    hub.script = [answer(307, "", Location="https://localhost:1/")]
    code, lines = call(hub, "twin", "d1")
    assert code == 3 and lines[0].startswith("refused 307")
    assert len(hub.requests) == 1


def test_a_certificate_for_another_name_is_refused(tmp_path):
    with FakeHub(tmp_path / "other", name="other.example") as hub:
        code, lines = call(hub, "twin", "d1")
        assert code == 4
        assert lines[0].startswith('untrusted: the certificate of "localhost" was refused')
        assert "made for another name" in lines[0]
        assert hub.requests == []



# SPDX-License-Identifier: MIT
"""What is wrong is refused in the service's own form, explained, and disturbs nobody else."""

import json
import re
import socket
import ssl

import pytest

import rest


def refusals(emulator):
    _, journal = emulator.control("GET", "/journal?kind=refused")
    return [row["why"] for row in journal["rows"]]


def assert_error(answer, status, code):
    assert (answer.status, answer.code) == (status, code)
    assert answer.message.startswith(f"ErrorCode:{code};")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["/", "/nope", "/device/d1", "/devices/d1/nope", "/twins", "/../etc", "/" + "a/" * 50]
)
def test_an_unknown_resource_is_404(emulator, owner, path):
    answer = owner.get(path)
    assert_error(answer, 404, "GenericNotFound")
    assert "no resource" in refusals(emulator)[-1]


def test_a_path_with_a_nul_is_400(owner):
    assert_error(owner.get("/devices/a%00b"), 400, "ArgumentInvalid")


# What the service has and the emulator has not yet: allowed first, then 501 by name.
MISSING = [
    ("PUT", "/jobs/v2/j1"), ("GET", "/jobs/v2/j1"), ("POST", "/jobs/v2/j1/cancel"),
    ("GET", "/jobs/v2/query"), ("POST", "/jobs/create"), ("GET", "/jobs"), ("GET", "/jobs/j1"),
    ("GET", "/configurations"), ("PUT", "/configurations/c1"), ("DELETE", "/configurations/c1"),
    ("POST", "/configurations/testQueries"), ("POST", "/devices/d1/applyConfigurationContent"),
    ("GET", "/digitaltwins/d1"), ("PATCH", "/digitaltwins/d1"),
    ("POST", "/digitaltwins/d1/commands/c"), ("POST", "/digitaltwins/d1/components/x/commands/c"),
    ("POST", "/devices/keys/regenerate"), ("POST", "/devices/d1/files"),
    ("POST", "/devices/d1/files/notifications"),
]  # fmt: skip


@pytest.mark.parametrize("method, path", MISSING)
def test_a_missing_feature_is_501_for_who_may_use_it(emulator, owner, method, path):
    owner.create_device("d1")
    answer = owner.request(method, path, json={})
    assert_error(answer, 501, "NotImplemented")
    assert path.split("/")[1].lower() in answer.message.lower()
    assert "does not do" in refusals(emulator)[-1]
    with rest.Rest(emulator) as nobody:
        assert nobody.request(method, path, json={}).status == 401


@pytest.mark.parametrize("path", ["/$iothub/websocket", "/%24iothub/websocket", "/$servicebus/websocket/"])
def test_websockets_have_their_own_connections(emulator, path):
    with rest.Rest(emulator) as nobody:
        assert nobody.get("/nope", api_version=None).status == 404
        answer = nobody.get(path, headers={"Connection": "Upgrade", "Upgrade": "websocket"}, api_version=None)
    assert_error(answer, 501, "NotImplemented")
    assert "on a connection that has carried another request" in refusals(emulator)[-1]


@pytest.mark.parametrize(
    "body, said",
    [
        (b"", "byte 0"),
        (b"{", "byte 1"),
        (b'{"deviceId":"d1",}', "byte 17"),
        (b'{"deviceId":"\xff"}', "byte 13"),
        (b"\x00\x01\x02", "byte 0"),
        (b'{"a":1} x', "byte 8"),
        (b"[" * 100000, "byte"),
        (b"5", "object"),
        (b"[]", "object"),
        (b"null", "object"),
    ],
)
def test_a_body_that_is_no_json_object_is_explained(owner, body, said):
    for method, path in (("PUT", "/devices/d1"), ("POST", "/devices/query")):
        answer = owner.request(method, path, body=body)
        assert_error(answer, 400, "ArgumentInvalid")
        assert said in answer.message


def test_a_mebibyte_is_read_and_more_is_413(owner):
    owner.create_device("d1")
    padding = 1048576 - len(b'{"x":""}')
    assert owner.patch("/twins/d1", body=b'{"x":"' + b"y" * padding + b'"}').status == 200
    answer = owner.patch("/twins/d1", body=b'{"x":"' + b"y" * (padding + 1) + b'"}')
    assert_error(answer, 413, "GenericRequestEntityTooLarge")


def test_a_chunked_body_is_bounded_too(emulator):
    with rest.service(emulator) as client:
        chunks = (b"y" * 65536 for _ in range(32))
        try:
            answer = client.request("PATCH", "/twins/d1", body=chunks,
                                    headers={"Transfer-Encoding": "chunked"})  # fmt: skip
            assert answer.status == 413
        except (ConnectionError, ssl.SSLError):
            pass  # the answer came before the body was sent, and the rest was refused
    with rest.service(emulator) as client:
        assert client.get("/devices").status == 200


def test_members_of_a_wrong_type_are_named(owner):
    cases = [
        ({"status": 1}, "'status'"),
        ({"status": "asleep"}, "asleep"),
        ({"authentication": []}, "'authentication'"),
        ({"authentication": {"type": "magic"}}, "magic"),
        ({"authentication": {"symmetricKey": {"primaryKey": 5}}}, "'primaryKey'"),
        ({"authentication": {"symmetricKey": {"primaryKey": "!", "secondaryKey": "!"}}}, "base64"),
        ({"capabilities": {"iotEdge": "yes"}}, "'iotEdge'"),
        ({"parentScopes": [1]}, "'parentScopes'"),
        ({"deviceId": 5}, "'deviceId'"),
    ]
    for body, said in cases:
        answer = owner.put("/devices/d1", body)
        assert_error(answer, 400, "ArgumentInvalid")
        assert said in answer.message
    assert owner.get("/devices").json == []


def test_each_refusal_is_one_line_in_the_log(emulator, owner):
    before = emulator.log().count("refused")
    owner.get("/nope")
    assert emulator.log().count("refused") == before + 1
    assert "the hub has no resource '/nope'" in emulator.log()


def test_keys_and_signatures_never_reach_the_log(emulator, owner):
    device = owner.create_device("d1")
    owner.get("/nope")
    with rest.Rest(emulator, owner.credential.replace("sig=", "sig=AA")) as client:
        client.get("/devices")
    log = emulator.log()
    assert device["authentication"]["symmetricKey"]["primaryKey"] not in log
    assert emulator.policies["iothubowner"].primary_key not in log
    assert owner.credential.split("sig=")[1].split("&")[0] not in log


def raw(emulator, data):
    """What comes back for literal bytes, until the server closes."""
    context = ssl.create_default_context(cafile=emulator.ca_path)
    with socket.create_connection(("localhost", emulator.ports["httpsAlt"]), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as stream:
            stream.sendall(data)
            answer = b""
            try:
                while chunk := stream.recv(65536):
                    answer += chunk
                    if b"\r\n\r\n" in answer and b"HTTP/1.1 4" in answer:
                        break
            except (ConnectionError, ssl.SSLError):
                pass
            return answer


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n\r\n\r\nnonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /devices HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"\x10\x20\x00\x04MQTT\x04\x02\x00\x3c\r\n\r\n",
        b"AMQP\x00\x01\x00\x00\r\n\r\n",
        b"GET /devices HTTP/1.1\r\nContent-Length: -5\r\nHost: localhost\r\n\r\n",
        b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 50000 + b"\r\n",
    ],
)
def test_garbage_ends_one_connection_only(emulator, owner, data):
    assert owner.get("/devices").status == 200
    answer = raw(emulator, data)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.0 4") \
        or answer.startswith(b"HTTP/1.1 505")
    assert owner.get("/devices").status == 200


def test_plain_text_on_the_tls_port_disturbs_nobody(emulator, owner):
    address = ("localhost", emulator.ports["httpsAlt"])
    with socket.create_connection(address, timeout=20) as plain:
        plain.sendall(b"GET /devices HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not plain.recv(65536).startswith(b"HTTP/1.1 200")
    assert owner.get("/devices").status == 200


def test_a_client_that_leaves_in_the_middle_disturbs_nobody(emulator, owner):
    for _ in range(20):
        impatient = rest.service(emulator)
        impatient.connection.connect()
        impatient.connection.sock.sendall(b"PUT /devices/d1?api-version=2021-04-12 HTTP/1.1\r\nHost:")
        impatient.close()
    assert owner.get("/devices").status == 200


def test_many_requests_on_one_connection(owner):
    owner.create_device("d1")
    first = owner.connection.sock
    for n in range(200):
        assert owner.patch("/twins/d1", {"tags": {"n": n}}).status == 200
    assert owner.connection.sock is first


def test_pipelined_requests_are_answered_in_order(emulator, owner):
    owner.create_device("d1")
    head = (
        "GET /devices/{} HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + owner.credential + "\r\n"
    )
    request = "".join(
        head.format(name + "?api-version=2021-04-12") + "\r\n" for name in ("d1", "d2")
    )
    request += head.format("d1") + "Connection: close\r\n\r\n"
    answer = raw_all(emulator, request.encode())
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"404", b"400"]


def raw_all(emulator, data):
    context = ssl.create_default_context(cafile=emulator.ca_path)
    with socket.create_connection(("localhost", emulator.ports["httpsAlt"]), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as stream:
            stream.sendall(data)
            answer = b""
            while chunk := stream.recv(65536):
                answer += chunk
            return answer


def test_expect_100_continue_is_answered(emulator, owner):
    owner.create_device("d1")
    body = json.dumps({"tags": {"a": 1}}).encode()
    request = (
        "PATCH /twins/d1?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {owner.credential}\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    context = ssl.create_default_context(cafile=emulator.ca_path)
    with socket.create_connection(("localhost", emulator.ports["httpsAlt"]), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as stream:
            stream.sendall(request.encode())
            assert stream.recv(65536).startswith(b"HTTP/1.1 100")
            stream.sendall(body)
            assert b" 200 " in stream.recv(65536)

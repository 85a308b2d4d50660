# SPDX-License-Identifier: MIT
"""Who may ask, and how requests may be written. Numbers are the service reference's, section 11."""

import re

import pytest

import rest
import sas


def with_token(emulator, token):
    return rest.Rest(emulator, token)


def owner_token(emulator, **keywords):
    policy = emulator.policies["iothubowner"]
    return sas.token(policy.primary_key, emulator.host, "iothubowner", **keywords)


def assert_unauthorized(answer):
    """The body of service reference 1.3, byte for byte but for id and time."""
    assert answer.status == 401
    assert answer.code == "IotHubUnauthorizedAccess"
    assert re.fullmatch(
        rb'\{"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized",'
        rb'"ExceptionMessage":"Tracking ID:[0-9a-f]{32}-G:\d+-'
        rb'TimeStamp:\d\d/\d\d/\d{4} \d\d:\d\d:\d\d"\}',
        answer.body,
    )


def refusals(emulator):
    _, journal = emulator.control("GET", "/journal?kind=refused")
    return [row["why"] for row in journal["rows"]]


def test_01_without_authorization_is_401(emulator):
    with rest.Rest(emulator) as client:
        assert_unauthorized(client.get("/devices"))


def test_02_an_expired_token_is_401(emulator):
    with with_token(emulator, owner_token(emulator, lifetime_s=-3600)) as client:
        assert_unauthorized(client.get("/devices"))
    assert "expired" in refusals(emulator)[-1]


def test_03_a_signature_with_another_last_byte_is_401(emulator):
    policy = emulator.policies["iothubowner"]
    token = sas.token(policy.primary_key, emulator.host, "iothubowner")
    signature = re.search("sig=([^&]+)%3D", token).group(1)
    changed = signature[:-1] + ("A" if signature[-1] != "A" else "E")
    with with_token(emulator, token.replace(signature, changed)) as client:
        assert_unauthorized(client.get("/devices"))
    assert "signature" in refusals(emulator)[-1]


@pytest.mark.parametrize("encode", [True, False])
def test_04_the_resource_may_be_encoded_or_not(emulator, encode):
    policy = emulator.policies["iothubowner"]
    token = sas.token(policy.primary_key, f"{emulator.host}/devices", "iothubowner", encode=encode)
    with with_token(emulator, token) as client:
        assert client.get("/devices").status == 200


def test_06_the_service_policy_reads_twins_but_no_identities(emulator, owner):
    owner.create_device("d1")
    with rest.service(emulator, "service") as client:
        assert_unauthorized(client.get("/devices/d1"))
        assert client.get("/twins/d1").status == 200
    assert "RegistryRead" in refusals(emulator)[-1]


# Service reference, 1.3: which policies may do what.
@pytest.mark.parametrize(
    "policy, allowed",
    [
        ("iothubowner", {"read", "write", "service"}),
        ("service", {"service"}),
        ("device", set()),
        ("registryRead", {"read"}),
        ("registryReadWrite", {"read", "write"}),
    ],
)
def test_each_policy_may_do_what_it_says(emulator, owner, policy, allowed):
    owner.create_device("d1")
    requests = {
        "read": [("GET", "/devices"), ("GET", "/devices/d1"), ("GET", "/devices/d1/modules"),
                 ("GET", "/statistics/devices")],
        "write": [("PUT", "/devices/d2"), ("DELETE", "/devices/d2"), ("POST", "/devices")],
        "service": [("GET", "/twins/d1"), ("PATCH", "/twins/d1"), ("POST", "/devices/query"),
                    ("POST", "/twins/d1/methods"), ("GET", "/statistics/service")],
    }
    with rest.service(emulator, policy) as client:
        for permission, calls in requests.items():
            for method, path in calls:
                status = client.request(method, path, json={}).status
                assert (status != 401) == (permission in allowed), (method, path, status)


def test_a_token_for_another_resource_is_401(emulator, owner):
    owner.create_device("d1")
    policy = emulator.policies["iothubowner"]
    token = sas.token(policy.primary_key, f"{emulator.host}/devices/d1", "iothubowner")
    with with_token(emulator, token) as client:
        assert client.get("/devices/d1").status == 200
        assert_unauthorized(client.get("/devices/d10"))
        assert_unauthorized(client.get("/twins/d1"))


def test_08_the_secondary_key_signs_too(emulator):
    policy = emulator.policies["iothubowner"]
    token = sas.token(policy.secondary_key, emulator.host, "iothubowner")
    with with_token(emulator, token) as client:
        assert client.get("/devices").status == 200


@pytest.mark.parametrize("order", ["sr,sig,skn,se", "skn,se,sig,sr", "sig,se,sr,skn"])
def test_09_the_fields_come_in_any_order(emulator, order):
    with with_token(emulator, owner_token(emulator, order=order)) as client:
        assert client.get("/devices").status == 200


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "SharedAccessSignature",
        "SharedAccessSignature ",
        "SharedAccessSignature sr=localhost&se=9999999999&skn=iothubowner",
        "SharedAccessSignature sr=localhost&sig=AAAA&se=tomorrow&skn=iothubowner",
        "SharedAccessSignature sr=localhost&sig=%00%ff&se=9999999999&skn=nobody",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Basic dXNlcjpwYXNzd29yZA==",
        "x" * 6000,
    ],
)
def test_garbage_credentials_are_401(emulator, credential):
    with with_token(emulator, credential) as client:
        assert_unauthorized(client.get("/devices"))


def test_a_device_token_opens_no_service_route(emulator, owner):
    with rest.device(emulator, owner.create_device("d1")) as client:
        assert_unauthorized(client.get("/devices/d1"))
        assert_unauthorized(client.get("/twins/d1"))


@pytest.mark.parametrize("version", [None, "", "latest", "2021-4-12", "2021-04-12x"])
def test_10_the_api_version_must_be_a_version(owner, version):
    answer = owner.get("/devices", api_version=version)
    assert answer.status == 400
    assert answer.code == "InvalidProtocolVersion"
    assert answer.message.startswith("ErrorCode:InvalidProtocolVersion;")


@pytest.mark.parametrize(
    "version", ["2016-02-03", "2018-06-30", "2020-09-30", "2020-05-31-preview", "2024-03-31"]
)
def test_every_api_version_seen_is_taken(owner, version):
    assert owner.get("/devices", api_version=version).status == 200


def test_11_a_trailing_slash_changes_nothing(owner):
    owner.create_device("d1")
    assert owner.get("/devices/d1/").json == owner.get("/devices/d1").json
    assert owner.get("/devices/?top=1").status == 200
    assert owner.get("//devices//d1").status == 200


def test_12_a_path_may_be_encoded_as_a_whole(owner):
    owner.create_device("d1")
    assert owner.get("/twins%2Fd1").json == owner.get("/twins/d1").json
    assert owner.get("/twins%2fd1").status == 200


def test_13_ids_are_decoded(owner):
    owner.create_device("a#b")
    answer = owner.get("/devices/a%23b")
    assert answer.status == 200
    assert answer.json["deviceId"] == "a#b"


def test_an_id_encoded_twice_is_found(owner):
    owner.create_device("a#b")
    assert owner.get("/twins/a%2523b").json["deviceId"] == "a#b"


def test_an_id_that_looks_encoded_is_found_first(owner):
    owner.create_device("a#b")
    owner.create_device("a%23b")
    assert owner.get("/twins/a%2523b").json["deviceId"] == "a%23b"
    assert owner.get("/twins/a%23b").json["deviceId"] == "a#b"


def test_words_of_a_path_come_in_any_case(owner):
    owner.create_device("d1")
    assert owner.get("/Devices/d1/Modules").status == 200
    assert owner.get("/devices/D1").status == 404


def test_14_a_wrong_verb_is_405_and_says_which_are_right(owner):
    answer = owner.delete("/statistics/devices")
    assert answer.status == 405
    assert answer.code == "GenericMethodNotAllowed"
    assert answer.headers["Allow"] == "GET"
    assert "GET" in answer.message


def test_every_answer_has_the_services_headers(owner):
    ids = set()
    for answer in (owner.get("/devices"), owner.get("/devices/nope"), owner.get("/nope")):
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert answer.headers["Server"] == "Microsoft-HTTPAPI/2.0"
        assert answer.headers["Vary"] == "Origin"
        assert answer.headers["Date"].endswith("GMT")
        assert int(answer.headers["Content-Length"]) == len(answer.body)
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                            answer.headers["x-ms-request-id"])
        ids.add(answer.headers["x-ms-request-id"])
    assert len(ids) == 3


def test_the_hub_is_known_by_every_loopback_name(owner):
    for host in ("localhost", "LOCALHOST:443", "hub.localhost", "127.0.0.1:8443", "[::1]:8443"):
        assert owner.get("/devices", headers={"Host": host}).status == 200


def test_a_host_that_is_no_hub_is_refused(emulator):
    policy = emulator.policies["iothubowner"]
    elsewhere = sas.token(policy.primary_key, "other.azure-devices.net", "iothubowner")
    with with_token(emulator, elsewhere) as client:
        answer = client.get("/devices", headers={"Host": "other.azure-devices.net"})
        assert answer.status == 401
        assert answer.code == "IotHubNotFound"
    assert "other.azure-devices.net" in emulator.log()


def test_the_tokens_host_helps_where_the_host_header_does_not(owner):
    assert owner.get("/devices", headers={"Host": "through.a.proxy"}).status == 200

# SPDX-License-Identifier: MIT
"""`iothub device ...`: the registry's devices."""

import base64
import json

import pytest

KEY = base64.b64encode(b"k" * 32).decode()
KEY2 = base64.b64encode(b"l" * 32).decode()
SHA1 = "0123456789ABCDEF0123456789ABCDEF01234567"
SHA256 = "AB" * 32


def identity(owner, name):
    answer = owner.get(f"/devices/{name}")
    assert answer.status == 200, answer
    return answer.json


# ---- show ----


def test_show_prints_the_service_s_own_document(iothub, owner):
    owner.create_device("d1")
    assert iothub("device", "show", "d1").json == identity(owner, "d1")


def test_a_document_is_a_list_of_its_members_on_a_terminal(iothub, owner, terminal):
    owner.create_device("d1", status="disabled")
    window = terminal()
    assert window.run("iothub device show d1") == 0
    assert "Device          d1\nStatus          disabled\nConnection      Disconnected\n" in window.screen.text


def test_every_way_to_name_the_device(iothub, owner):
    owner.create_device("d1")
    for arguments in (("d1",), ("-d", "d1"), ("--device-id=d1",), ("--device-id", "d1"), ("--", "d1")):
        done = iothub("device", "show", *arguments, "-o", "tsv") if "--" != arguments[0] else iothub(
            "device", "show", "-o", "tsv", *arguments)
        assert done.lines[0].split("\t")[:2] == ["d1", "enabled"]


@pytest.mark.parametrize("name", ["a-b:c.d+e", "x%y", "u_v#w", "q?r", "star*(1),=@;$'!"])
def test_ids_with_odd_characters_go_through(iothub, owner, name):
    assert iothub("device", "create", name).json["deviceId"] == name
    assert iothub("device", "show", name).json["deviceId"] == name
    assert iothub("twin", "update", name, "--set", "tags.a=1").json["tags"] == {"a": 1}
    assert iothub("device", "delete", name).code == 0


# ---- create ----


def test_create_prints_the_identity_with_its_keys(iothub, owner):
    created = iothub("device", "create", "d1").json
    pair = created["authentication"]["symmetricKey"]
    assert pair == identity(owner, "d1")["authentication"]["symmetricKey"]
    assert len(base64.b64decode(pair["primaryKey"])) == 32


@pytest.mark.parametrize(
    "arguments, path, value",
    [
        (("--pk", KEY, "--sk", KEY2), "authentication.symmetricKey.primaryKey", KEY),
        (("--primary-key", KEY, "--secondary-key", KEY2), "authentication.symmetricKey.secondaryKey", KEY2),
        (("--am", "x509_ca"), "authentication.type", "certificateAuthority"),
        (("--am", "x509_thumbprint", "--ptp", SHA1), "authentication.x509Thumbprint.primaryThumbprint", SHA1),
        (("--ptp", SHA1, "--stp", SHA256), "authentication.x509Thumbprint.secondaryThumbprint", SHA256),
        (("--auth-method", "shared_private_key"), "authentication.type", "sas"),
        (("--status", "disabled"), "status", "disabled"),
        (("--sta", "disabled", "--star", "why not"), "statusReason", "why not"),
        (("--edge-enabled",), "capabilities.iotEdge", True),
    ],
)
def test_create_makes_what_is_asked_for(iothub, owner, arguments, path, value):
    iothub("device", "create", "-d", "d1", *arguments)
    made = identity(owner, "d1")
    for name in path.split("."):
        made = made[name]
    assert made == value


def test_create_takes_several(iothub, owner):
    done = iothub("device", "create", "d1", "d2", "d3", "--status", "disabled")
    assert done.json == {"isSuccessful": True, "errors": [], "warnings": []}
    assert [identity(owner, name)["status"] for name in ("d1", "d2", "d3")] == ["disabled"] * 3


def test_create_counts(iothub, owner):
    done = iothub("device", "create", "--count", "250", "--prefix", "pump-", "-o", "table")
    assert (done.code, done.out, done.err) == (0, "", "iothub: created 250 of 250\n")
    made = iothub("query", "SELECT deviceId FROM devices", "-o", "tsv").lines
    assert sorted(made) == [f"pump-{number:03}" for number in range(250)]


def test_what_is_refused_of_many_is_told_and_the_others_are_made(iothub, owner):
    owner.create_device("device-1")
    done = iothub("device", "create", "--count", "3")
    assert done.code == 1
    result = json.loads(done.out)
    assert [one["deviceId"] for one in result["errors"]] == ["device-1"]
    assert identity(owner, "device-0") and identity(owner, "device-2")

    done = iothub("device", "create", "device-1", "new", "-o", "table")
    assert done.code == 1
    assert "created 1 of 2" in done.err
    assert done.out.splitlines()[2].split()[:2] == ["device-1", "DeviceAlreadyExists"]
    done = iothub("device", "create", "device-1", "device-2", "-o", "tsv")
    assert done.code == 1
    assert [line.split("\t")[2] for line in done.out.splitlines()] == ["DeviceAlreadyExists"] * 2


# ---- delete ----


def test_delete_one_and_several(iothub, owner):
    for name in ("d1", "d2", "d3", "d4"):
        owner.create_device(name)
    assert iothub("device", "delete", "d1").out == ""
    assert iothub("device", "delete", "d2", "d3").json["isSuccessful"] is True
    assert [twin["deviceId"] for twin in iothub("device", "list").json] == ["d4"]
    done = iothub("device", "delete", "d4", "none", "-o", "table")
    assert done.code == 1
    assert "deleted 1 of 2" in done.err and "DeviceNotFound" in done.out


def test_delete_heeds_an_etag(iothub, owner):
    etag = owner.create_device("d1")["etag"]
    assert "412 PreconditionFailed" in iothub("device", "delete", "d1", "--etag", "bm9uZQ==").err
    assert iothub("device", "delete", "d1", "-e", etag).code == 0


# ---- list ----


@pytest.fixture
def fleet(owner):
    for name, fields in (
        ("pump-1", {}),
        ("pump-2", {"status": "disabled"}),
        ("edge", {"capabilities": {"iotEdge": True}}),
        ("it's", {}),
    ):
        owner.create_device(name, **fields)
    owner.patch("/twins/pump-1", {"tags": {"building": 43}})
    return owner


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ((), ["edge", "it's", "pump-1", "pump-2"]),
        (("pump",), ["pump-1", "pump-2"]),
        (("--prefix", "it's"), ["it's"]),
        (("--status", "disabled"), ["pump-2"]),
        (("pump", "--sta", "enabled"), ["pump-1"]),
        (("--ee",), ["edge"]),
        (("--where", "tags.building = 43 OR deviceId = 'edge'", "--status", "enabled"), ["edge", "pump-1"]),
        (("--top", "1", "pump"), ["pump-1"]),
        (("none",), []),
    ],
)
def test_list_filters(iothub, fleet, arguments, expected):
    assert sorted(twin["deviceId"] for twin in iothub("device", "list", *arguments).json) == expected


def test_list_as_a_table_and_as_tsv(iothub, fleet):
    lines = iothub("device", "list", "pump", "-o", "table").lines
    assert lines[0].split() == ["Device", "Status", "Connection", "Last", "activity", "Authentication", "Edge"]
    assert lines[3].split() == ["pump-2", "disabled", "Disconnected", "never", "sas", "false"]
    assert [line.split("\t")[0] for line in iothub("device", "list", "pump", "-o", "tsv").lines] == [
        "pump-1",
        "pump-2",
    ]


def test_a_condition_that_is_none_is_refused_with_the_hub_s_words(iothub, fleet):
    done = iothub("device", "list", "--where", "tags.building ==")
    assert (done.code, done.out) == (1, "")
    assert "Unexpected" in done.err


# ---- update ----


@pytest.mark.parametrize(
    "arguments, path, value",
    [
        (("--status", "disabled"), "status", "disabled"),
        (("--sta", "disabled", "--star", "for repair"), "statusReason", "for repair"),
        (("--set", "status=disabled"), "status", "disabled"),
        (("--set", "status=disabled", "statusReason=for repair"), "statusReason", "for repair"),
        (("--set", "capabilities.iotEdge=true"), "capabilities.iotEdge", True),
        (("--ee", "true"), "capabilities.iotEdge", True),
        (("--pk", KEY, "--sk", KEY2), "authentication.symmetricKey.secondaryKey", KEY2),
        (("--am", "x509_ca"), "authentication.type", "certificateAuthority"),
        (("--am", "x509_thumbprint", "--ptp", SHA1), "authentication.x509Thumbprint.primaryThumbprint", SHA1),
        (("--am", "x509_thumbprint", "--ptp", SHA1, "--stp", SHA1), "authentication.x509Thumbprint.secondaryThumbprint", SHA1),
    ],
)
def test_update_changes_what_is_named_and_prints_what_came_of_it(iothub, owner, arguments, path, value):
    before = owner.create_device("d1")
    printed = iothub("device", "update", "d1", *arguments).json
    printed.pop("parentScopes", None)  # the service shows them in answers to changes only
    assert printed == identity(owner, "d1")
    assert printed["etag"] != before["etag"]
    for name in path.split("."):
        printed = printed[name]
    assert printed == value


def test_update_heeds_an_etag(iothub, owner):
    etag = owner.create_device("d1")["etag"]
    assert iothub("device", "update", "d1", "--status", "disabled", "--etag", etag).code == 0
    done = iothub("device", "update", "d1", "--status", "enabled", "--if-match", etag)
    assert done.code == 1
    assert "412 PreconditionFailed" in done.err
    assert identity(owner, "d1")["status"] == "disabled"


# ---- keys and connection strings ----


def keys_of(owner, name):
    pair = identity(owner, name)["authentication"]["symmetricKey"]
    return pair["primaryKey"], pair["secondaryKey"]


def test_keys_are_shown_and_changed(iothub, owner):
    owner.create_device("d1")
    first = keys_of(owner, "d1")
    assert iothub("device", "keys", "d1").json == dict(zip(("primaryKey", "secondaryKey"), first))
    assert iothub("device", "keys", "d1", "-o", "tsv").out == "\t".join(first) + "\n"

    assert iothub("device", "keys", "d1", "--swap").json["primaryKey"] == first[1]
    assert keys_of(owner, "d1") == first[::-1]

    iothub("device", "keys", "d1", "--regenerate", "primary")
    second = keys_of(owner, "d1")
    assert second[0] not in first and second[1] == first[0]
    iothub("device", "keys", "d1", "--regenerate=secondary")
    third = keys_of(owner, "d1")
    assert third[0] == second[0] and third[1] not in first
    iothub("device", "keys", "d1", "--regenerate", "both")
    assert not set(keys_of(owner, "d1")) & set(third)


def test_a_device_with_a_certificate_has_no_keys_to_show(iothub, owner):
    assert iothub("device", "create", "d1", "--am", "x509_ca").code == 0
    done = iothub("device", "keys", "d1")
    assert (done.code, done.out) == (1, "")
    assert "has no keys" in done.err
    assert iothub("device", "connection-string", "d1", "-o", "tsv").out.endswith(";DeviceId=d1;x509=true\n")


def test_connection_strings_are_those_of_az(iothub, owner):
    owner.create_device("d1")
    primary, secondary = keys_of(owner, "d1")
    text = f"HostName=localhost;DeviceId=d1;SharedAccessKey={primary}"
    assert iothub("device", "connection-string", "d1").json == {"connectionString": text}
    assert iothub("device", "connection-string", "d1", "-o", "tsv").out == text + "\n"
    assert iothub("device", "connection-string", "d1", "-o", "table").out == text + "\n"
    other = iothub("device", "connection-string", "-d", "d1", "--kt", "secondary", "-o", "tsv").out
    assert other == text.replace(primary, secondary) + "\n"


# ---- refusals ----


@pytest.mark.parametrize(
    "arguments, code, told",
    [
        (("create",), 2, "DEVICE is missing"),
        (("create", ""), 2, "the device id is missing"),
        (("create", "d1"), 1, "409 DeviceAlreadyExists"),
        (("create", "a b"), 2, "a b"),
        (("create", "a", "b c"), 2, "b c"),
        (("create", "x", "--count", "2"), 2, "not both"),
        (("create", "x", "--prefix", "p"), 2, "--prefix goes with --count"),
        (("create", "--count", "0"), 2, "--count is a whole number from 1"),
        (("create", "x", "--pk", KEY), 2, "belong together"),
        (("create", "x", "--pk", "short", "--sk", "short"), 2, "base64"),
        (("create", "x", "--ptp", "abc"), 2, "hex"),
        (("create", "x", "--am", "none"), 2, "--auth-method is one of"),
        (("create", "x", "--am", "x509_ca", "--pk", KEY), 2, "shared_private_key only"),
        (("delete", "a", "b", "--etag", "e"), 2, "belongs to one device"),
        (("show", "none"), 1, "404 DeviceNotFound"),
        (("show",), 2, "DEVICE is missing"),
        (("show", "a", "b"), 2, "one argument too many: b"),
        (("show", "a b"), 2, "a b"),
        (("update", "none", "--status", "enabled"), 1, "404 DeviceNotFound"),
        (("update", "d1"), 2, "nothing to change"),
        (("update", "d1", "--status", "off"), 2, "--status is one of enabled|disabled, not 'off'"),
        (("update", "d1", "--set", "status"), 2, "'status' is not PATH=VALUE"),
        (("update", "d1", "--set", "status.x=1"), 2, "no object"),
        (("update", "d1", "--set", "a..b=1"), 2, "empty name"),
        (("update", "d1", "--set", "=1"), 2, "empty name"),
        (("update", "d1", "--set", "status=strange"), 1, "400"),
        (("delete", "none"), 1, "404 DeviceNotFound"),
        (("delete",), 2, "DEVICE is missing"),
        (("keys", "none"), 1, "404 DeviceNotFound"),
        (("keys", "d1", "--swap", "--regenerate", "both"), 2, "two different things"),
        (("keys", "d1", "--regenerate", "all"), 2, "--regenerate is one of primary|secondary|both"),
        (("connection-string", "none"), 1, "404 DeviceNotFound"),
        (("shwo", "d1"), 2, "did you mean 'device show'?"),
    ],
)
def test_it_says_what_is_wrong(iothub, owner, arguments, code, told):
    owner.create_device("d1")
    done = iothub("device", *arguments)
    assert (done.code, done.out) == (code, ""), done
    assert told in done.err

# SPDX-License-Identifier: MIT
"""`iothub module ...`: modules of devices."""

import base64

import pytest

KEY = base64.b64encode(b"k" * 32).decode()
KEY2 = base64.b64encode(b"l" * 32).decode()
SHA1, SHA256 = "A" * 40, "B" * 64


@pytest.fixture(autouse=True)
def device(owner):
    return owner.create_device("d1")


def module(owner, name):
    return owner.get(f"/devices/d1/modules/{name}").json


def test_a_module_from_its_creation_to_its_end(iothub, owner):
    created = iothub("module", "create", "d1", "cam", "--managed-by", "me").json
    assert (created["deviceId"], created["moduleId"], created["managedBy"]) == ("d1", "cam", "me")
    assert iothub("module", "show", "d1", "cam").json == module(owner, "cam")
    assert iothub("module", "show", "-m", "cam", "-d", "d1").json == module(owner, "cam")
    assert iothub("module", "update", "d1", "cam", "--set", "managedBy=you").json["managedBy"] == "you"
    assert iothub("module", "delete", "d1", "cam").out == ""
    assert owner.get("/devices/d1/modules/cam").status == 404


def test_list_shows_all_of_a_device(iothub, owner):
    owner.create_device("d2")
    for name in ("m1", "m2", "m3"):
        owner.create_module("d1", name)
    owner.create_module("d2", "other")
    listed = iothub("module", "list", "d1").json
    assert sorted(one["moduleId"] for one in listed) == ["m1", "m2", "m3"]
    assert len(iothub("module", "list", "d1", "--top", "2", "-o", "tsv").lines) == 2
    assert iothub("module", "list", "d1", "-o", "table").lines[2].split()[:3] == ["d1", "m1", "Disconnected"]


def test_keys_and_connection_strings(iothub, owner):
    iothub("module", "create", "d1", "cam", "--pk", KEY, "--sk", KEY2)
    assert iothub("module", "keys", "d1", "cam").json == {"primaryKey": KEY, "secondaryKey": KEY2}
    assert iothub("module", "keys", "d1", "cam", "--swap", "-o", "tsv").out == f"{KEY2}\t{KEY}\n"
    done = iothub("module", "connection-string", "d1", "cam", "--key-type", "secondary", "-o", "tsv")
    assert done.out == f"HostName=localhost;DeviceId=d1;ModuleId=cam;SharedAccessKey={KEY}\n"


def test_certificates_in_place_of_keys(iothub, owner):
    iothub("module", "create", "d1", "cam", "--am", "x509_thumbprint", "--ptp", SHA1, "--stp", SHA256)
    thumbprints = {"primaryThumbprint": SHA1, "secondaryThumbprint": SHA256}
    assert module(owner, "cam")["authentication"]["x509Thumbprint"] == thumbprints
    iothub("module", "update", "d1", "cam", "--ptp", SHA256, "--stp", SHA1)
    thumbprints = {"primaryThumbprint": SHA256, "secondaryThumbprint": SHA1}
    assert module(owner, "cam")["authentication"]["x509Thumbprint"] == thumbprints
    keys = iothub("module", "update", "d1", "cam", "--am", "shared_private_key", "--pk", KEY, "--sk", KEY2)
    assert keys.json["authentication"]["symmetricKey"] == {"primaryKey": KEY, "secondaryKey": KEY2}


def test_a_module_is_updated_only_with_its_etag(iothub, owner):
    etag = owner.create_module("d1", "cam")["etag"]
    refused = iothub("module", "update", "d1", "cam", "--managed-by", "me", "--etag", "bm9uZQ==")
    assert refused.code == 1 and "412" in refused.err
    done = iothub("module", "update", "d1", "cam", "--managed-by", "me", "--etag", etag)
    assert done.json["managedBy"] == "me"


def test_keys_are_made_anew(iothub, owner):
    before = owner.create_module("d1", "cam")["authentication"]["symmetricKey"]
    after = iothub("module", "keys", "d1", "cam", "--regenerate", "both").json
    assert not set(before.values()) & set(after.values())
    assert module(owner, "cam")["authentication"]["symmetricKey"] == after


def test_a_module_is_deleted_only_with_its_etag(iothub, owner):
    etag = owner.create_module("d1", "cam")["etag"]
    assert "412" in iothub("module", "delete", "d1", "cam", "--etag", "bm9uZQ==").err
    assert iothub("module", "delete", "d1", "cam", "-e", etag).code == 0


@pytest.mark.parametrize(
    "arguments, code, told",
    [
        (("show", "d1"), 2, "MODULE is missing"),
        (("show", "d1", "none"), 1, "404 ModuleNotFound"),
        (("list", "none"), 1, "404 DeviceNotFound"),
        (("create", "none", "m"), 1, "404 DeviceNotFound"),
        (("create", "d1", "there"), 1, "409"),
        (("create", "d1", "m", "--pk", KEY), 2, "belong together"),
        (("create", "d1", "m", "--am", "x509_ca", "--pk", KEY), 2, "shared_private_key only"),
        (("create", "d1", "m", "--am", "x509_thumbprint"), 2, "--primary-thumbprint is missing"),
        (("create", "d1", "m", "--am", "x509_ca", "--ptp", "0" * 40), 2, "x509_thumbprint only"),
        (("update", "d1", "there"), 2, "nothing to change"),
        (("update", "d1", "none", "--set", "managedBy=x"), 1, "404 ModuleNotFound"),
        (("delete", "d1", "none"), 1, "404 ModuleNotFound"),
        (("keys", "d1", "none"), 1, "404 ModuleNotFound"),
        (("connection-string", "d1", "none"), 1, "404 ModuleNotFound"),
    ],
)
def test_it_says_what_is_wrong(iothub, owner, arguments, code, told):
    owner.create_module("d1", "there")
    done = iothub("module", *arguments)
    assert (done.code, done.out) == (code, ""), done
    assert told in done.err

# SPDX-License-Identifier: MIT
"""CONNECT and who may. Numbers are the device protocol reference's, section 11."""

import hashlib
import ssl
from pathlib import Path
from urllib.parse import quote

import pytest

import packets
import rest
import sas
from emulator import Emulator
from mqtt_client import MqttClient
from packets import CONNACK_NOT_AUTHORIZED, CONNACK_OK

EVENTS = "devices/d1/messages/events/"
CERTIFICATES = Path(__file__).resolve().parents[3] / "fixtures" / "certificates"


def refused(client, log, why):
    """CONNACK 5, FIN, and the reason in plain words."""
    client.expect(CONNACK_NOT_AUTHORIZED)
    client.expect_closed()
    assert why in log.line("refused code="), log.lines()


def disable(owner, device):
    identity = {**owner.get(f"/devices/{device}").json, "status": "disabled"}
    answer = owner.put(f"/devices/{device}", identity, headers={"If-Match": "*"})
    assert answer.status == 200, answer


# ---- 1, 2 ----


def test_1_a_device_with_its_key_is_accepted(client, journal):
    client.send(packets.connect("d1", password=packets.token_for("d1"), clean=False))
    client.expect("20 02 00 00")
    row = journal.row("connected")
    assert (row["deviceId"], row["protocol"], row["auth"]) == ("d1", "mqtt", "device.sas")
    client.ping()


def test_1_and_its_connection_state_is_seen_by_the_service(client, owner):
    assert owner.get("/devices/d1").json["connectionState"] == "Disconnected"
    client.connect()
    assert owner.get("/devices/d1").json["connectionState"] == "Connected"
    client.disconnect()
    assert owner.get("/devices/d1").json["connectionState"] == "Disconnected"


@pytest.mark.parametrize(
    "device, password, why",
    [
        ("d1", lambda: packets.token_for("d1", key="B" + packets.KEY[1:]), "not made with a key"),
        ("d1", lambda: packets.token_for("d1", lifetime_s=-310), "the token expired 31"),
        ("nobody", lambda: packets.token_for("nobody"), "nobody"),
        ("d1", lambda: b"", "neither a token nor a client certificate"),
        ("d1", lambda: "secret", "SharedAccessSignature"),
        ("d1", lambda: packets.token_for("d1", host="elsewhere.example"), "elsewhere.example"),
    ],
    ids=["wrong key", "expired", "unknown device", "no password", "no token", "other hub"],
)
def test_2_wrong_credentials_get_connack_5_and_no_will(
    client, witness, journal, log, device, password, why
):
    client.send(packets.connect(device, password=password(), will=(EVENTS, "gone")))
    client.expect("20 02 00 05")
    client.expect_closed()
    assert why in log.line("refused code=")
    row = journal.row("refused")
    assert (row["deviceId"], row["endpoint"]) == (device, "mqtt")
    assert why in row["why"]
    assert journal.rows("telemetry") == []
    assert journal.rows("connected") == []


def test_2_a_token_is_good_for_five_minutes_after_its_expiry(client):
    client.connect(password=packets.token_for("d1", lifetime_s=-290))


def test_2_a_disabled_device_is_refused(client, owner, witness, log):
    disable(owner, "d1")
    client.send(packets.connect())
    refused(client, log, "device 'd1' is disabled")


def test_2_a_refused_device_may_try_again(client, dial):
    client.send(packets.connect(password="secret"))
    client.expect(CONNACK_NOT_AUTHORIZED)
    client.expect_closed()
    dial().connect()


# ---- 16 ----


def test_16_a_second_connection_takes_over_and_the_will_of_the_first_is_published(
    dial, d1, witness, journal, log
):
    first = dial().connect(will=(EVENTS + "a=b", "gone"))
    second = dial().connect()
    first.expect_closed()
    second.telemetry(EVENTS, "here")
    will, here = journal.rows("telemetry")
    assert will["bodyText"] == "gone"
    assert will["properties"] == {"a": "b", "iothub-MessageType": "Will"}
    assert here["bodyText"] == "here"
    assert "properties" not in here
    assert "connected again" in journal.row("disconnected", "d1")["why"]
    assert log.line("connected again")
    kinds = [row["kind"] for row in journal.rows(device="d1")]
    assert kinds == ["connected", "telemetry", "disconnected", "connected", "telemetry"]


def test_16_a_device_and_its_module_do_not_displace_each_other(dial, d1, devices):
    devices("d1", "m1")
    device = dial().connect("d1")
    module = dial().connect("d1", "m1")
    device.ping()
    module.ping()


def test_16_a_hundred_takeovers_in_a_row_leave_one_connection(dial, d1, owner, witness, journal):
    clients = [dial().connect() for _ in range(100)]
    for client in clients[:-1]:
        client.expect_closed()
    clients[-1].ping()
    assert len(journal.rows("connected", "d1")) == 100
    assert len(journal.rows("disconnected", "d1")) == 99
    assert owner.get("/devices/d1").json["connectionState"] == "Connected"


# ---- 27: the vectors of 7.1 ----

VECTORS = [
    ("testhub.azure-devices.net%2Fdevices%2Fdev1", "UZqAVuqX2yaB/UhPFRRSx+siLzRxz43WumGCp2evRO8="),
    ("testhub.azure-devices.net%2fdevices%2fdev1", "5FuK0wFlVzXzk+YV6btu9MYdBW/HSH4FlT6JHQX0+BM="),
    ("testhub.azure-devices.net/devices/dev1", "dEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3kI="),
]
VECTOR_EXPIRY = 1924992000  # the first second of 2031: from then on the vectors are history


@pytest.fixture(scope="module")
def testhub(tmp_path_factory):
    """A hub that answers to the vectors' name, with their device."""
    emulator = Emulator(
        tmp_path_factory.mktemp("testhub"), ("--memory", "--hostname", "testhub.azure-devices.net")
    )
    with rest.service(emulator) as owner:
        key = {"primaryKey": packets.KEY, "secondaryKey": packets.OTHER_KEY}
        owner.create_device("dev1", authentication={"type": "sas", "symmetricKey": key})
    yield emulator
    emulator.stop()


def answer_to_vector(testhub, resource, signature, extra=""):
    username = "testhub.azure-devices.net/dev1/?api-version=2021-04-12"
    encoded = signature.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    password = f"SharedAccessSignature sr={resource}&sig={encoded}&se={VECTOR_EXPIRY}{extra}"
    with MqttClient(testhub) as client:
        client.send(packets.connect("dev1", username=username, password=password))
        return client.receive(4)


@pytest.mark.parametrize("extra", ["", "&skn="], ids=["", "with an empty skn"])
@pytest.mark.parametrize("resource, signature", VECTORS)
def test_27_every_vector_is_accepted(testhub, resource, signature, extra):
    assert answer_to_vector(testhub, resource, signature, extra) == packets.read(CONNACK_OK)


@pytest.mark.parametrize("resource, signature", VECTORS)
def test_27_one_flipped_bit_is_not(testhub, resource, signature):
    flipped = chr(ord(signature[0]) ^ 1) + signature[1:]
    assert answer_to_vector(testhub, resource, flipped) == packets.read(CONNACK_NOT_AUTHORIZED)


def test_27_a_signature_sent_without_url_encoding_is_understood(testhub):
    resource, signature = VECTORS[0]
    username = "testhub.azure-devices.net/dev1/?api-version=2021-04-12"
    password = f"SharedAccessSignature sr={resource}&sig={signature}&se={VECTOR_EXPIRY}"
    with MqttClient(testhub) as client:
        client.send(packets.connect("dev1", username=username, password=password))
        client.expect(CONNACK_OK)


def test_27_slashes_as_the_c_sdk_writes_them(client):
    token = sas.token(packets.KEY, "localhost/devices/d1", policy="", encode=False)
    assert "sr=localhost/devices/d1&" in token and token.endswith("&skn=")
    client.connect(password=token)


# ---- 28 ----


def test_28_fields_in_the_order_of_the_java_sdk(client):
    client.connect(password=packets.token_for("d1", order="sig,se,sr"))


def test_28_the_secondary_key(client):
    client.connect(password=packets.token_for("d1", key=packets.OTHER_KEY))


@pytest.mark.parametrize("policy", ["device", "iothubowner"])
@pytest.mark.parametrize("resource", ["localhost", "localhost/devices", "localhost/devices/d1"])
def test_28_a_policy_with_device_connect(emulator, client, journal, policy, resource):
    key = emulator.policies[policy].primary_key
    client.connect(password=sas.token(key, resource, policy))
    assert journal.row("connected")["auth"] == "hub.sas"


def test_28_a_policys_secondary_key(emulator, client):
    key = emulator.policies["device"].secondary_key
    client.connect(password=sas.token(key, "localhost", "device"))


@pytest.mark.parametrize("policy", ["service", "registryRead", "registryReadWrite"])
def test_28_a_policy_without_device_connect(emulator, client, witness, log, policy):
    key = emulator.policies[policy].primary_key
    client.send(packets.connect(password=sas.token(key, "localhost", policy)))
    refused(client, log, "DeviceConnect")


def test_28_an_unknown_policy(client, log):
    token = sas.token(packets.KEY, "localhost", "nopolicy")
    client.send(packets.connect(password=token))
    refused(client, log, "the policy 'nopolicy' (its skn), which this hub does not have")


# ---- 29 ----


def test_29_the_token_of_another_device(client, devices, log):
    devices("d2")
    client.send(packets.connect("d2", password=packets.token_for("d1")))
    refused(client, log, "the token is for '/devices/d1' (its sr)")


def test_29_a_token_for_a_name_that_only_begins_like_it(client, devices, log):
    devices("d11")
    client.send(packets.connect("d11", password=packets.token_for("d1")))
    refused(client, log, "what is asked for is '/devices/d11'")


@pytest.mark.parametrize("client_id", ["D1", "d2", "d1/m1", "d1 "])
def test_29_a_client_id_that_is_not_the_user_names(client, log, client_id):
    client.send(packets.connect("d1", client_id=client_id))
    refused(client, log, "the user name speaks of \"d1\"")


def test_29_ids_differ_by_case(client, witness, log):
    client.send(packets.connect("D1", password=packets.token_for("D1")))
    refused(client, log, "D1")


# ---- 30 ----


@pytest.mark.parametrize(
    "username",
    [
        "localhost/d1/?api-version=2021-04-12",
        "localhost/d1/api-version=2016-11-14&DeviceClientType=old%2F1.0",
        "localhost/d1/api-version=2016-11-14",
        "localhost/d1?api-version=2018-06-30",
        "localhost/d1/?DeviceClientType=nothing%20else",
        "localhost/d1/?api-version=2099-01-01",
        "localhost/d1/",
        "localhost/d1",
        "LocalHost/d1/?api-version=2021-04-12",
        "localhost:8883/d1/?api-version=2021-04-12",
        "hub.localhost/d1/?api-version=2021-04-12",
    ],
)
def test_30_user_names_seen_in_the_wild(client, username):
    client.connect("d1", username=username)


def test_30_a_model_id_becomes_part_of_the_twin(client, owner):
    client.connect("d1", username="localhost/d1/?api-version=2021-04-12&model-id=dtmi%3Aa%3Bb%3B1")
    assert owner.get("/twins/d1").json["modelId"] == "dtmi:a;b;1"


# ---- 31: thumbprints ----

SELF_SIGNED = CERTIFICATES / "self_signed.pem"
EXPIRED = CERTIFICATES / "expired.pem"


def thumbprint(certificate, algorithm):
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text().split("-----BEGIN PRIVATE")[0])
    return hashlib.new(algorithm, der).hexdigest()


def self_signed(primary, secondary=None):
    both = {"primaryThumbprint": primary, "secondaryThumbprint": secondary}
    return {"authentication": {"type": "selfSigned", "x509Thumbprint": both}}


@pytest.mark.parametrize("which", ["primary", "secondary"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_31_a_certificate_with_the_registered_thumbprint(dial, devices, journal, algorithm, which):
    known = thumbprint(SELF_SIGNED, algorithm)
    other = thumbprint(EXPIRED, algorithm)
    pair = (known, other) if which == "primary" else (other, known)
    devices("x1", **self_signed(*pair))
    dial(certificate=SELF_SIGNED).connect("x1", password=b"")
    assert journal.row("connected")["auth"] == "device.x509Certificate"


def test_31_thumbprints_are_compared_without_case(dial, devices):
    devices("x1", **self_signed(thumbprint(SELF_SIGNED, "sha1").upper()))
    dial(certificate=SELF_SIGNED).connect("x1", password=b"")


def test_31_a_module_with_a_certificate(dial, d1, devices):
    devices("d1", "x1", **self_signed(thumbprint(SELF_SIGNED, "sha256")))
    dial(certificate=SELF_SIGNED).connect("d1", "x1", password=b"")


def test_31_another_certificate(dial, devices, witness, log):
    devices("x1", **self_signed(thumbprint(EXPIRED, "sha1")))
    client = dial(certificate=SELF_SIGNED)
    client.send(packets.connect("x1", password=b""))
    refused(client, log, "is not one of the registered")


def test_31_an_expired_certificate(dial, devices, log):
    devices("x1", **self_signed(thumbprint(EXPIRED, "sha1")))
    client = dial(certificate=EXPIRED)
    client.send(packets.connect("x1", password=b""))
    refused(client, log, "the client certificate has expired")


def test_31_no_certificate_where_one_is_wanted(dial, devices, log):
    devices("x1", **self_signed(thumbprint(SELF_SIGNED, "sha1")))
    client = dial()
    client.send(packets.connect("x1", password=b""))
    refused(client, log, "neither a token nor a client certificate was sent")


def test_31_a_token_where_a_certificate_is_wanted(dial, devices, log):
    devices("x1", **self_signed(thumbprint(SELF_SIGNED, "sha1")))
    client = dial(certificate=SELF_SIGNED)
    client.send(packets.connect("x1"))
    refused(client, log, "authenticates by 'selfSigned'")


def test_31_a_certificate_where_a_token_is_wanted(dial, d1, log):
    client = dial(certificate=SELF_SIGNED)
    client.send(packets.connect("d1", password=b""))
    refused(client, log, "authenticates by 'sas'")


def test_31_a_token_counts_before_a_certificate(dial, d1):
    dial(certificate=SELF_SIGNED).connect("d1")


# ---- 36, 53, 54 ----


@pytest.mark.parametrize(
    "device, module, password, why",
    [
        ("d1", "m2", None, "m2"),
        ("d2", "m1", None, "d2"),
        ("d1", "m1", "of the device", "not made with a key of this module"),
    ],
    ids=["unknown module", "unknown device", "the device's token"],
)
def test_36_modules_that_may_not(client, devices, witness, log, device, module, password, why):
    devices("d1", "m1", authentication={
        "type": "sas",
        "symmetricKey": {"primaryKey": packets.OTHER_KEY, "secondaryKey": packets.OTHER_KEY},
    })  # fmt: skip
    token = packets.token_for("d1") if password else packets.token_for(device, module)
    client.send(packets.connect(device, module, password=token))
    refused(client, log, why)


def test_36_a_modules_token_is_not_the_devices(client, devices, log):
    devices("d1", "m1")
    client.send(packets.connect("d1", password=packets.token_for("d1", "m1", key=packets.OTHER_KEY)))
    refused(client, log, "the token is for '/devices/d1/modules/m1' (its sr)")


def test_36_the_module_of_a_disabled_device_is_refused(client, owner, devices, log):
    devices("d1", "m1")
    disable(owner, "d1")
    client.send(packets.connect("d1", "m1"))
    refused(client, log, "device 'd1' is disabled")


@pytest.mark.parametrize("device", ["a.b:c=d@e(1)%", "-:.%_*?!(),=@$'", "d?api=1", "x" * 128])
def test_53_ids_of_unusual_characters_work(dial, owner, devices, journal, device):
    """The topic of telemetry cannot hold '+' and '#', so ids with these are not in this list."""
    devices(device)
    escaped = quote(device, safe="")
    client = dial().connect(device, password=packets.token_for(escaped, encode=False))
    client.telemetry(f"devices/{device}/messages/events/a=b", "hello")
    row = journal.row("telemetry")
    assert (row["deviceId"], row["bodyText"], row["properties"]) == (device, "hello", {"a": "b"})
    client.subscribe(f"devices/{device}/messages/devicebound/#", "$iothub/twin/res/#")
    client.send('30 1a 00 18 "$iothub/twin/GET/?$rid=1"')
    client.expect(
        '30 52 00 1c "$iothub/twin/res/200/?$rid=1"'
        """ '{"desired":{"$version":1},"reported":{"$version":1}}'"""
    )
    assert owner.get(f"/devices/{escaped}").json["connectionState"] == "Connected"


def test_53_plus_and_hash_in_an_id_connect_and_have_a_twin(dial, devices):
    devices("a+b#c")
    client = dial().connect("a+b#c", password=packets.token_for(quote("a+b#c", safe=""), encode=False))
    client.subscribe("$iothub/twin/res/#")
    client.send('30 1a 00 18 "$iothub/twin/GET/?$rid=1"')
    assert client.publish()[0] == "$iothub/twin/res/200/?$rid=1"


def test_54_packets_in_one_segment_are_answered_in_order(client, journal):
    client.send(
        packets.connect()
        + packets.subscribe(7, "$iothub/twin/res/#", "$iothub/methods/POST/#")
        + packets.publish(EVENTS, "1", packet_id=1)
        + packets.publish("$iothub/twin/GET/?$rid=a")
        + packets.publish(EVENTS, "2", packet_id=2)
        + packets.read(packets.PINGREQ)
        + packets.publish(EVENTS, "3", packet_id=3)
    )
    client.expect(
        "20 02 00 00   90 04 00 07 01 01   40 02 00 01"
        """ 30 52 00 1c "$iothub/twin/res/200/?$rid=a" """
        """ '{"desired":{"$version":1},"reported":{"$version":1}}'"""
        " 40 02 00 02   d0 00   40 02 00 03"
    )
    assert [row["body"] for row in journal.rows("telemetry")] == [1, 2, 3]


def test_54_what_follows_a_refused_connect_is_not_done(client, witness, journal):
    client.send(packets.connect(password="secret") + packets.publish(EVENTS, "1", packet_id=1))
    client.expect(CONNACK_NOT_AUTHORIZED)
    client.expect_closed()
    assert journal.rows("telemetry") == []


def test_54_what_follows_disconnect_is_not_done(connected, journal):
    connected.send(packets.read(packets.DISCONNECT) + packets.publish(EVENTS, "1", packet_id=1))
    connected.expect_closed()
    assert journal.rows("telemetry") == []

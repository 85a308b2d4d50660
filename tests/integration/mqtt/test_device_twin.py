# SPDX-License-Identifier: MIT
"""Twins as devices see them. Numbers are the device protocol reference's, section 11."""

import json

import pytest

import packets

RESULTS = "$iothub/twin/res/#"
DESIRED = "$iothub/twin/PATCH/properties/desired/#"
GET = "$iothub/twin/GET/?$rid="
REPORT = "$iothub/twin/PATCH/properties/reported/?$rid="


@pytest.fixture
def twin(connected):
    """Device d1, connected, listening for responses and for desired properties."""
    return connected.subscribe(RESULTS, DESIRED)


def desire(owner, patch, path="/twins/d1"):
    answer = owner.patch(path, {"properties": {"desired": patch}})
    assert answer.status == 200, answer


def test_10_a_fresh_twin(twin):
    twin.send('30 1a 00 18 "$iothub/twin/GET/?$rid=X"')
    twin.expect(
        '30 52 00 1c "$iothub/twin/res/200/?$rid=X"'
        """ '{"desired":{"$version":1},"reported":{"$version":1}}'"""
    )
    twin.ping()


def test_10_a_twin_has_no_metadata_and_no_tags_for_its_device(twin, owner):
    assert owner.patch("/twins/d1", {"tags": {"plant": "43"}}).status == 200
    desire(owner, {"k": "v"})
    assert twin.publish()[0] == "$iothub/twin/PATCH/properties/desired/?$version=2"
    twin.send(packets.publish(REPORT + "1", '{"x":1034}'))
    assert twin.publish() == ("$iothub/twin/res/204/?$rid=1&$version=2", b"")
    twin.send('30 1d 00 1b "$iothub/twin/GET/?$rid=0a-F"')
    twin.expect(
        '30 66 00 1f "$iothub/twin/res/200/?$rid=0a-F"'
        """ '{"desired":{"k":"v","$version":2},"reported":{"x":1034,"$version":2}}'"""
    )


@pytest.mark.parametrize("body", ["", " "], ids=["empty", "a blank"])
@pytest.mark.parametrize("rid", ["1", "65535", "4e5d7a4c-9ac1-4b4f-8f0e-0d7d3b4e1a11"])
def test_10_any_request_id_and_what_sdks_send_as_body(twin, rid, body):
    twin.send(packets.publish(GET + rid, body))
    assert twin.publish()[0] == f"$iothub/twin/res/200/?$rid={rid}"


def test_10_at_qos_1_the_request_is_acknowledged_too(twin):
    twin.send(packets.publish(GET + "1", " ", packet_id=9))
    first, second = twin.packet(), twin.packet()
    assert (0x40, b"\x00\x09") in (first, second)
    assert {first[0], second[0]} == {0x30, 0x40}


def test_10_without_the_subscription_there_is_no_response(connected):
    connected.send(packets.publish(GET + "1"))
    connected.ping()


def test_11_reported_properties_are_merged(twin, owner):
    twin.send(packets.publish(REPORT + "1", '{"b":1,"c":{"d":1,"e":2}}'))
    twin.expect('30 29 00 27 "$iothub/twin/res/204/?$rid=1&$version=2"')
    twin.send(packets.publish(REPORT + "2", '{"a":1,"b":null,"c":{"d":[1,2]},"never":null}'))
    twin.expect('30 29 00 27 "$iothub/twin/res/204/?$rid=2&$version=3"')
    reported = owner.get("/twins/d1").json["properties"]["reported"]
    metadata = reported.pop("$metadata")
    assert reported == {"a": 1, "c": {"d": [1, 2], "e": 2}, "$version": 3}
    assert set(metadata) == {"$lastUpdated", "a", "c"}
    assert set(metadata["c"]) == {"$lastUpdated", "d", "e"}
    assert metadata["a"]["$lastUpdated"] == metadata["$lastUpdated"]
    assert metadata["c"]["e"]["$lastUpdated"] < metadata["c"]["d"]["$lastUpdated"]


def test_11_an_empty_patch_still_counts(twin):
    twin.send(packets.publish(REPORT + "1", "{}"))
    twin.expect('30 29 00 27 "$iothub/twin/res/204/?$rid=1&$version=2"')


def test_11_without_a_request_id_it_is_done_in_silence(twin, owner):
    twin.send(packets.publish("$iothub/twin/PATCH/properties/reported/", '{"a":1}'))
    twin.ping()
    assert owner.get("/twins/d1").json["properties"]["reported"]["a"] == 1


def test_11_without_the_subscription_it_is_done_in_silence(connected, owner, journal):
    connected.send(packets.publish(REPORT + "1", '{"a":1}'))
    connected.ping()
    assert owner.get("/twins/d1").json["properties"]["reported"]["a"] == 1
    assert journal.row("reported")["deviceId"] == "d1"


def test_11_the_service_sees_its_own_device_only(twin, owner, devices):
    devices("d2")
    twin.send(packets.publish(REPORT + "1", '{"a":1}'))
    twin.publish()
    assert "a" not in owner.get("/twins/d2").json["properties"]["reported"]


def test_12_desired_properties_are_told_at_once(twin, owner):
    desire(owner, {"k": "v", "gone": None})
    twin.expect(
        '30 55 00 31 "$iothub/twin/PATCH/properties/desired/?$version=2"'
        """ '{"k":"v","gone":null,"$version":2}'"""
    )
    twin.ping()


def test_12_a_replacement_is_told_whole(twin, owner):
    desire(owner, {"a": 1, "b": 2})
    twin.publish()
    assert owner.put("/twins/d1", {"properties": {"desired": {"b": 3}}}).status == 200
    topic, body = twin.publish()
    assert topic == "$iothub/twin/PATCH/properties/desired/?$version=3"
    assert body == b'{"b":3,"$version":3}'


def test_12_tags_are_none_of_its_business(twin, owner):
    assert owner.patch("/twins/d1", {"tags": {"plant": "43"}}).status == 200
    twin.ping()


def test_12_only_who_subscribed_is_told(connected, owner, dial, devices):
    devices("d2")
    other = dial().connect("d2").subscribe(DESIRED)
    desire(owner, {"k": 1})
    connected.ping()
    other.ping()


def test_12_what_happened_meanwhile_is_not_told_later(dial, connected, owner):
    connected.subscribe(DESIRED).disconnect()
    desire(owner, {"k": 1})
    dial().connect(expect=packets.CONNACK_OK_SESSION_PRESENT).ping()


def test_12_after_unsubscribe_nothing_comes(twin, owner):
    twin.send(packets.unsubscribe(8, DESIRED))
    twin.expect("b0 02 00 08")
    desire(owner, {"k": 1})
    twin.ping()


def nested(depth):
    """`depth` objects, one in the other, below the section."""
    return '{"a":' * depth + "1" + "}" * depth


WRONG = {
    "malformed JSON": ('{"a":', "JSON"),
    "no JSON at all": ("hello", "JSON"),
    "nothing": ("", "JSON"),
    "two values": ("{}{}", "JSON"),
    "ten thousand levels": (nested(10000), "JSON"),
    "bad UTF-8": (b'{"a":"\xff"}', ""),
    "an array": ("[]", "must be a JSON object"),
    "a number": ("1", "must be a JSON object"),
    "a name with a dollar": ('{"$bad":1}', "'$bad'"),
    "a name with a dot": ('{"a.b":1}', "'a.b'"),
    "a name with a blank": ('{"a":{"b c":1}}', "'b c'"),
    "an empty name": ('{"":1}', "name"),
    "$version": ('{"$version":1}', "'$version'"),
    "11 levels": (nested(12), "nested deeper than 10 levels"),
    "a string over 4 KB": ('{"a":"%s"}' % ("x" * 4097), "4097 bytes"),
    "an integer too large": ('{"a":4503599627370496}', "4503599627370496"),
    "33 KB": (json.dumps({f"k{i}": "x" * 1000 for i in range(33)}), "at most 32768"),
    "null in an array": ('{"a":[null]}', "null"),
}


@pytest.mark.parametrize("body, why", WRONG.values(), ids=WRONG)
def test_34_a_wrong_patch_is_refused_with_a_code_in_json(
    twin, owner, witness, journal, log, body, why
):
    """Node takes any other body for success (reference, 5). The connection stays."""
    twin.send(packets.publish(REPORT + "7", body, packet_id=9))
    topic, error = twin.publish()
    assert topic == "$iothub/twin/res/400/?$rid=7"
    error = json.loads(error)
    assert error["errorCode"] // 1000 == 400
    assert set(error) == {"errorCode", "message", "trackingId", "timestampUtc", "info"}
    assert why in error["message"]
    twin.expect("40 02 00 09")
    twin.ping()
    assert why in log.line("refused code=400")
    assert journal.row("refused")["deviceId"] == "d1"
    assert owner.get("/twins/d1").json["properties"]["reported"]["$version"] == 1


RIGHT = {
    "10 levels": nested(11),
    "a string of 4 KB": '{"a":"%s"}' % ("x" * 4096),
    "the largest integer": '{"a":4503599627370495,"b":-4503599627370496}',
    "32 KB": json.dumps({f"k{i:02}": "x" * 1021 for i in range(32)}),
    "an array": '{"a":[1,[2],{"b":3}]}',
}


@pytest.mark.parametrize("body", RIGHT.values(), ids=RIGHT)
def test_34_the_last_that_is_right(twin, body):
    twin.send(packets.publish(REPORT + "7", body))
    assert twin.publish() == ("$iothub/twin/res/204/?$rid=7&$version=2", b"")


def test_35_a_stale_version_is_412(twin, owner, log):
    twin.send(packets.publish(REPORT + "1&$version=1", '{"a":1}'))
    assert twin.publish() == ("$iothub/twin/res/204/?$rid=1&$version=2", b"")
    twin.send(packets.publish(REPORT + "2&$version=1", '{"a":2}'))
    topic, error = twin.publish()
    assert topic == "$iothub/twin/res/412/?$rid=2"
    assert json.loads(error)["errorCode"] == 412001
    assert log.line("refused code=412001")
    twin.send(packets.publish(REPORT + "3&$version=2", '{"a":3}'))
    assert twin.publish() == ("$iothub/twin/res/204/?$rid=3&$version=3", b"")
    assert owner.get("/twins/d1").json["properties"]["reported"]["a"] == 3


def test_35_a_version_that_is_no_number_is_400(twin):
    twin.send(packets.publish(REPORT + "1&$version=x", '{"a":1}'))
    topic, error = twin.publish()
    assert topic == "$iothub/twin/res/400/?$rid=1"
    assert json.loads(error)["errorCode"] == 400004


def test_36_a_modules_twin_is_its_own(dial, twin, owner, devices):
    devices("d1", "m1")
    module = dial().connect("d1", "m1").subscribe(RESULTS, DESIRED)
    desire(owner, {"of": "module"}, "/twins/d1/modules/m1")
    module.expect(
        '30 4f 00 31 "$iothub/twin/PATCH/properties/desired/?$version=2"'
        """ '{"of":"module","$version":2}'"""
    )
    twin.ping()
    desire(owner, {"of": "device"})
    assert twin.publish()[1] == b'{"of":"device","$version":2}'
    module.ping()
    module.send(packets.publish(REPORT + "1", '{"x":1}'))
    assert module.publish()[0] == "$iothub/twin/res/204/?$rid=1&$version=2"
    twin.send(packets.publish(GET + "1"))
    assert twin.publish()[1] == b'{"desired":{"of":"device","$version":2},"reported":{"$version":1}}'
    reported = owner.get("/twins/d1/modules/m1").json["properties"]["reported"]
    assert reported["x"] == 1


def test_a_deleted_device_is_disconnected(twin, owner, witness, log):
    assert owner.delete("/devices/d1", headers={"If-Match": "*"}).status == 204
    twin.expect_closed()
    assert log.line("device=d1 module= disconnected:")


def test_a_disabled_device_is_disconnected(twin, owner, witness, log):
    identity = {**owner.get("/devices/d1").json, "status": "disabled"}
    assert owner.put("/devices/d1", identity, headers={"If-Match": "*"}).status == 200
    twin.expect_closed()
    assert log.line("device=d1 module= disconnected:")

# SPDX-License-Identifier: MIT
"""SUBSCRIBE, UNSUBSCRIBE, and what outlives a connection. Numbers: device protocol reference, 11."""

import pytest

import packets
import rest
from hub_view import register
from mqtt_client import MqttClient
from packets import CONNACK_OK, CONNACK_OK_SESSION_PRESENT

RESULTS = "$iothub/twin/res/#"
DESIRED = "$iothub/twin/PATCH/properties/desired/#"
METHODS = "$iothub/methods/POST/#"
C2D = "devices/d1/messages/devicebound/#"


def desire(owner, value):
    assert owner.patch("/twins/d1", {"properties": {"desired": {"k": value}}}).status == 200


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("one", [C2D, RESULTS, DESIRED, METHODS, "$iothub/methods/POST/reboot/#"])
def test_7_a_devices_filters_are_granted(connected, journal, one, qos):
    connected.send(packets.subscribe(258, one, qos=qos))
    connected.expect(f"90 03 01 02 {qos:02x}")
    row = journal.row("subscribed")
    assert (row["deviceId"], row["filter"], row["on"]) == ("d1", one, True)


@pytest.mark.parametrize(
    "one",
    [
        "devices/d1/modules/m1/#",
        "devices/d1/modules/m1/inputs/#",
        "devices/d1/modules/m1/messages/devicebound/#",
        RESULTS,
        DESIRED,
        METHODS,
    ],
)
def test_7_a_modules_filters_are_granted(dial, d1, devices, one):
    devices("d1", "m1")
    module = dial().connect("d1", "m1")
    module.send(packets.subscribe(1, one))
    module.expect("90 03 00 01 01")


FORBIDDEN = {
    "#": "the hub is no broker",
    "+": "the hub is no broker",
    "devices/#": "nobody else's topics",
    "devices/+/messages/devicebound/#": "nobody else's topics",
    "devices/d2/messages/devicebound/#": "nobody else's topics",
    "devices/D1/messages/devicebound/#": "nobody else's topics",
    "devices/d1/#": "written exactly so",
    "devices/d1/messages/devicebound/": "written exactly so",
    "devices/d1/messages/devicebound/+": "written exactly so",
    "devices/d1/messages/events/#": "written exactly so",
    "devices/d1/modules/m1/#": "written exactly so",
    "$iothub/#": "the hub is no broker",
    "$iothub/twin/#": "the hub is no broker",
    "$iothub/twin/res/+": "the hub is no broker",
    "$iothub/methods/POST/+/#": "the hub is no broker",
    "$SYS/#": "the hub is no broker",
    "$share/g/devices/d1/messages/devicebound/#": "the hub is no broker",
}


@pytest.mark.parametrize("one, why", FORBIDDEN.items(), ids=FORBIDDEN)
def test_20_a_filter_that_is_not_ones_own_closes(connected, devices, witness, journal, log, one, why):
    devices("d1", "m1")
    connected.send(packets.subscribe(1, one))
    connected.expect_closed()
    line = log.line("refused code=400003")
    assert f'subscribe to "{one}"' in line
    assert why in line
    assert journal.row("refused")["deviceId"] == "d1"


def test_20_one_bad_filter_among_good_ones_grants_none(connected, dial, journal):
    connected.send(packets.subscribe(1, RESULTS, "#", DESIRED))
    connected.expect_closed()
    assert journal.rows("subscribed") == []
    dial().connect(expect=CONNACK_OK)


def test_20_a_module_may_not_listen_for_its_device(dial, d1, devices, witness, log):
    devices("d1", "m1")
    module = dial().connect("d1", "m1")
    module.send(packets.subscribe(1, C2D))
    module.expect_closed()
    assert log.line("refused code=400003")


def test_21_qos_2_is_granted_as_1(connected):
    connected.send('82 26 00 01 00 21 "devices/d1/messages/devicebound/#" 02')
    connected.expect("90 03 00 01 01")


def test_22_four_filters_in_one_packet(connected):
    """As the C SDK sends them: C2D at QoS 1, the rest at 0; one asks for 2."""
    connected.send(
        '82 7e 00 2a 00 21 "devices/d1/messages/devicebound/#" 01'
        ' 00 12 "$iothub/twin/res/#" 02'
        ' 00 27 "$iothub/twin/PATCH/properties/desired/#" 00'
        ' 00 16 "$iothub/methods/POST/#" 00'
    )
    connected.expect("90 06 00 2a 01 01 00 00")


def test_22_five_filters_in_one_packet(connected):
    connected.subscribe(C2D, RESULTS, DESIRED, METHODS, "$iothub/methods/POST/reboot/#")


def test_22_the_same_filter_again_is_granted_again(connected, owner):
    connected.subscribe(DESIRED, DESIRED)
    connected.subscribe(DESIRED, qos=0)
    desire(owner, 1)
    connected.publish()
    connected.ping()


def test_unsubscribe_is_always_acknowledged(connected, owner):
    connected.subscribe(DESIRED)
    connected.send('a2 2b 00 07 00 27 "$iothub/twin/PATCH/properties/desired/#"')
    connected.expect("b0 02 00 07")
    connected.send(packets.unsubscribe(8, DESIRED, "never/subscribed/#", "#"))
    connected.expect("b0 02 00 08")
    desire(owner, 1)
    connected.ping()


# ---- 23: what outlives a connection ----


def test_23_subscriptions_are_there_again(dial, d1, owner):
    dial().connect(clean=False).subscribe(DESIRED, METHODS).disconnect()
    again = dial().connect(clean=False, expect="20 02 01 00")
    desire(owner, 1)
    assert again.publish()[0] == "$iothub/twin/PATCH/properties/desired/?$version=2"
    again.ping()


def test_23_a_clean_session_forgets_them(dial, d1, owner):
    dial().connect(clean=False).subscribe(DESIRED).disconnect()
    clean = dial().connect(clean=True, expect="20 02 00 00")
    desire(owner, 1)
    clean.ping()
    clean.disconnect()
    later = dial().connect(clean=False, expect=CONNACK_OK)
    desire(owner, 2)
    later.ping()


def test_23_a_clean_session_leaves_nothing_behind(dial, d1):
    dial().connect(clean=True).subscribe(DESIRED).disconnect()
    dial().connect(clean=False, expect=CONNACK_OK)


def test_23_a_session_survives_a_lost_connection(dial, d1):
    dial().connect().subscribe(DESIRED).reset()
    dial().connect(expect=CONNACK_OK_SESSION_PRESENT)


def test_23_what_was_unsubscribed_stays_so(dial, d1, owner):
    first = dial().connect().subscribe(DESIRED, RESULTS)
    first.send(packets.unsubscribe(8, DESIRED))
    first.expect("b0 02 00 08")
    first.disconnect()
    again = dial().connect(expect=CONNACK_OK_SESSION_PRESENT)
    desire(owner, 1)
    again.send(packets.publish("$iothub/twin/GET/?$rid=1"))
    assert again.publish()[0] == "$iothub/twin/res/200/?$rid=1"


def test_23_a_device_registered_anew_starts_anew(dial, d1, owner, devices):
    dial().connect().subscribe(DESIRED).disconnect()
    assert owner.delete("/devices/d1", headers={"If-Match": "*"}).status == 204
    devices("d1")
    dial().connect(expect=CONNACK_OK)


def test_23_a_refused_connect_leaves_the_session_alone(dial, d1):
    dial().connect().subscribe(DESIRED).disconnect()
    stranger = dial()
    stranger.send(packets.connect(password="secret", clean=True))
    stranger.expect("20 02 00 05")
    stranger.expect_closed()
    dial().connect(expect=CONNACK_OK_SESSION_PRESENT)


def test_23_subscriptions_survive_stop_and_start(emulator_factory, tmp_path):
    emulator = emulator_factory("--data", str(tmp_path / "data"))
    with rest.service(emulator) as owner:
        register(owner, "d1")
    with MqttClient(emulator) as client:
        client.connect().subscribe(DESIRED, RESULTS)
        client.send(packets.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", '{"a":1}'))
        client.publish()
    for end in (emulator.stop, emulator.kill):
        end()
        emulator.start()
        with rest.service(emulator) as owner, MqttClient(emulator) as client:
            client.connect(expect=CONNACK_OK_SESSION_PRESENT)
            desire(owner, end.__name__)
            assert f'"{end.__name__}"'.encode() in client.publish()[1]
            client.send(packets.publish("$iothub/twin/GET/?$rid=1"))
            assert b'"reported":{"a":1,"$version":2}' in client.publish()[1]

# SPDX-License-Identifier: MIT
"""azure-iot-hub sends cloud-to-device messages over AMQP, through uamqp."""

import time

import pytest
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.device import IoTHubDeviceClient
from uamqp import TransportType

from conftest import eventually, rows, sdk


@pytest.mark.parametrize(
    "transport",
    [
        pytest.param(transport, id=name, marks=sdk("service", "azure-iot-hub", name, "C2D"))
        for name, transport in (
            ("AMQP", TransportType.Amqp),
            ("AMQP-WS", TransportType.AmqpOverWebsocket),
        )
    ],
)
def test_a_message_arrives_with_its_properties(emulator, device, transport):
    manager = IoTHubRegistryManager.from_connection_string(emulator.service_connection_string, transport)
    properties = {
        "messageId": "m-1",
        "correlationId": "c-1",
        "contentType": "application/json",
        "contentEncoding": "utf-8",
        "expiryTimeUtc": int(time.time() + 600) * 1000,
        "path": "a/b&c=d %é",
    }
    manager.send_c2d_message("myDeviceId", '{"speed": 5}', properties)
    manager.send_c2d_message("myDeviceId", "second", {})

    client = IoTHubDeviceClient.create_from_connection_string(device.connection_string)
    received = []
    client.on_message_received = received.append
    client.connect()
    assert eventually(lambda: len(received) == 2)
    client.shutdown()
    first, second = received
    assert (first.data, second.data) == (b'{"speed": 5}', b"second")
    assert (first.message_id, first.correlation_id) == ("m-1", "c-1")
    assert (first.content_type, first.content_encoding) == ("application/json", "utf-8")
    assert first.custom_properties["path"] == "a/b&c=d %é"


def test_a_device_that_is_not_there_is_an_error(emulator, registry):
    with pytest.raises(Exception, match="C2D message send failure"):
        registry.send_c2d_message("nobody", "x", {})
    (refusal,) = rows(emulator, "refused")
    assert "'nobody' is not registered" in refusal["why"]

# SPDX-License-Identifier: MIT
"""Messages from the device SDK, as the journal has them."""

import pytest
from azure.iot.device import IoTHubDeviceClient, Message
from azure.iot.device.exceptions import CredentialError

from conftest import connection_string


def telemetry_rows(emulator):
    return emulator.control("GET", "/journal?kind=telemetry&limit=1000")[1]["rows"]


def test_a_hundred_messages_arrive_in_order(emulator, device):
    client = IoTHubDeviceClient.create_from_connection_string(device.connection_string)
    client.connect()
    for number in range(100):
        client.send_message(Message(f'{{"number": {number}}}'))
    client.shutdown()
    assert [row["body"]["number"] for row in telemetry_rows(emulator)] == list(range(100))


def test_properties_arrive_as_they_were_set(emulator, device):
    client = IoTHubDeviceClient.create_from_connection_string(device.connection_string)
    message = Message("Grüße")
    message.message_id = "m-1"
    message.correlation_id = "c-1"
    message.content_type = "text/plain"
    message.content_encoding = "utf-8"
    message.custom_properties = {"alert": "true", "path": "a/b&c=d %é", "plus": "1+1"}
    client.connect()
    client.send_message(message)
    client.shutdown()
    (row,) = telemetry_rows(emulator)
    assert row["bodyText"] == "Grüße"
    assert row["properties"] == {"alert": "true", "path": "a/b&c=d %é", "plus": "1+1"}
    assert row["systemProperties"] == {
        "messageId": "m-1",
        "correlationId": "c-1",
        "contentType": "text/plain",
        "contentEncoding": "utf-8",
    }


def test_a_wrong_key_is_a_credential_error_and_explained(emulator, device):
    client = IoTHubDeviceClient.create_from_connection_string(
        connection_string("myDeviceId", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        connection_retry=False,
    )
    with pytest.raises(CredentialError):
        client.connect()
    client.shutdown()
    (refusal,) = emulator.control("GET", "/journal?kind=refused&device=myDeviceId")[1]["rows"]
    assert "not made with a key of this device" in refusal["why"]

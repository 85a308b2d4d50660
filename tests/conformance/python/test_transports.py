# SPDX-License-Identifier: MIT
"""azure-iot-device: what a device and a module do, over MQTT and over MQTT in WebSockets."""

import pytest
from azure.iot.device import IoTHubDeviceClient, IoTHubModuleClient, Message, MethodResponse
from azure.iot.hub.models import CloudToDeviceMethod, Twin, TwinProperties

from conftest import connection_string, eventually, feedback_records, rows, sdk

TRANSPORTS = {"MQTT": {}, "MQTT-WS": {"websockets": True}}


def cells(role, feature):
    """One run per transport, each a cell of the matrix."""
    return pytest.mark.parametrize(
        "options",
        [
            pytest.param(options, id=transport, marks=sdk(role, "azure-iot-device", transport, feature))
            for transport, options in TRANSPORTS.items()
        ],
    )


class Device:
    """Calls of the service SDK that mean the device `client` is."""

    def __init__(self, registry, options):
        self.registry = registry
        created = registry.create_device_with_sas("d1", "", "", "enabled")
        key = created.authentication.symmetric_key.primary_key
        self.client = IoTHubDeviceClient.create_from_connection_string(connection_string("d1", key), **options)

    def twin(self):
        return self.registry.get_twin("d1")

    def desire(self, **properties):
        self.registry.update_twin("d1", Twin(properties=TwinProperties(desired=properties)), "*")

    def invoke(self, method):
        return self.registry.invoke_device_method("d1", method)


class Module:
    """Likewise for a module."""

    def __init__(self, registry, options):
        self.registry = registry
        registry.create_device_with_sas("d1", "", "", "enabled")
        created = registry.create_module_with_sas("d1", "m1", "", "", "")
        key = created.authentication.symmetric_key.primary_key
        self.client = IoTHubModuleClient.create_from_connection_string(
            connection_string("d1", key, "m1"), **options
        )

    def twin(self):
        return self.registry.get_module_twin("d1", "m1")

    def desire(self, **properties):
        patch = Twin(properties=TwinProperties(desired=properties))
        self.registry.update_module_twin("d1", "m1", patch, "*")

    def invoke(self, method):
        return self.registry.invoke_device_module_method("d1", "m1", method)


def check_telemetry(emulator, who, module_id):
    who.client.connect()
    for number in range(20):
        message = Message(f'{{"number": {number}}}', message_id=f"m-{number}")
        message.correlation_id = "c-1"
        message.content_type = "application/json"
        message.content_encoding = "utf-8"
        message.custom_properties = {"path": "a/b&c=d %é"}
        who.client.send_message(message)
    who.client.shutdown()
    events = rows(emulator, "telemetry")
    assert [row["body"]["number"] for row in events] == list(range(20))
    assert {row.get("moduleId") for row in events} == {module_id}
    assert events[1]["properties"] == {"path": "a/b&c=d %é"}
    assert events[1]["systemProperties"] == {
        "messageId": "m-1",
        "correlationId": "c-1",
        "contentType": "application/json",
        "contentEncoding": "utf-8",
    }


def check_twin(who):
    heard = []
    who.client.on_twin_desired_properties_patch_received = heard.append
    who.client.connect()
    who.client.patch_twin_reported_properties({"link": {"state": "up"}})
    assert who.twin().properties.reported["link"]["state"] == "up"
    who.desire(level=2)
    assert eventually(lambda: heard), "the desired patch never came"
    assert (heard[0]["level"], heard[0]["$version"]) == (2, 2)
    twin = who.client.get_twin()
    assert twin["desired"] == {"level": 2, "$version": 2}
    assert twin["reported"] == {"link": {"state": "up"}, "$version": 2}
    who.client.shutdown()


def check_method(emulator, who):
    def respond(request):
        response = MethodResponse.create_from_method_request(request, 207, {"was": request.payload})
        who.client.send_method_response(response)

    who.client.on_method_request_received = respond
    who.client.connect()
    assert eventually(
        lambda: [row for row in rows(emulator, "subscribed") if row["filter"].startswith("$iothub/methods")]
    )
    result = who.invoke(CloudToDeviceMethod(method_name="reboot", payload={"in": 5}))
    assert (result.status, result.payload) == (207, {"was": {"in": 5}})
    who.client.shutdown()


@cells("device", "telemetry")
def test_telemetry_of_a_device(emulator, registry, options):
    check_telemetry(emulator, Device(registry, options), None)


@cells("device", "twin")
def test_the_twin_of_a_device(registry, options):
    check_twin(Device(registry, options))


@cells("device", "method")
def test_a_method_of_a_device(emulator, registry, options):
    check_method(emulator, Device(registry, options))


@cells("module", "telemetry")
def test_telemetry_of_a_module(emulator, registry, options):
    check_telemetry(emulator, Module(registry, options), "m1")


@cells("module", "twin")
def test_the_twin_of_a_module(registry, options):
    check_twin(Module(registry, options))


@cells("module", "method")
def test_a_method_of_a_module(emulator, registry, options):
    check_method(emulator, Module(registry, options))


@cells("device", "C2D")
def test_messages_to_a_device(emulator, registry, options):
    device = Device(registry, options)
    sent = {"messageId": "m-1", "contentType": "text/plain", "ack": "full", "path": "a/b&c=d %é"}
    registry.send_c2d_message("d1", "waits", sent)  # before the device is there
    received = []
    device.client.on_message_received = received.append
    device.client.connect()
    assert eventually(lambda: len(received) == 1)
    registry.send_c2d_message("d1", "comes at once", {"messageId": "m-2", "iothub-ack": "full"})
    assert eventually(lambda: len(received) == 2)
    assert [message.data for message in received] == [b"waits", b"comes at once"]
    assert received[0].message_id == "m-1"
    assert received[0].content_type == "text/plain"
    assert received[0].custom_properties["path"] == "a/b&c=d %é"
    # `ack` is a property like any other: only iothub-ack asks for feedback.
    assert received[0].custom_properties["ack"] == "full"
    (record,) = eventually(lambda: feedback_records(emulator))
    assert (record["originalMessageId"], record["statusCode"]) == ("m-2", "Success")
    assert eventually(lambda: device.twin().cloud_to_device_message_count == 0)
    device.client.shutdown()

# SPDX-License-Identifier: MIT
"""The reboot tutorial: a method whose answer takes the device twenty seconds."""

import datetime
import threading
import time

import pytest
from azure.iot.device import IoTHubDeviceClient, MethodResponse
from azure.iot.hub.models import CloudToDeviceMethod

from conftest import eventually, sdk

REBOOT_S = 20


def answer_reboot(client, seconds):
    request = client.receive_method_request("rebootDevice")
    time.sleep(seconds)
    client.patch_twin_reported_properties({"rebootTime": datetime.datetime.now().isoformat()})
    client.send_method_response(
        MethodResponse.create_from_method_request(request, 200, {"result": True, "was": request.payload})
    )


def wait_until_subscribed(emulator, device_id):
    assert eventually(
        lambda: [
            row
            for row in emulator.control("GET", f"/journal?kind=subscribed&device={device_id}")[1]["rows"]
            if row["filter"].startswith("$iothub/methods/POST/")
        ]
    )


def test_a_reboot_of_twenty_seconds_fits_the_default_timeouts(emulator, registry, device):
    client = IoTHubDeviceClient.create_from_connection_string(device.connection_string)
    client.connect()
    worker = threading.Thread(target=answer_reboot, args=(client, REBOOT_S), daemon=True)
    worker.start()
    wait_until_subscribed(emulator, "myDeviceId")

    asked = time.monotonic()
    result = registry.invoke_device_method(
        "myDeviceId", CloudToDeviceMethod(method_name="rebootDevice", payload={"delay": 1})
    )
    took = time.monotonic() - asked
    assert result.status == 200
    assert result.payload == {"result": True, "was": {"delay": 1}}
    assert took >= REBOOT_S
    assert "rebootTime" in registry.get_twin("myDeviceId").properties.reported
    worker.join(5)
    client.shutdown()


@sdk("service", "azure-iot-hub", "HTTPS", "method")
def test_a_device_status_of_its_own_is_passed_on(emulator, registry, device):
    client = IoTHubDeviceClient.create_from_connection_string(device.connection_string)

    def respond(request):
        client.send_method_response(
            MethodResponse.create_from_method_request(request, 404, {"unknown": request.name})
        )

    client.on_method_request_received = respond
    client.connect()
    wait_until_subscribed(emulator, "myDeviceId")
    result = registry.invoke_device_method("myDeviceId", CloudToDeviceMethod(method_name="fly", payload=None))
    assert (result.status, result.payload) == (404, {"unknown": "fly"})
    client.shutdown()


def test_a_device_that_is_not_there_is_told_at_once(registry, device):
    asked = time.monotonic()
    with pytest.raises(Exception) as refused:
        registry.invoke_device_method("myDeviceId", CloudToDeviceMethod(method_name="m", payload=1))
    assert time.monotonic() - asked < 5
    assert "Not Found" in str(refused.value) or "404" in str(refused.value)

# SPDX-License-Identifier: MIT
"""The module twin tutorial: identities, a module's twin from both sides."""

import threading

from azure.iot.device import IoTHubModuleClient
from azure.iot.hub.models import Twin, TwinProperties

from conftest import connection_string, eventually


def create_module(registry):
    registry.create_device_with_sas("myFirstDevice", "", "", "enabled")
    module = registry.create_module_with_sas("myFirstDevice", "myFirstModule", "", "", "")
    key = module.authentication.symmetric_key.primary_key
    return connection_string("myFirstDevice", key, "myFirstModule")


def test_a_device_and_a_module_get_keys(registry):
    create_module(registry)
    device = registry.get_device("myFirstDevice")
    module = registry.get_module("myFirstDevice", "myFirstModule")
    assert len(device.authentication.symmetric_key.primary_key) == 44
    assert module.authentication.symmetric_key.primary_key != module.authentication.symmetric_key.secondary_key
    assert [m.module_id for m in registry.get_modules("myFirstDevice")] == ["myFirstModule"]


def test_a_module_hears_of_its_desired_properties_and_reports(registry):
    text = create_module(registry)
    client = IoTHubModuleClient.create_from_connection_string(text)
    client.connect()
    received = []
    listener = threading.Thread(
        target=lambda: received.append(client.receive_twin_desired_properties_patch()), daemon=True
    )
    listener.start()

    def set_interval():
        registry.update_module_twin(
            "myFirstDevice",
            "myFirstModule",
            Twin(properties=TwinProperties(desired={"telemetryInterval": 122})),
            registry.get_module_twin("myFirstDevice", "myFirstModule").etag,
        )
        listener.join(0.5)
        return received

    assert eventually(set_interval)
    assert received[0]["telemetryInterval"] == 122
    client.patch_twin_reported_properties({"telemetryInterval": 122})
    twin = registry.get_module_twin("myFirstDevice", "myFirstModule")
    assert twin.properties.reported["telemetryInterval"] == 122
    assert twin.module_id == "myFirstModule"
    # The device's twin is another one.
    assert "telemetryInterval" not in registry.get_twin("myFirstDevice").properties.desired
    client.shutdown()


def test_a_module_is_updated_and_deleted(registry):
    create_module(registry)
    module = registry.get_module("myFirstDevice", "myFirstModule")
    updated = registry.update_module_with_sas(
        "myFirstDevice",
        "myFirstModule",
        "someone",
        module.etag,
        module.authentication.symmetric_key.secondary_key,
        module.authentication.symmetric_key.primary_key,
    )
    assert updated.managed_by == "someone"
    assert updated.etag != module.etag
    registry.delete_module("myFirstDevice", "myFirstModule")
    assert registry.get_modules("myFirstDevice") == []

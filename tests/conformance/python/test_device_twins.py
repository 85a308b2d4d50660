# SPDX-License-Identifier: MIT
"""The device twin tutorial: tags and a query from the back end, connectivity from the device."""

import time

from azure.iot.device import IoTHubModuleClient
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import QuerySpecification, Twin, TwinProperties

from conftest import PublicEmulator, connection_string, eventually, sdk, trust

IN_PLANT = "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'"
IN_PLANT_ON_CELLULAR = IN_PLANT + " AND properties.reported.connectivity = 'cellular'"


def device_ids(registry, query):
    result = registry.query_iot_hub(QuerySpecification(query=query), None, 100)
    return [twin.device_id for twin in result.items]


def add_tags(registry, device_id):
    twin = registry.get_twin(device_id)
    patch = Twin(
        tags={"location": {"region": "US", "plant": "Redmond43"}},
        properties=TwinProperties(desired={"power_level": 1}),
    )
    return registry.update_twin(device_id, patch, twin.etag)


def report_connectivity(device_connection_string):
    """As the tutorial has it: a module client, although the string is a device's."""
    client = IoTHubModuleClient.create_from_connection_string(device_connection_string)
    patches = []
    client.on_twin_desired_properties_patch_received = patches.append
    client.connect()
    client.patch_twin_reported_properties({"connectivity": "cellular"})
    return client, patches


def test_tags_and_connectivity_decide_what_the_queries_find(registry, device):
    updated = add_tags(registry, "myDeviceId")
    assert updated.tags["location"]["plant"] == "Redmond43"
    assert updated.properties.desired["power_level"] == 1
    assert device_ids(registry, IN_PLANT) == ["myDeviceId"]
    assert device_ids(registry, IN_PLANT_ON_CELLULAR) == []

    client, patches = report_connectivity(device.connection_string)
    assert device_ids(registry, IN_PLANT_ON_CELLULAR) == ["myDeviceId"]
    assert registry.get_twin("myDeviceId").connection_state == "Connected"

    add_tags(registry, "myDeviceId")
    assert eventually(lambda: patches), "the desired patch never came"
    assert patches[0]["power_level"] == 1 and patches[0]["$version"] == 3

    twin = client.get_twin()
    assert twin["reported"] == {"connectivity": "cellular", "$version": 2}
    assert twin["desired"] == {"power_level": 1, "$version": 3}
    client.shutdown()
    assert eventually(lambda: registry.get_twin("myDeviceId").connection_state == "Disconnected")


@sdk("service", "azure-iot-hub", "HTTPS", "twin")
def test_an_etag_that_was_overtaken_is_refused(registry, device):
    stale = registry.get_twin("myDeviceId").etag
    add_tags(registry, "myDeviceId")
    try:
        registry.update_twin("myDeviceId", Twin(tags={"a": 1}), stale)
    except Exception as error:  # the SDK wraps the service's answer
        assert "412" in str(error) or "Precondition" in str(error)
    else:
        raise AssertionError("a stale etag was accepted")


def test_the_twin_survives_a_restart_on_disk(tmp_path):
    emulator = PublicEmulator(tmp_path / "emulator", ("--data", str(tmp_path / "data")))
    trust(emulator)
    registry = IoTHubRegistryManager.from_connection_string(emulator.service_connection_string)
    created = registry.create_device_with_sas("myDeviceId", "", "", "enabled")
    key = created.authentication.symmetric_key.primary_key
    add_tags(registry, "myDeviceId")
    client, _ = report_connectivity(connection_string("myDeviceId", key))
    client.shutdown()
    before = registry.get_twin("myDeviceId")
    emulator.kill()  # no chance to tidy up

    emulator.start()
    registry = IoTHubRegistryManager.from_connection_string(emulator.service_connection_string)
    after = registry.get_twin("myDeviceId")
    assert after.etag == before.etag and after.version == before.version
    assert after.properties.reported["connectivity"] == "cellular"
    assert after.connection_state == "Disconnected"
    assert device_ids(registry, IN_PLANT_ON_CELLULAR) == ["myDeviceId"]
    client, patches = report_connectivity(connection_string("myDeviceId", key))
    add_tags(registry, "myDeviceId")
    assert eventually(lambda: patches)
    client.shutdown()
    emulator.stop()


def test_the_blocking_patch_call_returns_what_was_set(registry, device):
    client = IoTHubModuleClient.create_from_connection_string(device.connection_string)
    client.connect()
    import threading

    received = []
    waiting = threading.Thread(
        target=lambda: received.append(client.receive_twin_desired_properties_patch()), daemon=True
    )
    waiting.start()
    # The call subscribes first; a patch of before that would not come, as with the service.
    deadline = time.monotonic() + 10
    while waiting.is_alive() and time.monotonic() < deadline:
        registry.update_twin(
            "myDeviceId", Twin(properties=TwinProperties(desired={"fan": {"speed": 3}})), "*"
        )
        waiting.join(0.5)
    assert received and received[0]["fan"] == {"speed": 3}
    client.shutdown()

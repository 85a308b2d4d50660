# SPDX-License-Identifier: MIT
"""The registry through the service SDK."""

import base64

import pytest
from azure.iot.hub.models import ExportImportDevice, QuerySpecification, Twin

from conftest import sdk


def key(letter):
    return base64.b64encode(letter.encode() * 32).decode()


def test_keys_may_be_chosen_or_generated(registry):
    chosen = registry.create_device_with_sas("chosen", key("a"), key("b"), "enabled")
    assert chosen.authentication.symmetric_key.primary_key == key("a")
    generated = registry.create_device_with_sas("generated", "", "", "disabled")
    assert len(base64.b64decode(generated.authentication.symmetric_key.primary_key)) == 32
    assert generated.status == "disabled"


@sdk("service", "azure-iot-hub", "HTTPS", "registry")
def test_a_device_is_updated_with_its_etag_and_deleted(registry):
    device = registry.create_device_with_sas("d1", key("a"), key("b"), "enabled")
    updated = registry.update_device_with_sas("d1", device.etag, key("c"), key("d"), "disabled")
    assert updated.status == "disabled" and updated.etag != device.etag
    assert updated.generation_id == device.generation_id
    with pytest.raises(Exception):
        registry.update_device_with_sas("d1", device.etag, key("c"), key("d"), "enabled")
    registry.delete_device("d1")
    with pytest.raises(Exception):
        registry.get_device("d1")


@sdk("service", "azure-iot-hub", "HTTPS", "registry")
def test_counts_follow(registry):
    registry.create_device_with_sas("on", "", "", "enabled")
    registry.create_device_with_sas("off", "", "", "disabled")
    statistics = registry.get_device_registry_statistics()
    assert (statistics.total_device_count, statistics.enabled_device_count) == (2, 1)
    assert registry.get_service_statistics().connected_device_count == 0
    assert [device.device_id for device in registry.get_devices()] == ["on", "off"]


@sdk("service", "azure-iot-hub", "HTTPS", "query")
def test_many_devices_in_one_request_and_pages_of_a_query(registry):
    devices = [ExportImportDevice(id=f"bulk-{n:02}", import_mode="create") for n in range(25)]
    answer = registry.bulk_create_or_update_devices(devices)
    assert answer.is_successful and answer.errors == []

    found, token = [], None
    while True:
        page = registry.query_iot_hub(QuerySpecification(query="SELECT * FROM devices"), token, 10)
        found += [twin.device_id for twin in page.items]
        token = page.continuation_token
        if not token:
            break
    assert found == [f"bulk-{n:02}" for n in range(25)]


@sdk("service", "azure-iot-hub", "HTTPS", "twin")
def test_a_twin_is_replaced(registry):
    registry.create_device_with_sas("d1", "", "", "enabled")
    registry.update_twin("d1", Twin(tags={"old": 1}), "*")
    replaced = registry.replace_twin("d1", Twin(tags={"new": 2}), "*")
    assert replaced.tags == {"new": 2}

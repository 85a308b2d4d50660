# SPDX-License-Identifier: MIT
"""The fleet that README.md names, seen through the service SDK."""

from pathlib import Path

from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import QuerySpecification

from conftest import PublicEmulator, trust

SEED = Path(__file__).resolve().parents[3] / "fixtures/seeds/plant.json"


def test_the_fleet_of_fixtures_is_a_seed(tmp_path):
    emulator = PublicEmulator(tmp_path / "emulator", ("--memory", "--seed", str(SEED)))
    try:
        trust(emulator)
        hub = IoTHubRegistryManager.from_connection_string(emulator.service_connection_string)
        question = "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'"
        answer = hub.query_iot_hub(QuerySpecification(query=question))
        assert [twin.device_id for twin in answer.items] == ["pump-1", "pump-2"]
        assert [module.module_id for module in hub.get_modules("pump-1")] == ["vibration"]
    finally:
        emulator.stop()

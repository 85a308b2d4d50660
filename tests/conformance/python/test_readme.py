# SPDX-License-Identifier: MIT
"""What README.md tells a newcomer to type, typed as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import PublicEmulator, eventually, trust

ROOT = Path(__file__).resolve().parents[3]


def block(language, number=0):
    """A block after the mark, in this language."""
    tested = (ROOT / "README.md").read_text().partition("<!-- tested:")[2]
    return re.findall(rf"^```{language}\n(.*?)^```", tested, re.S | re.M)[number]


@pytest.fixture
def shell(emulator):
    """Runs a command with the variables that the emulator's own start-up lines export."""
    announced = emulator.folder / "announced.txt"
    printed = re.compile(r"^next, .*\n((?:  export .*\n)+)", re.M)
    exports = eventually(lambda: printed.search(announced.read_text())).group(1)

    def run(script, **environment):
        return subprocess.run(
            ["bash", "-euc", f"{exports}\n{script}"], cwd=ROOT, timeout=60, text=True,
            capture_output=True, env={**os.environ, **environment})

    return run


NODE_MODULES = str(ROOT / "tests/conformance/node/node_modules")
CREATE = 'eval "$(build/release/bin/create_identities | grep ^export)"\n'
TAG = """
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import Twin
import os
registry = IoTHubRegistryManager.from_connection_string(os.environ["IOTHUB_CONNECTION_STRING"])
registry.update_twin("myFirstDevice", Twin(tags={"location": {"plant": "Redmond43"}}), "*")
"""


def test_the_tour_ends_with_the_device_in_both_lists_and_all_of_it_in_the_journal(shell):
    done = shell("set -m\n" + block("sh"))
    assert done.returncode == 0, done.stdout + done.stderr
    tour, _, journal = done.stdout.partition('{"rows"')
    assert tour.count("myFirstDevice") > 2
    for event in ("identityCreated", "connected", "reported", "twinChanged"):
        assert f'"{event}"' in journal


def test_the_python_example_prints_what_the_device_reported(shell):
    done = shell(f'{CREATE}"$PYTHON" -c "$EXAMPLE"', PYTHON=sys.executable, EXAMPLE=block("python"))
    assert (done.returncode, done.stdout) == (0, "1.2\n"), done.stderr


def test_the_node_example_finds_the_device_by_its_tag(shell):
    done = shell(
        f'{CREATE}"$PYTHON" -c "$TAG"\nnode -e "$EXAMPLE"',
        PYTHON=sys.executable, TAG=TAG, EXAMPLE=block("js"),
        NODE_PATH=NODE_MODULES)
    assert (done.returncode, done.stdout) == (0, "[ 'myFirstDevice' ]\n"), done.stderr


def test_the_back_end_in_node_sends_its_message(shell, registry):
    done = shell(f'{CREATE}node -e "$EXAMPLE"', EXAMPLE=block("js", 1), NODE_PATH=NODE_MODULES)
    assert done.returncode == 0, done.stderr
    assert registry.get_twin("myFirstDevice").cloud_to_device_message_count == 1


def test_the_reader_prints_what_the_device_sent(shell):
    done = shell(
        f'{CREATE}"$PYTHON" -c "$DEVICE"\n'
        'exec {reader}< <(exec "$PYTHON" -c "$READER"); read -r line <&$reader; kill $!; echo "$line"',
        PYTHON=sys.executable, DEVICE=block("python"), READER=block("python", 1))
    assert (done.returncode, done.stdout) == (0, '1.2\n{"temperature": 21.5}\n'), done.stderr


def test_the_fleet_of_fixtures_is_a_seed(tmp_path):
    from azure.iot.hub import IoTHubRegistryManager
    from azure.iot.hub.models import QuerySpecification

    seed = str(ROOT / "fixtures/seeds/plant.json")
    emulator = PublicEmulator(tmp_path / "emulator", ("--memory", "--seed", seed))
    try:
        trust(emulator)
        hub = IoTHubRegistryManager.from_connection_string(emulator.service_connection_string)
        question = "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'"
        answer = hub.query_iot_hub(QuerySpecification(query=question))
        assert [twin.device_id for twin in answer.items] == ["pump-1", "pump-2"]
        assert [module.module_id for module in hub.get_modules("pump-1")] == ["vibration"]
    finally:
        emulator.stop()

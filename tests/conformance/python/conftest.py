# SPDX-License-Identifier: MIT
"""
An emulator on the ports that the SDKs insist on, as a user has it.

tests/support/netns gives the run a network of its own, so these ports are free and may be bound. Trust
goes through the two variables that the README names: nothing in the SDKs is changed.
"""

import importlib.metadata
import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "integration"))

import rest  # noqa: E402
from emulator import Emulator  # noqa: E402


class PublicEmulator(Emulator):
    """The emulator on its usual ports."""

    fixed_ports = True


def connection_string(device, key, module=None):
    parts = ["HostName=localhost", f"DeviceId={device}"]
    parts += [f"ModuleId={module}"] if module else []
    return ";".join(parts + [f"SharedAccessKey={key}"])


def trust(emulator):
    os.environ["SSL_CERT_FILE"] = emulator.ca_bundle_path
    os.environ["REQUESTS_CA_BUNDLE"] = emulator.ca_bundle_path


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "sdk(role, package, transport, feature): the outcome is a cell of the SDK matrix"
    )


def sdk(role, package, transport, feature):
    return pytest.mark.sdk(role=role, package=package, transport=transport, feature=feature)


def record(result, role, package, transport, feature):
    """One row for the SDK matrix; ../README.md describes it."""
    if path := os.environ.get("HUB_SDK_RESULTS"):
        version = importlib.metadata.version(package)
        with open(path, "a") as results:
            results.write(f"{role}\tPython\t{package}\t{version}\t{transport}\t{feature}\t{result}\n")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Rows for the matrix; and a failed test shows what the emulator said."""
    report = (yield).get_result()
    if report.when == "call" or report.failed:
        for mark in item.iter_markers("sdk"):
            record("passed" if report.passed else "failed", **mark.kwargs)
    used = getattr(item, "funcargs", {}).get("emulator")
    if report.when == "call" and report.failed and used is not None:
        report.sections.append(("emulator log", used.log()[-6000:]))


@pytest.fixture
def emulator(tmp_path):
    """One for each test, in memory: it starts in milliseconds."""
    emulator = PublicEmulator(tmp_path / "emulator", ("--memory",))
    trust(emulator)
    yield emulator
    emulator.stop()


@pytest.fixture
def registry(emulator):
    """The service SDK's registry manager."""
    from azure.iot.hub import IoTHubRegistryManager

    return IoTHubRegistryManager.from_connection_string(emulator.service_connection_string)


@pytest.fixture
def device(registry):
    """A registered device and its connection string."""
    created = registry.create_device_with_sas("myDeviceId", "", "", "enabled")
    created.connection_string = connection_string(
        "myDeviceId", created.authentication.symmetric_key.primary_key
    )
    return created


def eventually(condition, timeout_s=10):
    """Waits for what another program brings about, and returns it."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result or time.monotonic() > deadline:
            return result
        time.sleep(0.02)


def rows(emulator, kind):
    """Rows of the journal."""
    return emulator.control("GET", f"/journal?kind={kind}&limit=1000")[1]["rows"]


def feedback_records(emulator):
    """The next batch of feedback, completed; [] when there is none. The service SDK has no call for it."""
    with rest.service(emulator) as client:
        answer = client.get("/messages/servicebound/feedback")
        if answer.status == 204:
            return []
        token = answer.headers["ETag"].strip('"')
        assert client.delete(f"/messages/servicebound/feedback/{token}").status == 204
        return answer.json

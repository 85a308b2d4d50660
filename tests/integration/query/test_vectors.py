# SPDX-License-Identifier: MIT
"""The vectors of the query language reference, 7.2, over HTTP against its fixture as a seed."""

import json
from pathlib import Path

import pytest

import rest
from emulator import Emulator

FILE = Path(__file__).resolve().parents[3] / "fixtures" / "query-vectors.json"
VECTORS = json.loads(FILE.read_text())["vectors"]
ID_MEMBERS = {"Twin": ("deviceId", "moduleId"), "DeviceJob": ("deviceId", "jobId")}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    seed = folder / "seed.json"
    seed.write_text(json.dumps(json.loads(FILE.read_text())["fixture"]))
    emulator = Emulator(folder, ("--memory", "--seed", str(seed)))
    with rest.service(emulator) as owner:
        yield owner
    emulator.stop()


def ids(answer):
    """Of SELECT *: "dev-a1" for devices, ["edge-1", "cam"] for modules and jobs."""
    first, second = ID_MEMBERS[answer.headers["x-ms-item-type"]]
    return [[row[first], row[second]] if second in row else row[first] for row in answer.json]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["n"]))
def test_vector(client, vector):
    answer = client.post("/devices/query", {"query": vector["query"]})
    assert answer.status == vector["status"], answer
    if vector["status"] != 200:
        return
    # The header is spelt in Pascal case (query/README.md), the vectors are not.
    assert answer.headers["x-ms-item-type"].lower() == vector["itemType"].lower()
    if "ids" in vector:
        assert ids(answer) == vector["ids"]
    else:
        assert answer.json == vector["body"]


def test_a_device_job_comes_back_as_it_was_seeded(client):
    seeded = json.loads(FILE.read_text())["fixture"]["devices.jobs"]
    shown = client.post("/devices/query", {"query": "SELECT * FROM devices.jobs"}).json
    times = ("startTimeUtc", "endTimeUtc", "createdDateTimeUtc", "lastUpdatedDateTimeUtc")
    for job in seeded + shown:
        for name in times:
            if name in job:  # kept in microseconds, shown with seven digits
                job[name] = job[name].rstrip("Z").ljust(20, ".").ljust(28, "0")[:26]
    assert shown == seeded

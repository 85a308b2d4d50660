# SPDX-License-Identifier: MIT
"""Which hub a command is for, whom it believes, and what it says when there is none."""

import json
import os
import re
import subprocess
import sys

import pytest

QUERY = ("query", "SELECT COUNT() AS count FROM devices", "-o", "tsv")


def service_string(emulator, **changes):
    text = re.sub(r"HostName=[^;]*", f"HostName=localhost:{emulator.ports['httpsAlt']}",
                  emulator.service_connection_string)
    for name, value in changes.items():
        text = re.sub(rf"{name}=[^;]*", f"{name}={value}", text)
    return text


@pytest.fixture(autouse=True)
def device(owner):
    return owner.create_device("d1")


@pytest.fixture
def lost(iothub):
    """The same program, but nothing leads it to the emulator."""
    del iothub.environment["IOTHUB_READY_FILE"]
    return iothub


def test_the_ready_file_is_enough(iothub):
    done = iothub(*QUERY, "--verbose")
    assert done.out == "1\n"
    assert f"by {iothub.environment['IOTHUB_READY_FILE']}" in done.err


@pytest.mark.parametrize("variable, folder", [
    ("HOME", ".local/share/iothub-emulator"), ("XDG_DATA_HOME", "iothub-emulator")])
def test_the_ready_file_is_found_at_its_usual_place(lost, emulator, tmp_path, variable, folder):
    place = tmp_path / "elsewhere" / folder
    place.mkdir(parents=True)
    (place / "ready.json").write_text(emulator.ready_path.read_text())
    assert lost(*QUERY, **{variable: str(tmp_path / "elsewhere")}).out == "1\n"


def test_the_variable_goes_before_the_ready_file_and_login_before_both(iothub, emulator):
    trusted = {"IOTHUB_CA_FILE": emulator.ca_path}
    wrong = service_string(emulator, SharedAccessKeyName="nobody")
    right = service_string(emulator)
    assert "401" in iothub(*QUERY, IOTHUB_CONNECTION_STRING=wrong, **trusted).err
    assert iothub(*QUERY, IOTHUB_CONNECTION_STRING=right, **trusted).out == "1\n"
    assert iothub(*QUERY, "-l", right, IOTHUB_CONNECTION_STRING=wrong, **trusted).out == "1\n"
    assert "401" in iothub(*QUERY, "--login", wrong, IOTHUB_CONNECTION_STRING=right, **trusted).err


def test_an_emulator_nobody_vouches_for_is_not_believed(iothub, emulator):
    done = iothub(*QUERY, IOTHUB_CONNECTION_STRING=service_string(emulator))
    assert (done.code, done.out) == (1, "")
    assert "certificate" in done.err
    assert "`iothub env` prints the variables" in done.err


def test_a_ready_file_does_not_overrule_whom_the_user_trusts(iothub, tmp_path):
    (tmp_path / "none.pem").write_text("")
    done = iothub(*QUERY, IOTHUB_CA_FILE=str(tmp_path / "none.pem"))
    assert (done.code, done.out) == (2, "")
    assert "none.pem" in done.err


def test_no_hub_tells_the_three_ways(lost):
    done = lost(*QUERY)
    assert (done.code, done.out) == (2, "")
    for way in ("IOTHUB_CONNECTION_STRING", "--login", "emulator", "ready.json"):
        assert way in done.err


def test_a_stale_ready_file_is_called_so(iothub, emulator, tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    ready = json.loads(emulator.ready_path.read_text())
    file = tmp_path / "stale.json"
    file.write_text(json.dumps({**ready, "pid": ended.pid}))
    done = iothub(*QUERY, IOTHUB_READY_FILE=str(file))
    assert (done.code, done.out) == (2, "")
    assert f"{file} is stale: its emulator, process {ended.pid}, has ended" in done.err


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "serviceConnectionString": "y"}'])
def test_a_file_that_is_no_ready_file_is_called_so(iothub, tmp_path, text):
    file = tmp_path / "other.json"
    file.write_text(text)
    done = iothub(*QUERY, IOTHUB_READY_FILE=str(file))
    assert (done.code, done.out) == (2, "")
    assert f"{file} is no ready file" in done.err


def test_a_ready_file_that_cannot_be_read(iothub, tmp_path):
    done = iothub(*QUERY, IOTHUB_READY_FILE=str(tmp_path))
    assert (done.code, done.out) == (2, "")
    assert f"{tmp_path} cannot be read: Is a directory" in done.err


@pytest.mark.parametrize(
    "text, told",
    [
        ("Endpoint=sb://localhost/;SharedAccessKeyName=a;SharedAccessKey=b", "connection string of Event Hubs"),
        ("HostName=localhost;DeviceId=d1;SharedAccessKey=b", 'connection string of the device "d1"'),
        ("HostName=localhost", "SharedAccessKey"),
        ("localhost", "no connection string"),
        ("", "--login"),
    ],
)
def test_the_wrong_kind_of_connection_string(iothub, text, told):
    done = iothub(*QUERY, "--login", text)
    assert (done.code, done.out) == (2, ""), done
    assert told in done.err


def test_a_hub_that_is_not_there(iothub):
    text = "HostName=localhost:1;SharedAccessKeyName=a;SharedAccessKey=a2tra2tra2tra2tra2tra2tra2s="
    done = iothub(*QUERY, "--login", text)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("iothub: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
def test_an_emulator_of_another_user_is_running_all_the_same(iothub, emulator, tmp_path):
    """Signalling process 1 is refused to others, which shows that it is there."""
    file = tmp_path / "ready.json"
    file.write_text(json.dumps({**json.loads(emulator.ready_path.read_text()), "pid": 1}))
    assert iothub(*QUERY, IOTHUB_READY_FILE=str(file)).out == "1\n"

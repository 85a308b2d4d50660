# SPDX-License-Identifier: MIT
"""The program itself: what it says when it starts, what it takes, and what it does not."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

import rest
from emulator import DEFAULT_BINARY, Emulator

BINARY = os.environ.get("EMULATOR_BIN", str(DEFAULT_BINARY))
SEED = Path(__file__).resolve().parents[3] / "fixtures/seeds/plant.json"
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def run(*arguments, **how):
    """Runs it until it ends by itself: what cannot start does."""
    how.setdefault("env", dict(os.environ))
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60, **how)


class FoundByHome(Emulator):
    """An emulator that is told no ready file: it writes the one in its home."""

    def start(self):
        home = self.folder / "home"
        self.ready_path = home / "ready.json"
        super().start()

    def ready_options(self):
        return []


@pytest.fixture
def usual_ready_file(tmp_path):
    emulator = FoundByHome(tmp_path / "usual")
    yield emulator, emulator.ready_path
    if emulator.process.poll() is None:
        emulator.stop()


def quiet(tmp_path):
    """Options for a start that stands in nobody's way."""
    ports = []
    for name in ("mqtt", "https", "https-alt", "amqp", "amqp-plain", "control"):
        ports += [f"--{name}-port", "0"]
    return ["--memory", "--home", str(tmp_path / "home"), *ports]


def test_the_ready_file_tells_everything(emulator_factory):
    emulator = emulator_factory()
    ready = json.loads(emulator.ready_path.read_text())
    assert ready["pid"] == emulator.process.pid
    assert set(ready["ports"]) >= {"mqtt", "https", "httpsAlt", "control"}
    assert ready["hubName"] and Path(ready["caPath"]).exists()
    assert Path(ready["caBundlePath"]).read_text().count("BEGIN CERTIFICATE") > 1
    names = [policy["name"] for policy in ready["policies"]]
    assert names == ["iothubowner", "service", "device", "registryRead", "registryReadWrite"]
    parts = dict(part.split("=", 1) for part in ready["serviceConnectionString"].split(";"))
    assert parts["SharedAccessKey"] == ready["policies"][0]["primaryKey"]
    assert parts["SharedAccessKeyName"] == "iothubowner"
    assert stat.S_IMODE(emulator.ready_path.stat().st_mode) == 0o600, "it holds keys"
    for port in ready["ports"].values():
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), 5).close()


def test_the_usual_place_of_the_ready_file_is_the_home(usual_ready_file):
    emulator, ready = usual_ready_file
    assert json.loads(ready.read_text())["pid"] == emulator.process.pid
    assert stat.S_IMODE(ready.stat().st_mode) == 0o600, "it holds keys"
    assert str(ready) in announced(emulator)
    emulator.stop()
    assert not ready.exists()


def test_a_second_emulator_leaves_the_first_ones_ready_file_alone(usual_ready_file):
    first, ready = usual_ready_file
    second = subprocess.Popen(
        [BINARY, *quiet(first.folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lines = [second.stdout.readline()]
    while "NODE_EXTRA_CA_CERTS=" not in lines[-1]:
        assert lines[-1], "it ended: " + second.stderr.read()
        lines.append(second.stdout.readline())
    said = f"{ready} is that of another running emulator (pid {first.process.pid})"
    assert said in "".join(lines)
    second.terminate()
    assert said in second.communicate(timeout=20)[1]
    assert second.returncode == 0
    assert json.loads(ready.read_text())["pid"] == first.process.pid


def test_a_ready_file_that_was_asked_for_is_not_taken_from_a_running_emulator(tmp_path, emulator_factory):
    first = emulator_factory()
    before = first.ready_path.read_text()
    ended = run(*quiet(tmp_path), "--ready-file", str(first.ready_path))
    assert ended.returncode == 1
    assert f"pid {first.process.pid}" in ended.stderr and "--ready-file" in ended.stderr
    assert first.ready_path.read_text() == before


def test_what_a_killed_emulator_left_is_gone_until_the_next_is_up(emulator_factory, tmp_path):
    emulator = emulator_factory()
    emulator.kill()
    left = emulator.ready_path
    assert left.exists()
    # One that does not come up removes it, one that does writes its own.
    taken = socket.create_server(("127.0.0.1", 0))
    options = quiet(tmp_path)
    options[options.index("--mqtt-port") + 1] = str(taken.getsockname()[1])
    assert run(*options, "--ready-file", str(left)).returncode == 1
    taken.close()
    assert not left.exists()
    emulator.start()
    assert json.loads(left.read_text())["pid"] == emulator.process.pid


def test_only_its_own_ready_file_is_removed(emulator_factory):
    emulator = emulator_factory()
    emulator.ready_path.unlink()
    emulator.ready_path.write_text("somebody else's")
    emulator.stop()
    assert emulator.ready_path.read_text() == "somebody else's"


def announced(emulator):
    """All that it prints; the ready file is there a little earlier."""
    deadline = time.monotonic() + 20
    while not re.search("NODE_EXTRA_CA_CERTS=.*\n$", text := (emulator.folder / "announced.txt").read_text()):
        assert time.monotonic() < deadline, text
        time.sleep(0.01)
    return text


def test_what_it_prints_can_be_typed(emulator_factory):
    emulator = emulator_factory()
    printed = announced(emulator)
    assert emulator.service_connection_string in printed
    assert emulator.ca_path in printed
    first, _, *by_hand = printed.split("next, in another terminal")[1].strip().splitlines()
    assert first.strip() == f"eval \"$('{Path(emulator.binary).resolve().with_name('iothub')}' env)\""
    shown = subprocess.run(
        ["sh", "-c", "\n".join(by_hand) + "\nenv"], capture_output=True, text=True, env={"PATH": os.environ["PATH"]}
    ).stdout
    assert f"IOTHUB_CONNECTION_STRING={emulator.service_connection_string}" in shown
    assert f"EVENTHUB_CONNECTION_STRING={json.loads(emulator.ready_path.read_text())['eventHubsConnectionString']}" in shown
    assert f"IOTHUB_CA_FILE={emulator.ca_path}" in shown
    assert f"SSL_CERT_FILE={emulator.ca_bundle_path}" in shown


def test_a_home_with_a_blank_and_a_quote_can_be_typed_too(tmp_path):
    emulator = Emulator(tmp_path / "a user's folder")
    printed = announced(emulator)
    lines = printed.split("next, in another terminal")[1].strip().splitlines()
    shown = subprocess.run(
        ["sh", "-c", lines[-1] + "\nenv"], capture_output=True, text=True, env={"PATH": os.environ["PATH"]}
    ).stdout
    assert f"IOTHUB_CA_FILE={emulator.ca_path}\n" in shown
    emulator.stop()


def test_keys_and_authority_stay_from_start_to_start(emulator_factory):
    emulator = emulator_factory()
    first = (emulator.service_connection_string.split("SharedAccessKey=")[1], Path(emulator.ca_path).read_text())
    emulator.stop()
    emulator.start()
    second = (emulator.service_connection_string.split("SharedAccessKey=")[1], Path(emulator.ca_path).read_text())
    assert first == second
    home = Path(emulator.ca_path).parent
    assert stat.S_IMODE((home / "ca-key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((home.parent / "keys.json").stat().st_mode) == 0o600


def test_keys_can_be_given(emulator_factory, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"policies": {"service": {"primaryKey": KEY}}}))
    emulator = emulator_factory("--memory", "--keys-from", str(keys))
    assert emulator.policies["service"].primary_key == KEY
    assert emulator.policies["iothubowner"].primary_key != KEY


def test_a_seed_is_there_when_it_is_ready(emulator_factory):
    emulator = emulator_factory("--memory", "--seed", str(SEED))
    wanted = [device["deviceId"] for device in json.loads(SEED.read_text())["devices"]]
    with rest.service(emulator) as owner:
        assert [device["deviceId"] for device in owner.get("/devices").json] == wanted
        owner.delete(f"/devices/{wanted[0]}")
        emulator.reset()
        assert len(owner.get("/devices").json) == len(wanted)


def test_a_name_of_ones_own_is_answered_to_and_certified(emulator_factory):
    emulator = emulator_factory("--memory", "--hostname", "plant.example")
    assert "HostName=plant.example" in emulator.service_connection_string
    context = ssl.create_default_context(cafile=emulator.ca_path)
    for name in ("plant.example", "localhost", "hub.localhost"):
        with socket.create_connection(("127.0.0.1", emulator.ports["httpsAlt"]), 5) as tcp:
            with context.wrap_socket(tcp, server_hostname=name) as tls:
                tls.sendall(f"GET /devices HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
                assert b" 400 " in tls.recv(4096).splitlines()[0]  # no api-version: the hub was found
    with socket.create_connection(("127.0.0.1", emulator.ports["httpsAlt"]), 5) as tcp:
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(tcp, server_hostname="other.example")


def test_it_ends_soon_and_cleanly_whoever_is_connected(emulator_factory):
    emulator = emulator_factory()
    with rest.service(emulator) as owner:
        owner.get("/devices")
        idle = [socket.create_connection(("127.0.0.1", emulator.ports[port])) for port in ("mqtt", "control")]
        poll = socket.create_connection(("127.0.0.1", emulator.ports["control"]))
        poll.sendall(b"GET /journal?after=999999&timeout=60 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.2)
        started = time.monotonic()
        emulator.process.send_signal(signal.SIGTERM)
        assert emulator.process.wait(20) == 0
        assert time.monotonic() - started < 3  # a sanitized build on a busy machine
        for one in [*idle, poll]:
            one.close()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--nope"], "--nope"),
        (["extra"], "extra"),
        (["--mqtt-port"], "needs a value"),
        (["--mqtt-port", "65536"], "65536"),
        (["--mqtt-port", "-1"], "-1"),
        (["--sync", "maybe"], "maybe"),
        (["--log-level", "loud"], "loud"),
        (["--memory", "--data", "x"], "exclude each other"),
        (["--hostname", "no host name"], "no host name"),
        (["--listen", "nowhere"], "nowhere"),
        (["--seed", "/does/not/exist"], "there is no such file"),
        (["--keys-from", "/does/not/exist"], "there is no such file"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_starts(tmp_path, arguments, said):
    ended = run(*(quiet(tmp_path)[1:] if "--data" in arguments else quiet(tmp_path)), *arguments)
    assert ended.returncode == 2
    assert said in ended.stderr.splitlines()[-1] and ended.stdout == ""


@pytest.mark.parametrize(
    "option, text, said",
    [
        ("--seed", '{"devices":', "byte 11"),
        ("--seed", '{"devices":[{"deviceId":"a b"}]}', "devices[0]"),
        ("--seed", '{"devices":[{"deviceId":"a","tags":{"$x":1}}]}', "devices[0]"),
        ("--seed", "[]", "a seed is a JSON object"),
        ("--keys-from", '{"policies":{"nobody":{}}}', "nobody"),
        ("--keys-from", '{"policies":{"service":{"primaryKey":"short"}}}', "service.primaryKey"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong_in_it(tmp_path, option, text, said):
    file = tmp_path / "given.json"
    file.write_text(text)
    ended = run(*quiet(tmp_path), option, str(file))
    assert ended.returncode == 2
    last = ended.stderr.splitlines()[-1]
    assert str(file) in last and said in last


def test_a_taken_port_is_named_with_the_option_for_another(tmp_path, emulator_factory):
    emulator = emulator_factory()
    options = quiet(tmp_path)
    options[options.index("--mqtt-port") + 1] = str(emulator.ports["mqtt"])
    ended = run(*options)
    assert ended.returncode == 1
    assert f"port {emulator.ports['mqtt']}" in ended.stderr and "--mqtt-port" in ended.stderr


def test_data_in_use_is_not_touched(tmp_path, emulator_factory):
    emulator_factory("--data", str(tmp_path / "data"))
    ended = run("--data", str(tmp_path / "data"), *quiet(tmp_path)[1:])
    assert ended.returncode == 1 and "in use by another process" in ended.stderr


def test_without_a_home_it_says_what_to_do(tmp_path):
    env = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_DATA_HOME")}
    options = quiet(tmp_path)
    del options[1:3]
    ended = run(*options, env=env)
    assert ended.returncode == 2 and "--home DIR" in ended.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_without_privileges_gets_8443_and_the_ways_to_443():
    start = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if int(start.read_text()) <= 443:
        pytest.skip("everybody may bind 443 here")
    # Neither pytest's folders nor the place of the program need be open to others.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chmod(folder, 0o777)
        binary = shutil.copy(BINARY, folder)
        options = quiet(folder)
        at = options.index("--https-port")
        del options[at : at + 2]
        ready = folder / "ready.json"
        process = subprocess.Popen(
            [binary, *options, "--ready-file", str(ready)],
            user=65534, group=65534, extra_groups=[], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 20
            while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
        finally:
            process.terminate()
            _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    assert "carrying on without port 443" in log and "setcap" in log and "sysctl" in log

# SPDX-License-Identifier: MIT
"""As a service: sockets that a manager has opened, what it is told, and what other users may read."""

import contextlib
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import time
from pathlib import Path

import pytest

from emulator import DEFAULT_BINARY

BINARY = os.environ.get("EMULATOR_BIN", str(DEFAULT_BINARY))
PORTS = [part for name in ("mqtt", "https", "https-alt", "amqp", "amqp-plain", "control") for part in (f"--{name}-port", "0")]
FIRST_FD = 3


def options(tmp_path, *more):
    return ["--memory", "--home", str(tmp_path / "home"), *PORTS, "--ready-file", str(tmp_path / "ready.json"), *more]


def with_sockets(command, sockets, names, pid="$$", count=None):
    """A process of `command` that is passed `sockets` as sd_listen_fds(3) says."""
    moves = " ".join(f"{FIRST_FD + i}<&{100 + i}" for i in range(len(sockets)))
    script = f"LISTEN_PID={pid} LISTEN_FDS={count or len(sockets)} LISTEN_FDNAMES={':'.join(names)}; "
    script += f'export LISTEN_PID LISTEN_FDS LISTEN_FDNAMES; exec "$@" {moves}'
    copies = []
    for i, one in enumerate(sockets):
        os.dup2(one.fileno(), 100 + i, inheritable=True)
        copies.append(100 + i)
    try:
        return subprocess.Popen(
            ["bash", "-c", script, "bash", *command], pass_fds=copies,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    finally:
        for copy in copies:
            os.close(copy)


def wait_until_ready(process, tmp_path):
    ready = tmp_path / "ready.json"
    deadline = time.monotonic() + 20
    while not ready.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return json.loads(ready.read_text())


def end(process):
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    return log


def status_over_tls(tcp, ready):
    """The first line of what an HTTPS port answers to a request without an api-version."""
    context = ssl.create_default_context(cafile=ready["caPath"])
    with context.wrap_socket(tcp, server_hostname="localhost") as tls:
        tls.sendall(b"GET /devices HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return tls.recv(4096).splitlines()[0]


def listener(address="127.0.0.1", port=0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


def test_whoever_connects_before_the_start_is_served_after_it(tmp_path):
    """systemd's own tool holds the port, starts the emulator for the first client, and hands over."""
    with listener() as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=https", "-E", f"HOME={tmp_path}",
         "-E", "ASAN_OPTIONS", BINARY, *options(tmp_path)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            tcp = socket.create_connection(("127.0.0.1", port), 20)
            break
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    ready = wait_until_ready(process, tmp_path)
    assert ready["pid"] == process.pid and ready["ports"]["https"] == port
    assert b" 400 " in status_over_tls(tcp, ready)
    end(process)


@pytest.mark.parametrize(
    "names, service, options_more",
    [
        (["https", "https"], "https", []),
        (["https", "https"], "https", ["--rootless"]),
        (["iothub-emulator.socket", ""], "https", ["--https-port", "PORT"]),
        (["", ""], "mqtt", ["--mqtt-port", "PORT"]),
        (["https-alt", "https-alt"], "httpsAlt", []),
        (["amqp-plain", "amqp-plain"], "amqpPlain", []),
        (["control", "control"], "control", []),
    ],
    ids=["name", "name with --rootless", "port, a name of nobody's", "port, no name", "the other port", "plain", "control"],
)
def test_a_passed_socket_takes_the_place_of_its_services(tmp_path, names, service, options_more):
    with listener() as v4, listener("::1", v4.getsockname()[1]) as v6:
        port = v4.getsockname()[1]
        more = [str(port) if part == "PORT" else part for part in options_more]
        process = with_sockets([BINARY, *options(tmp_path, *more)], [v4, v6], names)
        ready = wait_until_ready(process, tmp_path)
    assert ready["ports"][service] == port
    others = [number for name, number in ready["ports"].items() if name != service]
    assert port not in others and len(set(others)) == len(others)
    if service in ("https", "httpsAlt"):
        for host in ("127.0.0.1", "::1"):
            assert b" 400 " in status_over_tls(socket.create_connection((host, port), 5), ready)
    end(process)


def test_a_name_counts_for_more_than_a_port(tmp_path):
    with listener() as first, listener() as second:
        first_port, second_port = first.getsockname()[1], second.getsockname()[1]
        command = [BINARY, *options(tmp_path, "--mqtt-port", str(first_port))]
        process = with_sockets(command, [first, second], ["https", "mqtt"])
        ready = wait_until_ready(process, tmp_path)
    assert (ready["ports"]["https"], ready["ports"]["mqtt"]) == (first_port, second_port)
    end(process)


def refused(tmp_path, sockets, names, **how):
    process = with_sockets([BINARY, *options(tmp_path)], sockets, names, **how)
    _, log = process.communicate(timeout=20)
    assert process.returncode == 2, log
    assert not (tmp_path / "ready.json").exists()
    return log.splitlines()[-1]


def test_a_socket_that_is_no_services_is_refused(tmp_path):
    with listener() as stray:
        said = refused(tmp_path, [stray], ["web"])
        assert "'web'" in said and str(stray.getsockname()[1]) in said and "FileDescriptorName" in said


def test_plain_amqp_is_not_opened_to_other_machines(tmp_path):
    with listener("0.0.0.0") as everywhere:
        assert "without TLS" in refused(tmp_path, [everywhere], ["amqp-plain"])


def test_what_does_not_listen_is_refused(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        assert "'https' is no listening TCP socket" in refused(tmp_path, [datagrams], ["https"])
    with listener() as good:
        assert "'' is no listening TCP socket" in refused(tmp_path, [good], ["https"], count=2)


def test_more_sockets_than_anybody_has_are_refused(tmp_path):
    with listener() as good:
        assert "more than 64" in refused(tmp_path, [good], ["https"], count=65)


def test_sockets_for_another_process_are_left_alone(tmp_path):
    with listener() as other:
        process = with_sockets([BINARY, *options(tmp_path)], [other], ["https"], pid="1")
        ready = wait_until_ready(process, tmp_path)
        assert ready["ports"]["https"] != other.getsockname()[1]
        end(process)


@pytest.mark.parametrize("abstract", [False, True])
def test_the_manager_is_told_when_it_is_ready_and_when_it_ends(tmp_path, abstract):
    name = f"@iothub-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(20)
        process = subprocess.Popen(
            [BINARY, *options(tmp_path)], env={**os.environ, "NOTIFY_SOCKET": name},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert manager.recv(100) == b"READY=1"
        ready = json.loads((tmp_path / "ready.json").read_text())
        socket.create_connection(("127.0.0.1", ready["ports"]["mqtt"]), 5).close()
        process.send_signal(signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1"
        assert process.wait(20) == 0
        process.stderr.close()


@pytest.mark.parametrize("where", ["/does/not/exist", "relative", "/" + "x" * 200])
def test_a_manager_that_cannot_be_told_stops_nothing(tmp_path, where):
    process = subprocess.Popen(
        [BINARY, *options(tmp_path)], env={**os.environ, "NOTIFY_SOCKET": where},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until_ready(process, tmp_path)
    assert "could not tell the service manager" in end(process)


def test_what_others_need_is_in_the_public_folder_for_them_to_read(tmp_path):
    """With a home that is closed to them and the strictest of umasks, as the system's service has it."""
    public = tmp_path / "run" / "iothub-emulator"
    process = subprocess.Popen(
        [BINARY, "--memory", "--home", str(tmp_path / "home"), *PORTS, "--public-dir", str(public)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, umask=0o077,
    )  # fmt: skip
    ready = wait_until_ready(process, public)
    assert ready["caPath"] == str(public / "ca.pem") and ready["caBundlePath"] == str(public / "ca-bundle.pem")
    for name in ("ready.json", "ca.pem", "ca-bundle.pem"):
        assert stat.S_IMODE((public / name).stat().st_mode) == 0o644
    assert stat.S_IMODE(public.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    certificates = tmp_path / "home" / "certificates"
    assert (public / "ca.pem").read_bytes() == (certificates / "ca.pem").read_bytes()
    assert (public / "ca-bundle.pem").read_bytes() == (certificates / "ca-bundle.pem").read_bytes()
    assert b" 400 " in status_over_tls(socket.create_connection(("127.0.0.1", ready["ports"]["https"]), 5), ready)
    end(process)
    assert not (public / "ready.json").exists()


def test_paths_in_the_ready_file_hold_from_anywhere(tmp_path):
    process = subprocess.Popen(
        [BINARY, "--memory", "--home", "home", *PORTS, "--public-dir", "public"], cwd=tmp_path,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    ready = wait_until_ready(process, tmp_path / "public")
    assert Path(ready["caPath"]) == tmp_path / "public" / "ca.pem"
    end(process)

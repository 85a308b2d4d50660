# SPDX-License-Identifier: MIT
"""Faults are planted on a machine of the test's own; the doctor finds each, and its mend mends: the clock, runtimes, a real hub."""

import sys

import pytest

from faults import KEY, good, hold

# ---- the clock ----

FAKE_HUB = """
import email.utils, socket, ssl, sys, time
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 9443))

while True:
    try:
        with tls.wrap_socket(listener.accept()[0], server_side=True) as peer:
            peer.recv(65536)
            date = email.utils.formatdate(time.time() + float(sys.argv[3]), usegmt=True)
            peer.sendall(f"HTTP/1.1 200 OK\\r\\nDate: {date}\\r\\nContent-Length: 2\\r\\n\\r\\n{{}}".encode())
    except OSError:
        pass
"""


@pytest.mark.parametrize(
    "hub_ahead_s, state, words",
    [
        (0, "ok", ["agrees"]),
        (-20, "ok", ["agrees"]),
        (45, "warning", ["behind"]),
        (-100, "warning", ["ahead of"]),
        (7260, "wrong", ["2 h", "behind", "have expired"]),
        (-90000, "wrong", ["1 d 1 h", "ahead of"]),
    ],
)
def test_the_clock_is_compared_with_the_hubs(running, hub_ahead_s, state, words):
    files = [running.certificates / name for name in ("server-ec.pem", "server-ec-key.pem")]
    running.start(sys.executable, "-c", FAKE_HUB, *files, hub_ahead_s)
    running.sh("until (: </dev/tcp/127.0.0.1/9443) 2>/dev/null; do sleep 0.05; done")
    string = f"HostName=localhost:9443;SharedAccessKeyName=iothubowner;SharedAccessKey={KEY}"
    found = running.doctor(
        IOTHUB_CONNECTION_STRING=string, IOTHUB_CA_FILE=str(running.certificates / "ca.pem")
    )
    finding = found.the("clock", state, *words)
    assert finding["mend"] == (None if state == "ok" else "sudo timedatectl set-ntp true")


# ---- runtimes ----


@pytest.mark.parametrize(
    "sdk, name, script, words",
    [
        ("node", "node", "echo v16.20.2", ["v16.20.2", "too old"]),
        ("node", "node", "exit 1", None),
        ("dotnet", "dotnet", "echo 5.0.1", ["5.0.1", "too old"]),
        ("python", "python3", "echo Python 2.7.18", ["too old"]),
    ],
)
def test_a_runtime_is_too_old(running, sdk, name, script, words):
    running.add_tool(name, f"#!/bin/sh\n{script}\n")
    found = running.doctor(f"--sdk {sdk}")
    if words is None:
        found.the(sdk, "warning", "does not tell its version")
    else:
        assert found.the(sdk, "wrong", *words)["mend"].startswith("sudo apt-get install")


def test_a_runtime_is_missing(running):
    found = running.doctor("--sdk dotnet", PATH=str(only(running, "iothub")))
    finding = found.the("dotnet", "wrong", "no dotnet in PATH")
    running.add_tool("apt-get", f"#!/bin/sh\nprintf '#!/bin/sh\\necho 8.0.1\\n' >{running.tools}/dotnet\n"
                     f"chmod +x {running.tools}/dotnet\n")
    running.mended(finding, "--sdk dotnet").only_ok("dotnet")


def only(machine, *names):
    """A folder with these programs and no others."""
    folder = machine.folder / "bin"
    folder.mkdir()
    for name in names:
        path = machine.sh(f"command -v {name}").out.strip()
        (folder / name).symlink_to(path)
    return folder


def test_python_lacks_six(running):
    """azure-iot-hub needs it and does not say so."""
    has = 'printf "azure-iot-device 2.14.0\\nazure-iot-hub 2.7.0\\n"'
    running.add_tool(
        "python3",
        '#!/bin/sh\ncase $1 in\n--version) echo Python 3.11.2;;\n'
        f'-m) touch {running.tools}/six;;\n-c) {has}; test ! -e {running.tools}/six || echo six 1.17.0;;\nesac\n',
    )
    finding = running.doctor("--sdk python").the("python", "wrong", "six")
    assert finding["mend"] == "python3 -m pip install six"
    running.mended(finding, "--sdk python").only_ok("python")


def test_python_has_no_sdk(running):
    running.add_tool("python3", "#!/bin/sh\ntest $1 != --version || echo Python 3.11.2\n")
    running.doctor("--sdk python").the("python", "warning", "neither azure-iot-device")


def test_az_lacks_its_extension(running):
    running.add_tool("az", f"#!/bin/sh\nmkdir -p {running.home}/.azure/cliextensions/azure-iot\n")
    finding = running.doctor("--sdk az").the("az", "wrong", "azure-iot extension")
    running.mended(finding, "--sdk az").only_ok("az")


# ---- a real hub ----

REAL = "myhub.azure-devices.net"


@pytest.fixture
def real(machine):
    """A hub of a real one's name, which no ready file tells of."""
    machine.sh(f"echo 127.0.0.1 {REAL} >>/etc/hosts")
    machine.start_emulator("--memory", "--hostname", REAL)
    machine.string = good(machine).replace("localhost", REAL)
    machine.variables = {
        "IOTHUB_CONNECTION_STRING": machine.string,
        "IOTHUB_READY_FILE": "/no/such/file",
        "IOTHUB_CA_FILE": str(machine.certificates / "ca.pem"),
    }
    return machine


def test_at_a_real_hub_what_applies_is_checked(real):
    found = real.doctor(**real.variables)
    assert found.code == 0, found
    for check in ("name", "ports", "certificate", "clock", "hub string", "hub key"):
        found.only_ok(check)
    assert [row["text"].split()[0] for row in found.of("ports")] == ["8883", "5671", "443"]
    for check in ("emulator", "names", "port 443", "authority", "java trust"):
        assert found.of(check) == []


def test_a_real_hub_has_another_key(real):
    key = real.string.rsplit("SharedAccessKey=")[1]
    variables = {**real.variables, "IOTHUB_CONNECTION_STRING": real.string.replace(key, KEY)}
    real.doctor(**variables).the("hub key", "wrong", "401", "regenerated")


def test_the_name_of_a_real_hub_does_not_resolve(real):
    wrong = real.string.replace("myhub", "mihub")
    found = real.doctor(**{**real.variables, "IOTHUB_CONNECTION_STRING": wrong})
    found.the("name", "wrong", "mihub.azure-devices.net does not resolve")
    assert found.of("ports") == []


def test_a_network_blocks_a_port(real):
    real.stop()
    real.start_emulator("--memory", "--hostname", REAL, "--mqtt-port", "9999")
    found = real.doctor(**real.variables)
    found.the("ports", "warning", "8883 cannot be reached", "WebSockets")
    found.the("ports", "ok", "5671")


def test_a_real_hub_is_not_believed(real):
    """As behind a proxy that opens TLS: no key is sent to it."""
    found = real.doctor(**{**real.variables, "IOTHUB_CA_FILE": ""})
    found.the("certificate", "wrong", "refused")
    assert found.of("hub key") == []


def test_a_peer_that_says_nothing_does_not_hang_it(machine):
    machine.sh(f"echo 127.0.0.1 {REAL} >>/etc/hosts")
    hold(machine, 443)
    string = f"HostName={REAL};SharedAccessKeyName=iothubowner;SharedAccessKey={KEY}"
    found = machine.doctor(IOTHUB_CONNECTION_STRING=string)
    found.the("certificate", "wrong", "no answer in time")

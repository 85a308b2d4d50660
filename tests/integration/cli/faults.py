# SPDX-License-Identifier: MIT
"""What tests of the doctor plant."""

import subprocess
import sys

EVAL = 'eval "$(iothub env)"'
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def listener(port):
    """A program that holds a port."""
    return f"""
import socket
s = socket.create_server(("127.0.0.1", {port}))
kept = []
while True:
    kept.append(s.accept()[0])
"""


def hold(machine, port):
    process = machine.start(sys.executable, "-c", listener(port))
    assert machine.sh(f"until (: </dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.05; done").code == 0
    return process


def make_authority(folder, start="20200101000000Z", end="20990101000000Z"):
    """Somebody else's certificate authority, valid from and until then."""
    folder.mkdir()
    (folder / "index.txt").touch()
    (folder / "openssl.cnf").write_text(
        "[ca]\ndefault_ca = d\n"
        "[d]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes\npolicy = p\n"
        "default_md = sha256\n"
        "[p]\ncommonName = supplied\n[req]\ndistinguished_name = n\n[n]\n"
    )
    for command in (
        "openssl ecparam -name prime256v1 -genkey -noout -out key.pem",
        "openssl req -new -key key.pem -subj /CN=other -config openssl.cnf -out request.pem",
        "openssl ca -batch -selfsign -notext -config openssl.cnf -keyfile key.pem"
        f" -in request.pem -startdate {start} -enddate {end} -out ca.pem",
    ):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder / "ca.pem"


def restart(machine, finding, prefix=()):
    """Types a mend that ends the emulator and starts another."""
    kill, sleep, start = finding["mend"].split("; ")
    assert sleep.startswith("sleep "), finding
    machine.sh(kill)
    machine.emulator.wait(20)
    machine.start_emulator(command=start, prefix=prefix)


def good(machine):
    """The right connection string."""
    return machine.ready["serviceConnectionString"]

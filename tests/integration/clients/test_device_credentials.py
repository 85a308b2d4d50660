# SPDX-License-Identifier: MIT
"""How the device library proves who it is, and what it says when that fails."""

import hashlib
import ssl
import subprocess
import time
from pathlib import Path

import pytest

import sas
from programs import Program, Wire


EXPIRED = Path(__file__).parents[3] / "fixtures/certificates/expired.pem"


class Certificate:
    """A self-signed certificate and its key, in files."""

    def __init__(self, folder, name="x1", passphrase=None):
        folder.mkdir(exist_ok=True)
        self.chain, self.key = folder / "chain.pem", folder / "key.pem"
        locked = ["-passout", f"pass:{passphrase}"] if passphrase else ["-nodes"]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", *locked, "-days", "2"]
            + ["-subj", f"/CN={name}", "-keyout", self.key, "-out", self.chain],
            check=True,
            capture_output=True,
        )
        self.thumbprint = hashlib.sha256(
            ssl.PEM_cert_to_DER_cert(self.chain.read_text())
        ).hexdigest()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("other"), "other")


@pytest.fixture
def start(emulator):
    """Starts device_probe: start("x509=true"), start("SharedAccessSignature=...")."""
    running = []

    def start_probe(credential, device="d1", module=None, port=None, ca=None, **environment):
        text = f"HostName=localhost:{port or emulator.ports['mqtt']};DeviceId={device};"
        text += f"ModuleId={module};" if module else ""
        ca = emulator.ca_path if ca is None else ca or None
        running.append(Program("device_probe", text + credential, ca=ca, **environment))
        return running[-1]

    yield start_probe
    for one in running:
        one.__exit__()


def ask(probe, command, answer="ok "):
    probe.say(command)
    return probe.wait_for(answer)


def with_thumbprint(thumbprint):
    pair = {"primaryThumbprint": thumbprint, "secondaryThumbprint": None}
    return {"authentication": {"type": "selfSigned", "x509Thumbprint": pair}}


def journal(emulator, kind, device="d1"):
    return emulator.control("GET", f"/journal?kind={kind}&device={device}&limit=100")[1]["rows"]


# ---- Certificates ----


@pytest.mark.parametrize("module", [None, "m1"])
def test_a_certificate_known_by_its_thumbprint(emulator, owner, start, certificate, module):
    if module is None:
        owner.create_device("d1", **with_thumbprint(certificate.thumbprint))
    else:
        owner.create_device("d1")
        owner.create_module("d1", module, **with_thumbprint(certificate.thumbprint))
    probe = start("x509=true", module=module)
    ask(probe, f"certificate {certificate.chain} {certificate.key}")
    ask(probe, "connect")
    ask(probe, "send by certificate")
    assert "x509Certificate" in journal(emulator, "connected")[-1]["auth"]


def test_another_certificate_is_refused_and_explained(owner, start, certificate, other):
    owner.create_device("d1", **with_thumbprint(other.thumbprint))
    probe = start("X509=True")
    ask(probe, f"certificate {certificate.chain} {certificate.key}")
    assert "compare the thumbprint" in ask(probe, "connect", "failed refused")


def test_a_locked_key_takes_its_passphrase(owner, start, tmp_path):
    locked = Certificate(tmp_path / "locked", passphrase="open")
    owner.create_device("d1", **with_thumbprint(locked.thumbprint))
    probe = start("x509=true")
    files = f"certificate {locked.chain} {locked.key}"
    assert "takes a passphrase" in ask(probe, files, "failed invalid")
    assert "does not open" in ask(probe, f"{files} wrong", "failed invalid")
    ask(probe, f"{files} open")
    ask(probe, "connect")


def test_files_that_cannot_work_are_refused_in_plain_words(start, certificate, other, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    probe = start("x509=true")
    for chain, key, words in (
        ("/no/such.pem", certificate.key, '"/no/such.pem" cannot be read: No such file'),
        (certificate.chain, "/no/such.key", '"/no/such.key" cannot be read'),
        (empty, certificate.key, "-----BEGIN CERTIFICATE-----"),
        (certificate.chain, empty, "private key cannot be read as PEM"),
        (certificate.key, certificate.key, "certificate cannot be read as PEM"),
        (certificate.chain, other.key, "does not belong"),
        (EXPIRED, EXPIRED, "expired at"),
    ):
        assert words in ask(probe, f"certificate {chain} {key}", "failed invalid")


def test_a_device_with_a_key_takes_no_certificate(start, certificate):
    probe = start("SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    command = f"certificate {certificate.chain} {certificate.key}"
    assert "write x509=true" in ask(probe, command, "failed invalid")


# ---- Signatures ----


def signature(identity, lifetime_s):
    key = identity["authentication"]["symmetricKey"]["primaryKey"]
    return sas.token(key, "localhost/devices/d1", lifetime_s=lifetime_s)


def test_a_signature_s_end_is_told_in_time_and_the_next_one_taken_over(emulator, owner, start):
    device = owner.create_device("d1")
    with Wire(emulator.ports["mqtt"]) as wire:
        probe = start(f"SharedAccessSignature={signature(device, 10)}", port=wire.port)
        ask(probe, "set token-renewal-percent 10")
        ask(probe, "connect")
        assert "the SharedAccessSignature expires at " in probe.wait_for("expires: ")
        assert wire.accepted == 1
        ask(probe, f"signature {signature(device, 3600)}")
        deadline = time.monotonic() + 10
        while wire.accepted < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert wire.accepted == 2
        ask(probe, "send with the new one")
        assert "lost" not in probe.output.decode()
        assert probe.output.decode().count("expires: ") == 1


def test_an_expired_signature_is_refused_and_told_as_such(owner, start):
    device = owner.create_device("d1")
    probe = start(f"SharedAccessSignature={signature(device, -100000)}")
    assert "the SharedAccessSignature expired at 20" in ask(probe, "connect", "failed refused")


def test_a_wrong_key_is_told_without_repeating_it(owner, start):
    owner.create_device("d1")
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    probe = start(f"SharedAccessKey={key}")
    said = ask(probe, "connect", "failed refused")
    assert "not authorized: the key is wrong" in said
    assert key not in said


# ---- Whom to believe ----


def test_without_the_ca_file_it_fails_closed_and_names_what_to_set(owner, start):
    device = owner.create_device("d1")
    key = device["authentication"]["symmetricKey"]["primaryKey"]
    probe = start(f"SharedAccessKey={key}", ca=False)
    said = ask(probe, "connect", "failed untrusted")
    assert "set IOTHUB_CA_FILE to the CA file" in said
    probe = start(f"SharedAccessKey={key}", ca=False, IOTHUB_CA_FILE="")
    assert "IOTHUB_CA_FILE" in ask(probe, "connect", "failed untrusted")


def test_a_ca_file_that_cannot_be_read_is_not_passed_over(owner, start, tmp_path):
    owner.create_device("d1")
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    code, _, complaints = start(f"SharedAccessKey={key}", ca=tmp_path / "none.pem").finish()
    assert code == 1
    assert "none.pem" in complaints

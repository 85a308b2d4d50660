# SPDX-License-Identifier: MIT
"""Faults are planted on a machine of the test's own; the doctor finds each, and its mend mends: authorities, variables, Java."""

import subprocess

import pytest

from faults import EVAL, make_authority

# ---- the authority's file ----


def test_the_file_of_the_authority_is_gone(running):
    (running.certificates / "ca.pem").unlink()
    finding = running.doctor().the("authority", "wrong", "No such file")
    found = running.mended(finding)
    found.only_ok("authority")
    found.only_ok("certificate")


def test_the_file_of_the_authority_is_another_ones(running, tmp_path):
    (running.certificates / "ca.pem").write_bytes(make_authority(tmp_path / "other").read_bytes())
    found = running.doctor()
    finding = found.the("authority", "wrong", "not the authority of the emulator")
    found.the("certificate", "wrong", "refused")
    found = running.mended(finding)
    found.only_ok("authority")
    found.only_ok("certificate")


def test_the_file_of_the_authority_has_expired(running, tmp_path):
    old = make_authority(tmp_path / "old", end="20210101000000Z")
    (running.certificates / "ca.pem").write_bytes(old.read_bytes())
    finding = running.doctor().the("authority", "wrong", "expired")
    running.mended(finding).only_ok("authority")


def test_the_file_of_the_authority_holds_no_certificate(running):
    (running.certificates / "ca.pem").write_text("hello\n")
    finding = running.doctor().the("authority", "wrong", "no certificate")
    running.mended(finding).only_ok("authority")


# ---- the variables ----


def test_no_variable_is_set(running):
    found = running.doctor()
    finding = found.the("variables", "warning", "none is set in this shell")
    assert found.code == 0 and finding["mend"] == EVAL
    running.mended(finding).only_ok("variables")


@pytest.mark.parametrize(
    "sdk, names",
    [
        ("python", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]),
        ("node", ["NODE_EXTRA_CA_CERTS"]),
        ("c", ["SSL_CERT_FILE"]),
        ("dotnet", ["SSL_CERT_FILE"]),
        ("az", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]),
    ],
)
def test_an_sdk_misses_the_variables_that_it_reads(running, sdk, names):
    found = running.doctor(f"--sdk {sdk}")
    for name in names:
        finding = found.the("variables", "wrong", f"{name} is not set")
    assert len([row for row in found.of("variables") if row["state"] == "wrong"]) == len(names)
    running.mended(finding, f"--sdk {sdk}").only_ok("variables")


def test_the_string_is_set_and_the_authority_is_not(running):
    """As after copying the connection string alone: iothub and the libraries fail closed."""
    string = running.ready["serviceConnectionString"]
    refused = running.sh("iothub query 'SELECT * FROM devices'", IOTHUB_CONNECTION_STRING=string)
    assert refused.code == 1 and "iothub env" in refused.err, refused
    finding = running.doctor(IOTHUB_CONNECTION_STRING=string).the(
        "variables", "wrong", "IOTHUB_CA_FILE is not set"
    )
    running.mended(finding, IOTHUB_CONNECTION_STRING=string).only_ok("variables")


@pytest.mark.parametrize(
    "name", ["IOTHUB_CA_FILE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"]
)
def test_a_variable_names_a_wrong_file(running, tmp_path, name):
    other = make_authority(tmp_path / "other")
    for file, words in (
        ("/no/such/file.pem", ["No such file"]),
        (other, ["lacks the emulator's authority"]),
        ("/etc/hostname", ["no certificate"]),
    ):
        finding = running.doctor(**{name: str(file)}).the("variables", "wrong", name, *words)
        assert finding["mend"] == EVAL
    running.mended(finding, **{name: str(file)}).only_ok("variables")


def test_a_bundle_without_public_authorities(running):
    """SSL_CERT_FILE takes their place: programs would trust nobody but the emulator."""
    ours = str(running.certificates / "ca.pem")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        finding = running.doctor(**{name: ours}).the("variables", "warning", name, "nobody else")
        running.mended(finding, **{name: ours}).only_ok("variables")
    found = running.doctor(IOTHUB_CA_FILE=ours, NODE_EXTRA_CA_CERTS=ours)
    assert not [row for row in found.of("variables") if "nobody else" in row["text"]]


# ---- Java ----


def test_java_has_no_trust_store(running):
    running.doctor().the("java trust", "warning", "names no trust store")
    finding = running.doctor("--sdk java").the("java trust", "wrong", "names no trust store")
    running.mended(finding, "--sdk java").only_ok("java trust")


def test_java_has_a_wrong_trust_store(running, tmp_path):
    ours = running.certificates / "ca.pem"
    other = make_authority(tmp_path / "other")
    unmarked = tmp_path / "unmarked.p12"
    lacking = tmp_path / "it's lacking.p12"
    for file, source in ((unmarked, ours), (lacking, other)):
        command = ["openssl", "pkcs12", "-export", "-nokeys", "-passout", "pass:changeit"]
        subprocess.run([*command, "-in", source, "-out", file], check=True)
    for file, words in (
        (unmarked, ["lack a mark"]),
        (lacking, ["lacks the emulator's authority"]),
        (tmp_path / "missing.p12", ["No such file"]),
        (ours, ["no PKCS #12"]),
    ):
        options = f'-Xmx64m -Djavax.net.ssl.trustStore="{file}" -Djavax.net.ssl.trustStorePassword=changeit'
        finding = running.doctor("--sdk java", JAVA_TOOL_OPTIONS=options).the(
            "java trust", "wrong", str(file), *words
        )
        running.mended(finding, "--sdk java", JAVA_TOOL_OPTIONS=options).only_ok("java trust")


def test_java_has_another_password(running):
    made = running.sh('eval "$(iothub env --sdk java)"; echo "$JAVA_TOOL_OPTIONS"').out.split()[0]
    running.doctor(JAVA_TOOL_OPTIONS=made).only_ok("java trust")  # changeit is every JDK's own
    running.doctor(JAVA_TOOL_OPTIONS=made + " -Djavax.net.ssl.trustStorePassword=x").the(
        "java trust", "wrong", "password"
    )

# SPDX-License-Identifier: MIT
"""`iothub env`: what each kind of reader makes of its lines, and whether programs are served by it."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import programs

# Every character that a device's name may have, but for the semicolon, which no connection string
# can hold.
STRANGE = "dev-:.+%_#*?!(),=@$'1"


def shell_of(iothub, command, **variables):
    """Runs a command with iothub in PATH, and the emulator to be found."""
    environment = {**programs.kept_environment(), **iothub.environment, **variables}
    environment["PATH"] = f"{programs.FOLDER}:{environment['PATH']}"
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def variables(iothub, *options):
    """What is to be set, as JSON tells it."""
    return iothub("env", "--output", "json", *options).json


# ---- the forms ----


@pytest.mark.parametrize("shell", ["bash", "sh", "zsh"])
@pytest.mark.parametrize("evaluation", ['eval "$(iothub env {})"', "eval $(iothub env {})"])
def test_a_shell_sets_exactly_the_values(iothub, shell, evaluation):
    """Also without the quotation marks, which make one line of all of them."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    if shell == "zsh" and '"' not in evaluation:
        pytest.skip("zsh keeps the lines")
    wanted = variables(iothub, "--device", STRANGE, "--create")
    line = evaluation.format(f'--device "{STRANGE}"'.replace("$", "\\$").replace("!", "!"))
    result = shell_of(iothub, [shell, "-c", f"cd /; {line}\nenv -0"])
    assert result.returncode == 0 and result.stderr == "", result
    got = dict(entry.split("=", 1) for entry in result.stdout.split("\0") if entry)
    assert {name: got.get(name) for name in wanted} == wanted


def read_pwsh(text):
    """PowerShell's rule: between single quotes, a doubled one is one, and nothing else is special."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pattern = re.compile(r"\$env:([A-Z0-9_]+) = '((?:[^'\u2018-\u201b]|([\u2018-\u201b'])\3)*)'")
    read = {}
    for line in lines:
        match = pattern.fullmatch(line)
        assert match, line
        read[match[1]] = re.sub(r"([\u2018-\u201b'])\1", r"\1", match[2])
    return read


def read_dotenv_python(text):
    """As python-dotenv does, for one line each: '...' with \\' and \\\\, "..." with escapes, else up to
    a comment; ${NAME} is replaced in all of them."""
    read = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, _, value = line.partition("=")
        if value.startswith("'"):
            match = re.fullmatch(r"'((?:[^'\\]|\\.)*)'\s*(?:#.*)?", value)
            value = re.sub(r"\\([\\'])", r"\1", match[1])
        elif value.startswith('"'):
            match = re.fullmatch(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?', value)
            value = re.sub(r"\\([\\'\"abfnrtv])", r"\1", match[1])
        else:
            value = re.sub(r"\s+#.*", "", value).rstrip()
        assert "${" not in value
        read[name] = value
    return read


NODE_LINE = re.compile(
    r"^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)"
    r"""(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$""",
    re.M,
)


def read_dotenv_node(text):
    """As node's dotenv does: one pattern; quotation marks go, and in double ones \\n is a line end."""
    read = {}
    for match in NODE_LINE.finditer(text):
        value = (match[2] or "").strip()
        double = value.startswith('"')
        value = re.sub(r"""^(['"`])([\s\S]*)\1$""", r"\2", value)
        read[match[1]] = value.replace("\\n", "\n").replace("\\r", "\r") if double else value
    return read


def read_dotenv_compose(text):
    """As docker compose does: $NAME is replaced but between single quotes."""
    read = read_dotenv_python(text)
    for line in text.splitlines():
        assert line.startswith("#") or "='" in line or "$" not in line, line
    return read


def read_docker(text):
    """As docker run --env-file does: all that follows the first '='."""
    lines = [line.lstrip() for line in text.split("\n") if line.strip()]
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


@pytest.mark.parametrize(
    "form, reader, device",
    [
        ("pwsh", read_pwsh, STRANGE),
        ("dotenv", read_dotenv_python, STRANGE.replace("$", "")),
        ("dotenv", read_dotenv_node, STRANGE.replace("$", "")),
        ("dotenv", read_dotenv_compose, STRANGE.replace("$", "")),
        ("dotenv", read_dotenv_python, STRANGE.replace("'", "")),
        ("dotenv", read_dotenv_node, STRANGE.replace("'", "")),
        ("dotenv", read_dotenv_compose, STRANGE.replace("'", "")),
        ("docker", read_docker, STRANGE),
    ],
)
def test_each_form_is_read_as_it_was_meant(iothub, form, reader, device):
    wanted = variables(iothub, "--device", device, "--create")
    result = iothub("env", "--shell", form, "--device", device)
    assert result.code == 0, result
    assert reader(result.out) == wanted


def test_what_dotenv_readers_disagree_about_is_refused(iothub):
    result = iothub("env", "--shell", "dotenv", "--device", "it's$5", "--create")
    assert result.code == 1 and result.out == "", result
    assert "IOTHUB_DEVICE_CONNECTION_STRING" in result.err


def test_every_variable_says_whom_it_is_for(iothub):
    names = variables(iothub)
    for form in ("bash", "pwsh", "dotenv", "docker"):
        comments = [line for line in iothub("env", "--shell", form).lines if line.startswith("# ")]
        assert len(comments) == len(names) + (form == "docker"), form


def test_docker_is_told_what_to_mount(iothub, emulator):
    result = iothub("env", "--shell", "docker")
    for path in (emulator.ca_path, emulator.ca_bundle_path):
        assert f"'{path}:{path}:ro'" in result.err and f"'{path}:{path}:ro'" in result.out, result
    assert "--network host" in result.err


# ---- what is in them ----


def test_each_sdk_gets_what_it_reads(iothub, emulator):
    everybody = variables(iothub)
    assert set(everybody) == {
        "IOTHUB_CONNECTION_STRING", "EVENTHUB_CONNECTION_STRING", "IOTHUB_CA_FILE", "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "JAVA_TOOL_OPTIONS",
    }
    assert everybody["IOTHUB_CONNECTION_STRING"] == emulator.service_connection_string
    assert everybody["IOTHUB_CA_FILE"] == everybody["NODE_EXTRA_CA_CERTS"] == emulator.ca_path
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        assert everybody[name] == emulator.ca_bundle_path
    assert "NODE_EXTRA_CA_CERTS" not in variables(iothub, "--sdk", "python")


@pytest.mark.parametrize("sdk", ["java", "c", "dotnet"])
def test_a_name_with_a_dot_where_it_can_be_dialled_and_a_gateway_where_not(running, sdk):
    command = f"iothub env --sdk {sdk} --device d1 --create --output json"
    service = running.ready["serviceConnectionString"]
    told = json.loads(running.sh(command).out)
    assert told["IOTHUB_CONNECTION_STRING"] == service.replace("localhost", "hub.localhost")
    device = told["IOTHUB_DEVICE_CONNECTION_STRING"]
    assert device.startswith("HostName=hub.localhost;DeviceId=d1;SharedAccessKey=")
    assert "GatewayHostName" not in device
    running.sh("printf '127.0.0.1 localhost\\n' >/etc/hosts")
    told = json.loads(running.sh(command).out)
    assert told["IOTHUB_CONNECTION_STRING"] == service
    assert told["IOTHUB_DEVICE_CONNECTION_STRING"] == device + ";GatewayHostName=localhost"


def test_a_device_is_looked_up_or_made(iothub, emulator, owner):
    missing = iothub("env", "--device", "d1")
    assert missing.code == 1 and missing.out == "" and "--create" in missing.err, missing
    made = variables(iothub, "-d", "d1", "-m", "m1", "--create")
    key = owner.get("/devices/d1/modules/m1").json["authentication"]["symmetricKey"]["primaryKey"]
    port = emulator.ports["mqtt"]
    assert made["IOTHUB_DEVICE_CONNECTION_STRING"] == (
        f"HostName=localhost:{port};DeviceId=d1;ModuleId=m1;SharedAccessKey={key}"
    )
    key = owner.get("/devices/d1").json["authentication"]["symmetricKey"]["primaryKey"]
    for options in (("-d", "d1"), ("--device-id", "d1", "--create")):
        again = variables(iothub, *options)["IOTHUB_DEVICE_CONNECTION_STRING"]
        assert again == f"HostName=localhost:{port};DeviceId=d1;SharedAccessKey={key}"


def test_a_device_with_a_certificate_has_no_key(iothub, owner):
    thumbprint = {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": "A" * 40}}
    owner.create_device("d1", authentication=thumbprint)
    string = variables(iothub, "--device", "d1")["IOTHUB_DEVICE_CONNECTION_STRING"]
    assert string.endswith(";DeviceId=d1;x509=true")


def test_options_that_belong_together(iothub):
    for options in (("--create",), ("--module", "m1")):
        result = iothub("env", *options)
        assert result.code == 2 and "--device-id" in result.err, result


def test_the_emulator_comes_before_what_the_shell_has_set(iothub, emulator):
    """They may be what is to be mended."""
    wrong = {"IOTHUB_CONNECTION_STRING": "nonsense", "IOTHUB_CA_FILE": "/no/such/file"}
    result = iothub("env", "--output", "json", "--device", "d1", "--create", **wrong)
    assert result.json["IOTHUB_CONNECTION_STRING"] == emulator.service_connection_string


def test_a_real_hub_needs_its_string_only(iothub):
    string = "HostName=myhub.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=AAAA"
    assert iothub("env", "--login", string, "-o", "json").json == {"IOTHUB_CONNECTION_STRING": string}
    nowhere = {"IOTHUB_READY_FILE": "/no/such/file"}
    from_shell = iothub("env", "-o", "json", IOTHUB_CONNECTION_STRING=string, **nowhere)
    assert from_shell.json == {"IOTHUB_CONNECTION_STRING": string}
    none = iothub("env", **nowhere)
    assert none.code == 2 and none.out == "" and "/no/such/file" in none.err, none


# ---- programs ----


def test_curl_trusts_the_emulator(iothub, emulator):
    url = f"https://localhost:{emulator.ports['httpsAlt']}/devices/d1?api-version=2021-04-12"
    command = f'curl -sS -o /dev/null -w %{{http_code}} "{url}"'
    assert shell_of(iothub, ["bash", "-c", command]).returncode != 0
    result = shell_of(iothub, ["bash", "-c", f'eval "$(iothub env)"; {command}'])
    assert result.stdout == "401", result


def test_python_trusts_the_emulator(iothub, emulator):
    script = (
        "import socket, ssl\n"
        f"s = socket.create_connection(('localhost', {emulator.ports['mqtt']}))\n"
        "print(ssl.create_default_context().wrap_socket(s, server_hostname='localhost').version())\n"
    )
    result = shell_of(iothub, ["bash", "-c", f'eval "$(iothub env)"; exec python3 -c "{script}"'])
    assert result.stdout.startswith("TLSv1"), result


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_node_trusts_the_emulator(iothub, emulator):
    script = (
        f"require('tls').connect({emulator.ports['mqtt']}, 'localhost', function () "
        "{ console.log(this.authorized); this.end() })"
    )
    result = shell_of(iothub, ["bash", "-c", f'eval "$(iothub env)"; exec node -e "{script}"'])
    assert result.stdout == "true\n", result


# ---- Java ----

needs_java = pytest.mark.skipif(shutil.which("keytool") is None, reason="there is no JDK")

CLIENT = """
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

class Client {
    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        try (SSLSocket socket = (SSLSocket) SSLSocketFactory.getDefault().createSocket("localhost", port)) {
            socket.startHandshake();
            System.out.println(socket.getSession().getPeerPrincipal());
        }
    }
}
"""


def store_of(values):
    return Path(re.search(r"trustStore=(\S+)", values["JAVA_TOOL_OPTIONS"])[1])


@needs_java
def test_keytool_lists_the_trust_store(iothub, emulator):
    store = store_of(variables(iothub, "--sdk", "java"))
    listed = subprocess.run(
        ["keytool", "-list", "-rfc", "-keystore", store, "-storepass", "changeit"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout

    def certificates(text):
        found = re.findall(r"BEGIN CERTIFICATE-----(.*?)-----END", text, re.S)
        return sorted("".join(each.split()) for each in found)

    assert certificates(listed) == certificates(Path(emulator.ca_bundle_path).read_text())
    assert listed.count("trustedCertEntry") == len(certificates(listed))


@needs_java
def test_a_jvm_trusts_the_emulator(iothub, emulator, tmp_path):
    (tmp_path / "Client.java").write_text(CLIENT)
    command = f"java {tmp_path}/Client.java {emulator.ports['mqtt']}"
    without = shell_of(iothub, ["bash", "-c", command])
    assert "PKIX path building failed" in without.stderr, without
    result = shell_of(iothub, ["bash", "-c", f'eval "$(iothub env --sdk java)"; {command}'])
    assert result.stdout.startswith("CN="), result


def test_the_trust_store_is_kept_while_it_is_right_and_mended_when_not(iothub, emulator):
    store = store_of(variables(iothub))
    assert store.parent == Path(emulator.ca_path).parent and store.stat().st_mode & 0o777 == 0o644
    first = store.stat()
    assert store_of(variables(iothub)).stat().st_ino == first.st_ino
    right = store.read_bytes()
    store.write_bytes(right[:-1])
    variables(iothub, "--sdk", "java")
    assert len(store.read_bytes()) == len(right)
    store.write_bytes(b"")
    variables(iothub, "--sdk", "python")  # no business of its
    assert store.read_bytes() == b""
    variables(iothub)
    assert len(store.read_bytes()) == len(right)


def test_where_the_emulators_folder_cannot_be_written_the_cache_is_used(iothub, emulator, tmp_path):
    taken = Path(emulator.ca_path).parent / "java-truststore.p12"
    taken.unlink(missing_ok=True)
    taken.mkdir()  # root may write anywhere, but not here
    try:
        store = store_of(variables(iothub))
        assert store.parent == tmp_path / ".cache/iothub"
        cache = tmp_path / "cache"
        cache.mkdir()
        result = iothub("env", "--output", "json", XDG_CACHE_HOME=str(cache))
        assert store_of(result.json).parent == cache / "iothub"
        nowhere = iothub("env", "--output", "json", HOME="", XDG_CACHE_HOME="")
        assert nowhere.code == 0 and "no trust store for Java" in nowhere.err, nowhere
        assert "JAVA_TOOL_OPTIONS" not in nowhere.json
    finally:
        taken.rmdir()


def test_other_options_for_java_stay(iothub):
    before = "-Xmx64m -Djavax.net.ssl.trustStore=/old -Dname='a b'"
    after = iothub("env", "--output", "json", JAVA_TOOL_OPTIONS=before).json["JAVA_TOOL_OPTIONS"]
    assert after.startswith("-Xmx64m -Dname='a b' -Djavax.net.ssl.trustStore=")
    assert "/old" not in after
    again = iothub("env", "--output", "json", JAVA_TOOL_OPTIONS=after).json["JAVA_TOOL_OPTIONS"]
    assert again == after

# SPDX-License-Identifier: MIT
"""`iothub run`: the program takes its place, with the variables of `iothub env`."""

import json
import signal

import pytest

PRINT = "import json, os, sys; print(json.dumps([os.getpid(), sys.argv[1:], dict(os.environ)]))"


def test_it_becomes_the_program_with_the_variables_set(iothub, emulator):
    wanted = iothub("env", "--output", "json", "--device", "d1", "--create").json
    with iothub.start("run", "--device", "d1", "--", "python3", "-c", PRINT) as program:
        code, out, err = program.finish()
        pid, arguments, environment = json.loads(out)
        assert (code, err, pid, arguments) == (0, "", program.process.pid, [])
    assert {name: environment[name] for name in wanted} == wanted
    assert environment["HOME"] == iothub.environment["HOME"]


def test_it_makes_the_module_that_the_program_is(iothub, owner):
    shown = ["sh", "-c", "echo $IOTHUB_DEVICE_CONNECTION_STRING"]
    result = iothub("run", "--device", "d1", "--module", "m1", "--create", "--", *shown)
    key = owner.get("/devices/d1/modules/m1").json["authentication"]["symmetricKey"]["primaryKey"]
    assert ";DeviceId=d1;ModuleId=m1;" in result.out
    assert key in result.out


def test_arguments_pass_as_they_are(iothub):
    words = ["--device", "a b", "", "*", "$HOME", "--", "-x", "'\"", "--help", "\n"]
    for separator in ([], ["--"]):
        result = iothub("run", *separator, "python3", "-c", PRINT, *words)
        assert result.json[1] == words


@pytest.mark.parametrize("code", [0, 1, 2, 42, 255])
def test_the_exit_code_is_the_programs(iothub, code):
    assert iothub("run", "--", "sh", "-c", f"exit {code}").code == code


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGPIPE"])
def test_signals_reach_the_program(iothub, name):
    script = f"trap 'echo caught; exit 7' {name[3:]}; echo up; while :; do sleep 0.05; done"
    with iothub.start("run", "--", "sh", "-c", script) as program:
        program.wait_for("up")
        program.process.send_signal(getattr(signal, name))
        code, out, _ = program.finish()
    assert code == 7 and "caught" in out


def test_a_closed_pipe_ends_the_program(iothub):
    """iothub ignores SIGPIPE; what it starts does not."""
    result = iothub("run", "--", "bash", "-c", "yes | head -1; echo ${PIPESTATUS[0]}")
    assert result.out == "y\n141\n"


def test_the_program_reads_what_was_typed(iothub):
    assert iothub("run", "--", "cat", typed="hello\n").out == "hello\n"


def test_a_program_that_is_not_there_or_cannot_be_run(iothub, tmp_path):
    missing = iothub("run", "--", "no-such-program")
    assert missing.code == 127 and "no-such-program" in missing.err
    (tmp_path / "text").write_text("no program\n")
    refused = iothub("run", "--", str(tmp_path / "text"))
    assert refused.code == 126 and "Permission denied" in refused.err
    nothing = iothub("run")
    assert nothing.code == 2 and "COMMAND" in nothing.err


def test_without_a_hub_nothing_runs(iothub, tmp_path):
    proof = tmp_path / "proof"
    result = iothub("run", "--", "touch", str(proof), IOTHUB_READY_FILE="/no/such/file")
    assert result.code == 2 and not proof.exists(), result
    result = iothub("run", "--device", "nobody", "--", "touch", str(proof))
    assert result.code == 1 and not proof.exists(), result


def test_an_sdk_gets_its_form(iothub):
    result = iothub("run", "--sdk", "java", "--", "sh", "-c", "echo $JAVA_TOOL_OPTIONS; echo $SSL_CERT_FILE")
    assert result.lines[0].startswith("-Djavax.net.ssl.trustStore=") and result.lines[1] == ""

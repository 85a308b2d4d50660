# SPDX-License-Identifier: MIT
"""Faults are planted on a machine of the test's own; the doctor finds each, and its mend mends: the emulator, its ports, names."""

import json
import signal

import pytest

from faults import KEY, hold, restart

# ---- the emulator and its ports ----


def test_all_is_well_under_iothub_run(running):
    result = running.sh("iothub run -- iothub doctor --output json")
    assert result.code == 0, result
    rows = json.loads(result.out)
    assert {row["state"] for row in rows} == {"ok"}, rows
    assert {row["check"] for row in rows} >= {
        "emulator", "ports", "port 443", "names", "authority", "certificate", "variables",
        "java trust", "clock", "hub string", "hub key", "events string",
    }


def test_for_people_a_finding_is_a_line_and_its_mend_another(machine):
    result = machine.sh("iothub doctor --output table")
    assert result.code == 1
    lines = result.out.splitlines()
    assert lines[0].startswith("wrong    emulator       none runs here"), result
    assert lines[1] == " " * 24 + "mend: iothub-emulator"


def test_no_emulator_runs(machine):
    finding = machine.doctor().the("emulator", "wrong", "none runs here", "ready.json")
    machine.start_emulator(command=finding["mend"])
    machine.doctor().the("emulator", "ok", str(machine.ready["pid"]))


def test_the_ready_file_is_stale(running):
    pid = running.ready["pid"]
    running.stop(signal.SIGKILL)
    finding = running.doctor().the("emulator", "wrong", "stale", str(pid))
    running.start_emulator(command=finding["mend"])
    running.doctor().the("emulator", "ok")


def test_the_ready_file_is_none(machine):
    machine.ready_path.parent.mkdir(parents=True, exist_ok=True)
    machine.ready_path.write_text("{}")
    finding = machine.doctor().the("emulator", "wrong", "no ready file")
    machine.start_emulator(command=finding["mend"])
    machine.doctor().the("emulator", "ok")


@pytest.mark.parametrize("port", [8883, 5671, 8443, 8880])
def test_somebody_else_holds_a_port_that_an_emulator_needs(machine, port):
    holder = hold(machine, port)
    finding = machine.doctor().the("ports", "wrong", f"port {port}", "cannot start", "import socket")
    assert finding["mend"] == f"kill {holder.pid}"
    assert machine.mended(finding).of("ports") == []
    holder.wait(10)
    machine.start_emulator("--memory")
    machine.doctor().only_ok("ports")


def test_somebody_else_holds_the_port_of_plain_amqp(machine):
    holder = hold(machine, 5672)
    finding = machine.doctor().the("ports", "warning", "5672")
    machine.start_emulator("--memory")
    bound = machine.doctor()
    assert "plain AMQP is not bound" in bound.the("ports", "warning", "5672")["text"]
    machine.doctor("--sdk eventhubs").the("ports", "wrong", "5672")
    machine.sh(finding["mend"])
    holder.wait(10)
    machine.stop()
    machine.start_emulator("--memory")
    machine.doctor().only_ok("ports")


def test_somebody_else_answers_where_the_ready_file_points(machine):
    """The emulator is long gone, and its process number is another program's."""
    holder = hold(machine, 8883)
    living = machine.start("sleep", "1000")
    machine.ready_path.parent.mkdir(parents=True, exist_ok=True)
    ports = {"mqtt": 8883, "https": 0, "httpsAlt": 8443, "amqp": 5671, "amqpPlain": 0, "control": 8880}
    ready = {"pid": living.pid, "version": "0", "hubName": "hub", "hostName": "localhost", "ports": ports}
    ready["serviceConnectionString"] = f"HostName=localhost;SharedAccessKeyName=x;SharedAccessKey={KEY}"
    ready["caPath"] = str(machine.certificates / "ca.pem")
    machine.ready_path.write_text(json.dumps(ready))
    found = machine.doctor()
    finding = found.the("ports", "wrong", "8883", "not the emulator", str(holder.pid))
    assert finding["mend"] == f"kill {holder.pid}"
    found.the("ports", "wrong", "AMQP on 5671")


def test_an_emulator_on_other_ports_is_out_of_reach_for_most_sdks(machine):
    machine.start_emulator("--memory", "--mqtt-port", "18883")
    machine.doctor().the("ports", "warning", "18883", "8883")
    machine.doctor("--sdk node").the("ports", "warning", "18883")
    finding = machine.doctor("--sdk python").the("ports", "wrong", "18883", "8883")
    restart(machine, finding)
    machine.doctor("--sdk python").only_ok("ports")


# ---- 443 ----

# Root without its privileges; a file's own count.
UNPRIVILEGED = (
    "setpriv", "--securebits", "+noroot,+noroot_locked", "--inh-caps", "-all", "--ambient-caps", "-all",
)


def test_443_cannot_be_bound(machine):
    machine.start_emulator("--memory", prefix=UNPRIVILEGED)
    assert machine.ready["ports"]["https"] == 0
    machine.doctor("--sdk python").the("port 443", "warning", "want of a privilege")
    finding = machine.doctor("--sdk node").the("port 443", "wrong", "want of a privilege")
    assert machine.sh(finding["mend"]).code == 0
    machine.stop()
    machine.start_emulator("--memory", prefix=UNPRIVILEGED)
    machine.doctor("--sdk node").only_ok("port 443")


def test_443_was_not_asked_for(machine):
    machine.start_emulator("--memory", "--https-port", "8444")
    finding = machine.doctor("--sdk node").the("port 443", "wrong", "though it may be")
    restart(machine, finding)
    machine.doctor("--sdk node").only_ok("port 443")


def test_443_may_be_bound_by_anybody_now(machine):
    machine.start_emulator("--memory", prefix=UNPRIVILEGED)
    machine.sh("echo 443 >/proc/sys/net/ipv4/ip_unprivileged_port_start")
    finding = machine.doctor("--sdk dotnet").the("port 443", "wrong", "though it may be")
    restart(machine, finding, prefix=UNPRIVILEGED)
    machine.doctor("--sdk dotnet").only_ok("port 443")


def test_443_is_somebody_elses(machine):
    holder = hold(machine, 443)
    machine.start_emulator("--memory")
    finding = machine.doctor("--sdk node").the("port 443", "wrong", "import socket")
    assert finding["mend"] == f"kill {holder.pid}"
    machine.sh(finding["mend"])
    holder.wait(10)
    machine.stop()
    machine.start_emulator("--memory")
    machine.doctor("--sdk node").only_ok("port 443")


# ---- names ----


def test_hub_localhost_does_not_resolve(running):
    running.sh("printf '127.0.0.1 localhost\\n' >/etc/hosts")
    found = running.doctor()
    found.the("names", "ok", "localhost is 127.0.0.1")
    found.the("names", "warning", "hub.localhost does not resolve")
    running.doctor("--sdk node").the("names", "warning", "hub.localhost")
    for sdk in ("java", "c", "dotnet"):
        finding = running.doctor(f"--sdk {sdk}").the("names", "wrong", "hub.localhost does not resolve")
    running.mended(finding, "--sdk java").only_ok("names")


def test_hub_localhost_is_some_other_machine(running):
    running.sh("printf '127.0.0.1 localhost\\n192.0.2.1 hub.localhost\\n' >/etc/hosts")
    running.doctor("--sdk java").the("names", "wrong", "192.0.2.1", "not this machine")


def test_localhost_does_not_resolve(running):
    running.sh("printf '127.0.0.1 hub.localhost\\n' >/etc/hosts")
    finding = running.doctor().the("names", "wrong", "localhost does not resolve")
    running.mended(finding).only_ok("names")

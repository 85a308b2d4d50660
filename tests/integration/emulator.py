# SPDX-License-Identifier: MIT
"""Starts an emulator process on free ports and tells where it is."""

import http.client
import json
import os
import signal
import subprocess
import time
from pathlib import Path

DEFAULT_BINARY = Path(__file__).resolve().parents[2] / "build/dev/bin/iothub-emulator"
START_S_MAX = 20  # sanitizer builds on a busy machine
STOP_S_MAX = 20


class Policy:
    def __init__(self, described):
        self.name = described["name"]
        self.primary_key = described["primaryKey"]
        self.secondary_key = described["secondaryKey"]


class Emulator:
    """A running emulator. `ports`, `ca_path`, `policies` and the rest come from its ready file."""

    fixed_ports = False  # True: the usual ones, 8883, 443 ...; only in a network of its own

    def __init__(self, folder, arguments=("--memory",), binary=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.binary = binary or os.environ.get("EMULATOR_BIN", DEFAULT_BINARY)
        self.arguments = list(arguments)
        self.log_path = self.folder / "emulator.log"
        self.ready_path = self.folder / "ready.json"
        self.process = None
        self.start()

    def start(self):
        self.ready_path.unlink(missing_ok=True)
        command = [self.binary, *self.arguments, "--home", str(self.folder / "home")]
        if not self.fixed_ports:
            for name in ("mqtt", "https", "https-alt", "amqp", "amqp-plain", "control"):
                command += [f"--{name}-port", "0"]
        command += self.ready_options()
        with open(self.log_path, "ab") as log, open(self.folder / "announced.txt", "ab") as said:
            self.process = subprocess.Popen(command, stdout=said, stderr=log)
        ready = self.wait_until_ready()
        self.ports = ready["ports"]
        self.ca_path = ready["caPath"]
        self.ca_bundle_path = ready["caBundlePath"]
        self.hub_name = ready["hubName"]
        self.service_connection_string = ready["serviceConnectionString"]
        self.policies = {policy["name"]: Policy(policy) for policy in ready["policies"]}
        self.host = "localhost"  # what connection strings say, and what tokens are signed for

    def ready_options(self):
        return ["--ready-file", str(self.ready_path)]

    def wait_until_ready(self):
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the emulator ended with {self.process.returncode}:\n{self.log()}")
            if self.ready_path.exists():
                return json.loads(self.ready_path.read_text())
            time.sleep(0.005)
        self.process.kill()
        raise RuntimeError(f"the emulator was not ready after {START_S_MAX} s:\n{self.log()}")

    def stop(self):
        """Ends it as a supervisor would; the exit code also tells of leaks under a sanitizer."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_S_MAX)
        if code != 0:
            raise RuntimeError(f"the emulator ended with {code}:\n{self.log()}")

    def kill(self):
        """Ends it without a chance to tidy up."""
        self.process.kill()
        self.process.wait(STOP_S_MAX)

    def log(self):
        """What it wrote to stderr; the connection strings for its user go to stdout."""
        return self.log_path.read_text(errors="replace")

    def control(self, method, path, body=None):
        """One request to the control API: status and parsed JSON (or text)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["control"], timeout=60)
        try:
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            text = answer.read().decode()
            is_json = (answer.getheader("Content-Type") or "").startswith("application/json")
            return answer.status, json.loads(text) if is_json and text else text
        finally:
            connection.close()

    def reset(self):
        """Back to an empty hub: no identities, no sessions; policies stay."""
        status, answer = self.control("POST", f"/hubs/{self.hub_name}/reset")
        assert status in (200, 204), f"reset answered {status}: {answer}"

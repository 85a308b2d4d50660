# SPDX-License-Identifier: MIT
"""The two servers that are measured, each started fresh, in a folder of its own, on free ports."""

import json
import os
import shutil
import socket
import sqlite3
import ssl
import struct
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from emulator import Emulator  # noqa: E402

DEVICE_KEY = "YmVuY2ggYmVuY2ggYmVuY2ggYmVuY2ggYmVuY2ggISE="
START_S_MAX = 10
KEPT_S_MAX = 10


class MqttClient:
    """As much MQTT over TLS as it takes to subscribe and to look at one message."""

    def __init__(self, port, ca_path, client_id, clean_session):
        context = ssl.create_default_context(cafile=ca_path)
        plain = socket.create_connection(("127.0.0.1", port), timeout=START_S_MAX)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        flags = 0x02 if clean_session else 0
        self.send(0x10, b"\0\4MQTT\4" + struct.pack(">BH", flags, 60) + self.text(client_id))
        head, rest = self.receive()
        assert head == 0x20 and rest[1] == 0, f"CONNACK {rest!r}"

    @staticmethod
    def text(text):
        return struct.pack(">H", len(text)) + text.encode()

    def send(self, head, rest):
        assert len(rest) < 128
        self.socket.sendall(bytes([head, len(rest)]) + rest)

    def exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            assert more, "closed by the server"
            data += more
        return data

    def receive(self):
        head, size, shift = self.exactly(1)[0], 0, 0
        while True:
            byte = self.exactly(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return head, self.exactly(size)

    def subscribe(self, topic, qos):
        self.send(0x82, b"\0\1" + self.text(topic) + bytes([qos]))
        head, rest = self.receive()
        assert head == 0x90 and rest[-1] == qos, f"SUBACK {rest!r}"

    def message(self):
        """The payload of the next PUBLISH, which must be of QoS 0."""
        head, rest = self.receive()
        assert head & 0xF6 == 0x30, f"packet {head:#x}"
        return rest[2 + struct.unpack(">H", rest[:2])[0]:]

    def close(self):
        self.send(0xE0, b"")
        self.socket.close()


def memory_kib(pid, name="VmRSS"):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} has no {name}")


class Mosquitto:
    """
    Debian's broker, made to keep each message as the hub must: a durable subscriber connected once
    and is gone, so that all of them are queued for it. Persistence is on; mosquitto then writes its
    store every half hour and at its end, not before a PUBACK.
    """

    name = "mosquitto"

    def __init__(self, folder, devices=0):
        del devices  # whoever connects is welcome
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.ca_path = self.folder / "certificate.pem"
        self.make_certificate()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (self.folder / "mosquitto.conf").write_text(self.configuration())
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                [program, "-c", str(self.folder / "mosquitto.conf")], stdout=log, stderr=log)
        self.pid = self.process.pid
        self.wait_until_up()
        subscriber = MqttClient(self.port, self.ca_path, "offline-subscriber", clean_session=False)
        subscriber.subscribe("devices/#", qos=1)
        subscriber.close()

    def make_certificate(self):
        subprocess.run(
            ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", str(self.folder / "key.pem"), "-out", str(self.ca_path)],
            check=True, capture_output=True)

    def configuration(self):
        lines = [
            "allow_anonymous true",
            "set_tcp_nodelay true",
            "persistence true",
            f"persistence_location {self.folder}/",
            "max_queued_messages 0",
            "max_queued_bytes 0",
            "sys_interval 1",
            "log_type error",
            "log_type warning",
            f"listener {self.port} 127.0.0.1",
            f"certfile {self.ca_path}",
            f"keyfile {self.folder}/key.pem",
        ]
        if os.geteuid() == 0:
            lines.insert(0, "user root")  # else it becomes a user who may not read its key
        return "\n".join(lines) + "\n"

    def wait_until_up(self):
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.01)
        raise RuntimeError("mosquitto did not start: " + (self.folder / "log").read_text())

    def load_options(self):
        return ["--port", str(self.port), "--ca", str(self.ca_path), "--server-pid", str(self.pid)]

    def figure(self, topic):
        """One of mosquitto's own figures; they are told every second."""
        client = MqttClient(self.port, self.ca_path, "looks", clean_session=True)
        client.subscribe(topic, qos=0)
        value = int(client.message())
        client.close()
        return value

    def check_kept(self, acknowledged):
        """All that was acknowledged is stored for the subscriber, and nothing was dropped."""
        deadline = time.monotonic() + KEPT_S_MAX
        while (stored := self.figure("$SYS/broker/store/messages/count")) < acknowledged:
            if time.monotonic() > deadline:
                raise RuntimeError(f"mosquitto holds {stored} of {acknowledged} messages")
            time.sleep(0.2)
        dropped = self.figure("$SYS/broker/publish/messages/dropped")
        if dropped != 0:
            raise RuntimeError(f"mosquitto dropped {dropped} messages")

    def stop(self):
        self.process.kill()  # at a gentler end it would write its whole store
        self.process.wait()


class Hub:
    """The emulator, with its data in the folder and devices bench-0000, bench-0001 ... of one key."""

    name = "emulator"

    def __init__(self, folder, devices, arguments=None, binary=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "data"
        seed = self.folder / "seed.json"
        seed.write_text(json.dumps(fleet(devices)))
        if arguments is None:
            # Every message must be there at the end, however many the machine manages.
            arguments = ["--data", str(self.data), "--sync", "normal", "--set", "journal-max-mb=0"]
        self.emulator = Emulator(
            self.folder, [*arguments, "--seed", str(seed), "--log-level", "warn"], binary)
        self.pid = self.emulator.process.pid
        self.port = self.emulator.ports["mqtt"]

    def load_options(self, protocol="mqtt"):
        return ["--protocol", protocol, "--port", str(self.emulator.ports[protocol]),
                "--ca", self.emulator.ca_path, "--hub", "localhost",
                "--key", DEVICE_KEY, "--server-pid", str(self.pid)]

    def policy_options(self, name_option, key_option):
        """To connect as a service."""
        policy = self.emulator.policies["service"]
        return [name_option, policy.name, key_option, policy.primary_key]

    def check_kept(self, acknowledged):
        """
        The journal holds exactly the messages that were acknowledged: so says the emulator, and so
        say its files after it was killed without a chance to write anything more.
        """
        counted = self.telemetry_count()
        if counted != acknowledged:
            raise RuntimeError(f"{acknowledged} acknowledged, but /metrics says {counted}")
        if not self.data.exists():
            return
        self.emulator.kill()
        journal = sqlite3.connect(self.data / "journal.db")
        kept = journal.execute("SELECT count(*) FROM journal WHERE body IS NOT NULL").fetchone()[0]
        journal.close()
        if kept != acknowledged:
            raise RuntimeError(f"{acknowledged} acknowledged, but the journal holds {kept}")

    def telemetry_count(self):
        status, text = self.emulator.control("GET", "/metrics")
        assert status == 200, text
        for line in text.splitlines():
            if line.startswith('iothub_events_total{kind="telemetry"}'):
                return int(line.split()[-1])
        raise RuntimeError("/metrics does not count telemetry")

    def stop(self):
        if self.emulator.process.poll() is None:
            self.emulator.stop()


def fleet(count):
    """A seed of devices that all have DEVICE_KEY."""
    return {"devices": [
        {"deviceId": f"bench-{i:04}", "authentication": {
            "type": "sas",
            "symmetricKey": {"primaryKey": DEVICE_KEY, "secondaryKey": DEVICE_KEY}}}
        for i in range(count)]}

# SPDX-License-Identifier: MIT
"""A hub that speaks just enough MQTT over TLS to answer as a test wants it to."""

import ssl
import subprocess
import threading
import time

from loopback import Listener

SILENT = "silent"  # CONNECT is read, and nothing follows
CLOSE = "close"  # the session is confirmed, and ends with the first PUBLISH


def certificate(folder):
    """A certificate for localhost, and its key, in one file that is its own authority."""
    path = folder / "localhost.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost", "-keyout", path, "-out", folder / "cert.pem"],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + (folder / "cert.pem").read_text())
    return path


def read_packet(stream):
    first = stream.read(1)[0]
    size, shift = 0, 0
    while True:
        byte = stream.read(1)[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first, stream.read(size)


class MqttHub:
    """
    The first connection is answered with the first step of `script` and so on; the last remains. A
    step is a CONNACK code, SILENT or CLOSE. Twin requests are answered with the statuses of
    `twin_statuses`, in the same way. `deliver`, a topic and a body, is published to who subscribed,
    with QoS 1 and the packet identifier 7; `acknowledged` has the identifiers that came back.
    """

    def __init__(self, folder, *script, twin_statuses=(204,), deliver=None):
        self.ca_path = certificate(folder)
        self.script = list(script)
        self.twin_statuses = list(twin_statuses)
        self.deliver = deliver
        self.filters = []
        self.acknowledged = []
        self.times = []  # when each connection came
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.ca_path)
        self.listener = Listener()
        self.port = self.listener.port
        self.over = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.times.append(time.monotonic())
            step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            threading.Thread(target=self.serve, args=(connection, step), daemon=True).start()

    def serve(self, connection, step):
        try:
            with self.context.wrap_socket(connection, server_side=True) as tls:
                self.talk(tls, tls.makefile("rb"), step)
        except (OSError, IndexError):
            pass  # the client left

    def talk(self, tls, stream, step):
        while True:
            first, body = read_packet(stream)
            if first >> 4 == 1:
                if step == SILENT:
                    self.over.wait(60)
                    return
                tls.sendall(bytes([0x20, 2, 0, 0 if step == CLOSE else step]))
                if step not in (0, CLOSE):
                    return
            elif first >> 4 == 8:
                self.confirm(tls, body)
                if self.deliver is not None:
                    topic, payload = (part.encode() for part in self.deliver)
                    packet = len(topic).to_bytes(2, "big") + topic + b"\0\x07" + payload
                    tls.sendall(bytes([0x32, len(packet)]) + packet)
            elif first >> 4 == 4:
                self.acknowledged.append(int.from_bytes(body, "big"))
            elif first >> 4 == 3 and step == CLOSE:
                return
            elif first >> 4 == 3 and b"$rid=" in body:
                self.answer_twin(tls, body)
            elif first >> 4 == 12:
                tls.sendall(b"\xd0\x00")

    def confirm(self, tls, body):
        at, count = 2, 0
        while at < len(body):
            size = int.from_bytes(body[at : at + 2], "big")
            self.filters.append(body[at + 2 : at + 2 + size].decode())
            at += 2 + size + 1
            count += 1
        tls.sendall(bytes([0x90, 2 + count]) + body[:2] + b"\x01" * count)

    def answer_twin(self, tls, body):
        size = int.from_bytes(body[:2], "big")
        request_id = body[2 : 2 + size].decode().partition("$rid=")[2]
        status = self.twin_statuses.pop(0) if len(self.twin_statuses) > 1 else self.twin_statuses[0]
        topic = f"$iothub/twin/res/{status}/?$rid={request_id}&$version=7".encode()
        packet = len(topic).to_bytes(2, "big") + topic + b"{}"
        tls.sendall(bytes([0x30, len(packet)]) + packet)

# SPDX-License-Identifier: MIT
"""The smallest device that answers direct methods: MQTT 3.1.1 by hand, one thread."""

import re
import socket
import ssl
import struct
import threading

import sas

PUBLISH, SUBACK = 3, 9
METHOD_TOPIC = re.compile(r"\$iothub/methods/POST/([^/]+)/\?\$rid=(.+)")


def packet(head, body):
    size = len(body)
    sizes = bytearray()
    while True:
        size, group = divmod(size, 128)
        sizes.append(group | (128 if size else 0))
        if not size:
            return bytes([head]) + bytes(sizes) + body


def text(value):
    data = value.encode()
    return struct.pack(">H", len(data)) + data


class MethodDevice:
    """Connects as a device or module identity and answers each call with what `answer` returns:
    (status, body bytes), or None to stay silent. The calls it got are in `calls`."""

    def __init__(self, emulator, identity, answer):
        self.answer = answer
        self.calls = []
        self.socket = self.connect(emulator, identity)
        self.stream = self.socket.makefile("rb")
        client = "/".join(filter(None, [identity["deviceId"], identity.get("moduleId")]))
        resource = f"{emulator.host}/devices/{identity['deviceId']}"
        if "moduleId" in identity:
            resource += f"/modules/{identity['moduleId']}"
        token = sas.token(identity["authentication"]["symmetricKey"]["primaryKey"], resource)
        self.send(0x10, text("MQTT") + bytes([4, 0xC2]) + struct.pack(">H", 60) + text(client)
                  + text(f"{emulator.host}/{client}/?api-version=2021-04-12") + text(token))
        assert self.read() == (2, b"\x00\x00"), "the device was refused"
        self.send(0x82, b"\x00\x01" + text("$iothub/methods/POST/#") + b"\x00")
        kind, _ = self.read()
        assert kind == SUBACK
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @staticmethod
    def connect(emulator, identity):
        context = ssl.create_default_context(cafile=emulator.ca_path)
        plain = socket.create_connection((emulator.host, emulator.ports["mqtt"]), timeout=30)
        return context.wrap_socket(plain, server_hostname=emulator.host)

    def send(self, head, body):
        self.socket.sendall(packet(head, body))

    def read(self):
        head = self.stream.read(1)
        if not head:
            return None, b""
        size, shift = 0, 0
        while True:
            byte = self.stream.read(1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return head[0] >> 4, self.stream.read(size)

    def serve(self):
        try:
            while True:
                kind, body = self.read()
                if kind is None:
                    return
                if kind == PUBLISH:
                    self.handle(body)
        except (OSError, ValueError):
            return  # closed by the test

    def handle(self, body):
        size = struct.unpack(">H", body[:2])[0]
        topic, payload = body[2 : 2 + size].decode(), body[2 + size :]
        name, request_id = METHOD_TOPIC.fullmatch(topic).groups()
        self.calls.append((name, payload))
        answer = self.answer(name, payload)
        if answer is not None:
            status, body = answer
            self.send(0x30, text(f"$iothub/methods/res/{status}/?$rid={request_id}") + body)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread, which a close() would not
        except OSError:
            pass  # the emulator closed it first
        self.thread.join(10)
        self.stream.close()
        self.socket.close()

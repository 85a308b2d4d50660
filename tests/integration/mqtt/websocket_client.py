# SPDX-License-Identifier: MIT
"""MQTT over a WebSocket on an HTTPS port, frame by frame (RFC 6455, literally)."""

import socket
import struct

import packets
from mqtt_client import WAIT_S_MAX, MqttClient, context_for

KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3
BINARY, TEXT, MORE, CLOSE, PING, PONG = 0x82, 0x81, 0x00, 0x88, 0x89, 0x8A
MASK = bytes.fromhex("37fa213d")


def head(path="/$iothub/websocket", protocol="mqtt", **changed):
    """A request's head; a header given as None is left out."""
    headers = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Protocol": protocol,
    }
    headers.update({name.replace("_", "-"): value for name, value in changed.items()})
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


def frame(first, payload=b"", mask=MASK):
    """One frame of a client's; without a mask it is malformed."""
    size = len(payload)
    bit = 0x80 if mask else 0
    if size < 126:
        length = bytes([bit | size])
    elif size < 65536:
        length = struct.pack(">BH", bit | 126, size)
    else:
        length = struct.pack(">BQ", bit | 127, size)
    if mask:
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([first]) + length + (mask or b"") + payload


class WebSocketClient(MqttClient):
    """What an MqttClient is, its packets in frames. `handshake`: False leaves it to the test."""

    def __init__(self, emulator, certificate=None, handshake=True, **how):
        tcp = socket.create_connection(("127.0.0.1", emulator.ports["httpsAlt"]), WAIT_S_MAX)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(emulator, context=context_for(emulator, certificate), tcp=tcp)
        self.payload = b""
        self.close_code = None
        if handshake:
            self.upgrade(**how)

    def upgrade(self, protocol="mqtt", **how):
        self.send_raw(head(protocol=protocol, **how))
        got = self.answer()
        assert got == (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
        )

    def answer(self):
        """The head of the HTTP answer."""
        got = ""
        while not got.endswith("\r\n\r\n"):
            byte = self.raw(1)
            assert byte, f"the hub closed after {got!r}"
            got += byte.decode()
        return got

    def raw(self, size):
        return super().receive(size)

    def send_raw(self, data):
        self.socket.sendall(data)

    def send(self, sent):
        self.send_raw(frame(BINARY, packets.read(sent) if isinstance(sent, str) else sent))

    def send_bytewise(self, sent):
        """One frame for each byte."""
        for byte in packets.read(sent) if isinstance(sent, str) else sent:
            self.send(bytes([byte]))

    def frame(self):
        """The next frame of the hub's: its first byte and its payload, or None at the end."""
        start = self.raw(2)
        if not start:
            return None
        first, size = start
        assert size <= 127, "the hub's frames have no mask"
        if size == 126:
            size = struct.unpack(">H", self.raw(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.raw(8))[0]
        return first, self.raw(size)

    def receive(self, size, timeout_s=WAIT_S_MAX):
        """As an MqttClient's, of the payload of binary frames. A close frame is the end."""
        while len(self.payload) < size and self.close_code is None:
            got = self.frame()
            if got is None:
                break
            if got[0] == CLOSE:
                self.close_code = int.from_bytes(got[1], "big")
                break
            assert got[0] == BINARY, f"a frame {got[0]:02x} came"
            self.payload += got[1]
        taken, self.payload = self.payload[:size], self.payload[size:]
        return taken

    def expect_closed(self, code=1000):
        """A close frame, with nothing before it, then the end of TLS and of TCP."""
        try:
            rest = self.receive(1000)
            assert rest == b"", f"before the end came {packets.show(rest)}"
            assert self.close_code == code
            assert self.raw(1) == b""
        finally:
            self.socket.close()

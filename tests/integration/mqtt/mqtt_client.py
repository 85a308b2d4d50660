# SPDX-License-Identifier: MIT
"""A client that knows TLS and the length of a packet, and nothing else of MQTT."""

import socket
import ssl
import struct
import time

import packets

WAIT_S_MAX = 20  # for what must come; sanitizer builds on a busy machine are slow


def context_for(emulator, certificate=None):
    context = ssl.create_default_context(cafile=emulator.ca_path)
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


class MqttClient:
    """
    A TLS connection to the MQTT port. `sent` and expected bytes are in the notation of packets.py,
    or bytes. `certificate` names a PEM file with certificate and key; `tcp` is a socket to use.
    """

    def __init__(self, emulator, certificate=None, context=None, tcp=None):
        if tcp is None:
            tcp = socket.create_connection(("127.0.0.1", emulator.ports["mqtt"]), WAIT_S_MAX)
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = context or context_for(emulator, certificate)
        self.socket = context.wrap_socket(
            tcp, server_hostname="localhost", suppress_ragged_eofs=False
        )
        self.unread = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.abandon()

    def abandon(self):
        """Closes the socket without a word, neither MQTT's nor TLS's."""
        self.socket.close()

    def reset(self):
        """Ends it as a vanished machine does: the hub gets a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        """Ends TLS properly, without a DISCONNECT before."""
        self.socket.unwrap()
        self.socket.close()

    def disconnect(self):
        """DISCONNECT, and the hub's FIN."""
        self.send(packets.DISCONNECT)
        self.expect_closed()

    def send(self, sent):
        self.socket.sendall(packets.read(sent) if isinstance(sent, str) else sent)

    def send_bytewise(self, sent):
        """One TLS record for each byte."""
        for byte in packets.read(sent) if isinstance(sent, str) else sent:
            self.socket.sendall(bytes([byte]))

    def receive(self, size, timeout_s=WAIT_S_MAX):
        """Exactly `size` bytes, fewer only if the hub closes before."""
        deadline = time.monotonic() + timeout_s
        while len(self.unread) < size:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                more = self.socket.recv(65536)
            except TimeoutError:
                raise AssertionError(
                    f"{size} bytes were expected, but in {timeout_s} s came only: "
                    f"{packets.show(self.unread)}"
                ) from None
            if not more:
                break
            self.unread += more
        taken, self.unread = self.unread[:size], self.unread[size:]
        return taken

    def expect(self, expected):
        """The very next bytes must be these."""
        wanted = packets.read(expected) if isinstance(expected, str) else expected
        got = self.receive(len(wanted))
        assert got == wanted, f"came {packets.show(got)}, expected {packets.show(wanted)}"

    def packet(self):
        """One whole packet of whatever kind: its first byte and its body."""
        head = self.receive(2)
        assert len(head) == 2, f"the hub closed; before that came {packets.show(head)}"
        length, shift, last = head[1] & 127, 7, head[1]
        while last & 128:
            last = self.receive(1)[0]
            length |= (last & 127) << shift
            shift += 7
        return head[0], self.receive(length)

    def publish(self):
        """One PUBLISH at QoS 0: its topic and its payload."""
        first, body = self.packet()
        assert first == 0x30, f"came packet {first:02x} {packets.show(body)}, expected PUBLISH"
        size = int.from_bytes(body[:2], "big")
        return body[2 : 2 + size].decode(), body[2 + size :]

    def expect_closed(self):
        """The hub ends TLS and then TCP, and says nothing more before."""
        try:
            rest = self.receive(1000)
            assert rest == b"", f"before the end came {packets.show(rest)}"
            assert self.socket.unwrap().recv(1) == b""
        finally:
            self.socket.close()

    def ping(self):
        """The connection is up, and nothing else was waiting for this client."""
        self.send(packets.PINGREQ)
        self.expect(packets.PINGRESP)

    def connect(self, *arguments, expect=packets.CONNACK_OK, **fields):
        """CONNECT with an accepting answer; returns itself."""
        self.send(packets.connect(*arguments, **fields))
        self.expect(expect)
        return self

    def subscribe(self, *filters, qos=1, packet_id=1):
        self.send(packets.subscribe(packet_id, *filters, qos=qos))
        granted = f" {min(qos, 1):02x}" * len(filters)
        self.expect(f"90 {2 + len(filters):02x} {packet_id >> 8:02x} {packet_id & 255:02x}{granted}")
        return self

    def telemetry(self, topic, payload=b"", **how):
        """PUBLISH at QoS 1, acknowledged: what it did is in the journal."""
        self.send(packets.publish(topic, payload, packet_id=10, **how))
        self.expect("40 02 00 0a")

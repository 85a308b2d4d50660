# SPDX-License-Identifier: MIT
"""
Frames by hand, for what no well-behaved peer sends. Values are encoded and decoded by Proton's codec,
which is not what the emulator's frames are judged by: tests that care compare literal bytes.
"""

import socket
import struct
from collections import namedtuple

from amqp_peer import READ_SIZE, WAIT_S_MAX, connect
from proton import Array, Data, Described, symbol, ubyte, uint, ulong, ushort

SASL_HEADER = b"AMQP\x03\x01\x00\x00"
AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
BATCH_FORMAT = 0x80013700

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
SASL_MECHANISMS, SASL_INIT, SASL_CHALLENGE, SASL_RESPONSE, SASL_OUTCOME = range(0x40, 0x45)
ERROR = 0x1D
SOURCE, TARGET = 0x28, 0x29
ACCEPTED, REJECTED, RELEASED, MODIFIED = range(0x24, 0x28)

Frame = namedtuple("Frame", "kind channel code fields payload")


def encode(value):
    data = Data()
    data.put_object(value)
    return data.encode()


def decode(encoded):
    """The first value, and what follows it."""
    data = Data()
    size = data.decode(encoded)
    data.rewind()
    data.next()
    return data.get_object(), encoded[size:]


def described(code, fields):
    return Described(ulong(code), fields)


def frame(code, fields=(), payload=b"", channel=0, kind=0):
    return frame_of(encode(described(code, list(fields))) + payload, channel, kind)


def frame_of(body, channel=0, kind=0, doff=2, size=None):
    return struct.pack(">IBBH", 8 + len(body) if size is None else size, doff, kind, channel) + body


def sasl_init(mechanism, response=b""):
    return frame(SASL_INIT, [symbol(mechanism), response, "localhost"], kind=1)


def open_frame(container="raw", hostname="localhost", max_frame_size=65536):
    return frame(OPEN, [container, hostname, uint(max_frame_size), ushort(255)])


def begin_frame(channel=0, window=5000):
    return frame(BEGIN, [None, uint(0), uint(window), uint(window), uint(1023)], channel=channel)


def attach_frame(address, handle=0, is_receiver=False, name=None, channel=0):
    source = described(SOURCE, [address if is_receiver else "here"])
    target = described(TARGET, ["here" if is_receiver else address])
    fields = [name or f"raw-{handle}", uint(handle), is_receiver, ubyte(0), ubyte(0), source, target]
    return frame(ATTACH, fields + [None, None, None if is_receiver else uint(0)], channel=channel)


def flow_frame(handle, credit, delivery_count=0, channel=0):
    fields = [uint(0), uint(5000), uint(0), uint(5000), uint(handle), uint(delivery_count), uint(credit)]
    return frame(FLOW, fields, channel=channel)


def transfer_frame(
    message, handle=0, delivery_id=0, tag=b"t", message_format=0, settled=False, more=False, channel=0
):
    fields = [uint(handle), uint(delivery_id), tag, uint(message_format), settled, more]
    return frame(TRANSFER, fields, message, channel)


class Ended(Exception):
    """The other side closed the socket."""


class RawClient:
    """A socket to one of the AMQP ports, and the frames that come from it."""

    def __init__(self, emulator, tls=True, port=None):
        self.socket = connect(emulator, tls, port)
        self.received = b""

    def close(self):
        self.socket.close()

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))
        return self

    def half_close(self):
        """No more comes from here; the socket stays open for what the other side says."""
        self.socket.shutdown(socket.SHUT_WR)

    def bytes(self, size, timeout_s=WAIT_S_MAX):
        self.socket.settimeout(timeout_s)
        while len(self.received) < size:
            try:
                data = self.socket.recv(READ_SIZE)
            except ConnectionError:
                data = b""
            if not data:
                raise Ended(f"after {self.received!r}")
            self.received += data
        taken, self.received = self.received[:size], self.received[size:]
        return taken

    def rest(self, timeout_s=WAIT_S_MAX):
        """Everything up to the other side's end."""
        taken, self.received = self.received, b""
        self.socket.settimeout(timeout_s)
        while True:
            try:
                data = self.socket.recv(READ_SIZE)
            except ConnectionError:
                return taken
            if not data:
                return taken
            taken += data

    def frame_bytes(self, timeout_s=WAIT_S_MAX):
        head = self.bytes(8, timeout_s)
        (size,) = struct.unpack(">I", head[:4])
        return head + self.bytes(size - 8, timeout_s)

    def frame(self, timeout_s=WAIT_S_MAX):
        """The next frame; code None for an empty one."""
        whole = self.frame_bytes(timeout_s)
        doff, kind, channel = struct.unpack(">BBH", whole[4:8])
        body = whole[doff * 4 :]
        if not body:
            return Frame(kind, channel, None, [], b"")
        value, payload = decode(body)
        return Frame(kind, channel, int(value.descriptor), value.value, payload)

    def until(self, code, timeout_s=WAIT_S_MAX):
        """The next frame of one performative; others are passed over."""
        while True:
            frame = self.frame(timeout_s)
            if frame.code == code:
                return frame

    # ---- the usual beginnings ----

    def begin(self, hostname="localhost"):
        """A connection without SASL, with one session."""
        self.send(AMQP_HEADER, open_frame(hostname=hostname), begin_frame())
        assert self.bytes(8) == AMQP_HEADER
        self.until(BEGIN)
        return self

    def put_token(self, name, token, message_id="id"):
        """
        A token over $cbs, on handles 0 and 1 of the session that begin() made. Returns the status and
        the correlation-id, in its type.
        """
        properties = {"operation": "put-token", "type": "servicebus.windows.net:sastoken", "name": name}
        message = (
            encode(described(0x73, [message_id, None, "$cbs", None, "cbs"]))
            + encode(described(0x74, properties))
            + encode(described(0x77, token))
        )
        self.send(attach_frame("$cbs", 0), attach_frame("$cbs", 1, is_receiver=True), flow_frame(1, 100))
        self.until(FLOW)
        self.send(transfer_frame(message))
        reply = self.until(TRANSFER)
        sections, rest = {}, reply.payload
        while rest:
            section, rest = decode(rest)
            sections[int(section.descriptor)] = section.value
        return sections[0x74]["status-code"], sections[0x73][5]


def condition_of(frame):
    """The condition and description of a detach, end or close."""
    error = frame.fields[2] if frame.code == DETACH else frame.fields[0]
    return str(error.value[0]), error.value[1]


def symbols_of(value):
    """The elements of an array of symbols."""
    assert isinstance(value, Array), value
    assert value.type == Data.SYMBOL, value
    return [str(element) for element in value.elements]

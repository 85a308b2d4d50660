# SPDX-License-Identifier: MIT
"""
Packets as people read them, and the few that tests need again and again.

The notation: hexadecimal bytes, texts in double or single quotes, and `61*300` for 300 times the
byte 61 ("hi"*3 works too). Blanks separate. A PUBLISH at QoS 1 of "hi" is

    32 21 00 1b "devices/d1/messages/events/" 00 0a "hi"

What a test expects from the hub is always written so, byte for byte; what it sends may come from the
builders below.
"""

import re

import sas

TYPES = [
    "TYPE0", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE",
    "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "TYPE15",
]  # fmt: skip

TOKEN = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([0-9a-f]{2}))(?:\*(\d+))?(?=\s|$)""")

# Every device of these tests has this key unless its test is about keys: the bytes 00 to 1f.
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OTHER_KEY = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="

CONNACK_OK = "20 02 00 00"
CONNACK_OK_SESSION_PRESENT = "20 02 01 00"
CONNACK_NOT_AUTHORIZED = "20 02 00 05"
PINGREQ = "c0 00"
PINGRESP = "d0 00"
DISCONNECT = "e0 00"


def read(notation):
    """The bytes that a notation means."""
    out = bytearray()
    at = 0
    while at < len(notation.rstrip()):
        token = TOKEN.match(notation, at)
        if token is None:
            raise ValueError(f"no packet notation: {notation[at:at + 40]!r}")
        double, single, pair, times = token.groups()
        one = bytes.fromhex(pair) if pair else (double if double is not None else single).encode()
        out += one * int(times or 1)
        at = token.end()
    return bytes(out)


def show(data):
    """Bytes as notation, for messages and for writing tests."""
    shown = ""
    for piece in re.findall(rb"[ !#-~]{4,}|.", data[:600], re.DOTALL):
        shown += f' "{piece.decode()}"' if len(piece) > 1 else f" {piece.hex()}"
    return shown.strip() + (f" ... ({len(data)} bytes)" if len(data) > 600 else "")


def text(value):
    """A text or binary field: two bytes of length, then the bytes."""
    if isinstance(value, str):
        value = value.encode()
    return len(value).to_bytes(2, "big") + value


def packet(first_byte, body):
    length = len(body)
    out = bytearray([first_byte])
    while True:
        length, group = divmod(length, 128)
        out.append(group | (0x80 if length else 0))
        if not length:
            return bytes(out) + body


def token_for(device, module=None, host="localhost", key=KEY, **how):
    """The token of a device or module, as most SDKs make it."""
    resource = f"{host}/devices/{device}" + (f"/modules/{module}" if module else "")
    return sas.token(key, resource, **how)


def connect(
    device="d1",
    module=None,
    *,
    client_id=None,
    username=None,
    password=None,
    clean=False,
    keep_alive_s=60,
    will=None,
):
    """
    CONNECT. What is not given is what an SDK would send; username or password b"" leaves the field
    out. `will` is (topic, message) or (topic, message, qos, retain).
    """
    identity = f"{device}/{module}" if module else device
    if username is None:
        username = f"localhost/{identity}/?api-version=2021-04-12"
    if password is None:
        password = token_for(device, module)
    flags = (0x02 if clean else 0) | (0x80 if username else 0) | (0x40 if password else 0)
    fields = text(identity if client_id is None else client_id)
    if will is not None:
        topic, message, qos, retain = (*will, 0, False)[:4]
        flags |= 0x04 | qos << 3 | (0x20 if retain else 0)
        fields += text(topic) + text(message)
    fields += (text(username) if username else b"") + (text(password) if password else b"")
    head = text("MQTT") + bytes([4, flags]) + keep_alive_s.to_bytes(2, "big")
    return packet(0x10, head + fields)


def publish(topic, payload=b"", packet_id=None, retain=False, duplicate=False):
    """PUBLISH: QoS 1 with a packet id, QoS 0 without."""
    flags = (0x02 if packet_id else 0) | (1 if retain else 0) | (8 if duplicate else 0)
    identifier = packet_id.to_bytes(2, "big") if packet_id else b""
    if isinstance(payload, str):
        payload = payload.encode()
    return packet(0x30 | flags, text(topic) + identifier + payload)


def subscribe(packet_id, *filters, qos=1):
    body = b"".join(text(one) + bytes([qos]) for one in filters)
    return packet(0x82, packet_id.to_bytes(2, "big") + body)


def unsubscribe(packet_id, *filters):
    return packet(0xA2, packet_id.to_bytes(2, "big") + b"".join(text(one) for one in filters))

# SPDX-License-Identifier: MIT
"""
Conversations between a client and the MQTT endpoint, as files: fixtures/conversations/*.txt.

    # why this is so
    C CONNECT     {connect}
    S CONNACK     20 02 00 00
    C PUBLISH     34 21 00 1b "devices/d1/messages/events/" 00 0a "hi"
    S closes
    refused d1 400003 PUBLISH with QoS 2

Lines are done one after the other. `C` sends, `S` expects, in the notation of packets.py; the word
before the bytes is the packet's type, and checked against them ("bytes": no packet). `C leaves` ends
TCP without a word. `refused DEVICE CODE WORDS` says what must be in the log and in the journal when
all is over, `-` standing for no device; without such a line nobody may have been refused.
"""

from pathlib import Path

import packets
import sas

FOLDER = Path(__file__).resolve().parents[3] / "fixtures" / "conversations"

# A token of device d1 until the year 2100. It never changes, so every byte below is a literal.
RESOURCE, EXPIRY = "localhost%2Fdevices%2Fd1", "4102444800"
PASSWORD = (
    f"SharedAccessSignature sr={RESOURCE}"
    f"&sig={sas.quote(sas.signature(packets.KEY, RESOURCE, EXPIRY), safe='')}&se={EXPIRY}"
)


def substitute(notation):
    """`{password}` is the token, `{connect}` a whole CONNECT of d1 with it."""
    connect = packets.connect("d1", password=PASSWORD).hex(" ")
    return notation.replace("{password}", f'"{PASSWORD}"').replace("{connect}", connect)


def check_name(name, data, line):
    assert name == "bytes" or packets.TYPES[data[0] >> 4] == name, f"{line!r} is no {name}"


class Conversation:
    def __init__(self, path):
        self.path = path
        lines = path.read_text().splitlines()
        self.lines = [line for line in lines if line.strip() and not line.startswith("#")]
        self.refusals = []

    def run(self, client):
        for line in self.lines:
            who, what, rest = (line.split(maxsplit=2) + ["", ""])[:3]
            if (who, what) == ("S", "closes"):
                client.expect_closed()
            elif (who, what) == ("C", "leaves"):
                client.abandon()
            elif who in ("C", "S"):
                data = packets.read(substitute(rest))
                check_name(what, data, line)
                client.send(data) if who == "C" else client.expect(data)
            elif who == "refused":
                self.refusals.append((what, *rest.split(maxsplit=1)))
            else:
                raise ValueError(f"{self.path.name}: what is {line!r}?")


def conversations():
    return [Conversation(path) for path in sorted(FOLDER.glob("*.txt"))]

# SPDX-License-Identifier: MIT
"""Frames that no well-behaved peer sends: the connection ends with a condition, is explained, and no other is."""

import time

import pytest

import amqp_bytes as raw_amqp
import packets
from amqp_bytes import AMQP_HEADER, uint
from amqp_peer import QUIET_S, Refused

EVENTS = "/devices/d1/messages/events"


def ends(client):
    """The condition of the close that comes, or None when the socket just ends."""
    try:
        while True:
            frame = client.frame()
            if frame.code in (raw_amqp.CLOSE, raw_amqp.END) and frame.fields and frame.fields[0] is not None:
                return raw_amqp.condition_of(frame)[0]
    except raw_amqp.Ended:
        return None


WRONG = {
    "a size smaller than the header": raw_amqp.frame_of(b"", size=7),
    "size zero": raw_amqp.frame_of(b"", size=0),
    "a frame larger than was allowed": raw_amqp.frame_of(b"x" * 70000),
    "a size of 4 GB": raw_amqp.frame_of(b"", size=0xFFFFFFFF),
    "a data offset beyond the frame": raw_amqp.frame_of(b"abc", doff=200),
    "a data offset of one": raw_amqp.frame_of(b"abc", doff=1),
    "an unknown performative": raw_amqp.frame(0x99),
    "a performative of another kind": raw_amqp.frame(raw_amqp.SASL_INIT, [raw_amqp.symbol("PLAIN")]),
    "no performative but text": raw_amqp.frame_of(b"hello, hub"),
    "a cut off performative": raw_amqp.frame_of(b"\x00\x53\x12\xd0\x00"),
    "a list that says it is longer than the frame": raw_amqp.frame_of(b"\x00\x53\x12\xd0\xff\xff\xff\xff\x00\x00\x00\x01"),
    "lists within lists": raw_amqp.frame_of(b"\x00\x53\x12" + b"\xc0\xf0\x01" * 1000),
    "described within described": raw_amqp.frame_of(b"\x00" * 5000),
    "a begin for a channel beyond the limit": raw_amqp.begin_frame(channel=60000),
    "a transfer on a channel without a session": raw_amqp.transfer_frame(b"x", 0, 0, channel=99),
    "a transfer on a handle without a link": raw_amqp.transfer_frame(b"x", 77, 0),
    "a detach of a handle without a link": raw_amqp.frame(raw_amqp.DETACH, [uint(77), True]),
    "an end of a session there is not": raw_amqp.frame(raw_amqp.END, channel=50),
    "a flow for a handle without a link": raw_amqp.flow_frame(77, 10),
    "fields of other types": raw_amqp.frame(raw_amqp.BEGIN, ["a", "b", "c", "d"], channel=3),
    "an attach without a name": raw_amqp.frame(raw_amqp.ATTACH, []),
    "an attach with a number for a source": raw_amqp.frame(
        raw_amqp.ATTACH, ["n", uint(5), False, None, None, 5, 6]
    ),
    "a handle beyond the limit": raw_amqp.attach_frame(EVENTS, handle=4000000),
    "a SASL frame": raw_amqp.frame_of(b"\x00\x53\x41\x45", kind=1),
    "a frame of an unknown kind": raw_amqp.frame_of(b"\x00\x53\x12\x45", kind=9),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_frame_harms_nobody_but_its_connection(raw, witness, name):
    client = raw().begin()
    client.send(WRONG[name])
    try:
        client.half_close()
    except OSError:
        pass
    ends(client)


FATAL = [
    "a size smaller than the header",
    "a frame larger than was allowed",
    "a size of 4 GB",
    "an unknown performative",
    "no performative but text",
    "a transfer on a channel without a session",
    "a transfer on a handle without a link",
    "a list that says it is longer than the frame",
]


@pytest.mark.parametrize("name", FATAL)
def test_a_wrong_frame_gets_a_close_with_a_condition_and_an_explanation(raw, journal, witness, name):
    client = raw().begin().send(WRONG[name])
    condition = ends(client)
    assert condition and condition.startswith("amqp:"), condition
    assert journal.row("refused")["why"]


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_connection_cut_off_anywhere_harms_nobody(raw, witness, cut):
    whole = AMQP_HEADER + raw_amqp.open_frame() + raw_amqp.begin_frame()
    raw().send(whole[:cut]).close()
    raw().send(whole[: len(whole) - cut]).close()


def test_a_socket_that_stops_in_a_frame_holds_up_nobody(raw, witness, device):
    client = raw().begin()
    client.send(raw_amqp.attach_frame(EVENTS)[:20])
    sender = device.sender(EVENTS)
    started = time.monotonic()
    assert device.send(sender, b"meanwhile").outcome == "accepted"
    assert time.monotonic() - started < 5


def test_more_than_the_credit_ends_the_link_or_the_connection(raw, d1, journal, witness):
    client = raw().begin()
    assert client.put_token("localhost/devices/d1", packets.token_for("d1"))[0] == 200
    client.send(raw_amqp.attach_frame(EVENTS, handle=2))
    credit = client.until(raw_amqp.FLOW).fields[6]
    message = raw_amqp.encode(raw_amqp.described(0x75, b"x"))
    frames = [
        raw_amqp.transfer_frame(message, 2, number, str(number).encode())
        for number in range(1, int(credit) * 20)
    ]
    # All in one piece, so that no credit can be given in between.
    client.send(*frames)
    client.socket.settimeout(QUIET_S)
    # Whether it was stopped or served, nobody else noticed: the witness says so.


def test_credit_that_is_never_given_lets_the_sender_wait_and_nothing_else(dial, d1, owner, device):
    receiver = device.receiver("/devices/d1/messages/devicebound", credit=0)
    assert device.receives_nothing(receiver)
    assert device.is_attached(receiver)


def test_a_peer_that_reads_nothing_does_not_make_the_emulator_grow_or_stop(raw, d1, witness):
    client = raw().begin()
    assert client.put_token("localhost/devices/d1", packets.token_for("d1"))[0] == 200
    client.send(raw_amqp.attach_frame(EVENTS, handle=2))
    client.until(raw_amqp.FLOW)
    echo = raw_amqp.frame(
        raw_amqp.FLOW,
        [uint(0), uint(5000), uint(0), uint(5000), uint(2), uint(0), uint(0), uint(0), False, True],
    )
    client.socket.settimeout(2)
    try:
        for _ in range(200):
            client.send(echo * 500)
    except OSError:
        pass


def test_many_sessions_and_links_before_a_token_are_limited(dial, journal, witness):
    peer = dial().open()
    try:
        for _ in range(300):
            session = peer.connection.session()
            session.open()
            for _ in range(10):
                link = session.sender(f"link{_}")
                link.target.address = EVENTS
                link.open()
        peer.closed_with(10)
    except Refused:
        pass
    assert peer.is_at_end or peer.connection.remote_condition
    assert journal.rows("refused")

# SPDX-License-Identifier: MIT
"""What comes instead of MQTT over TLS, half of it, or byte by byte. Nobody else may notice."""

import random
import socket
import ssl
import struct
import time

import pytest

import packets
from mqtt_client import WAIT_S_MAX, MqttClient, context_for

EVENTS = "devices/d1/messages/events/"


@pytest.fixture
def tcp(emulator):
    """Opens plain TCP connections: tcp("mqtt")."""
    opened = []

    def one(port="mqtt"):
        address = ("127.0.0.1", emulator.ports[port])
        opened.append(socket.create_connection(address, WAIT_S_MAX))
        return opened[-1]

    yield one
    for each in opened:
        each.close()


def until_fin(connection):
    """All that comes, to the FIN; a reset would be an error."""
    came = b""
    while more := connection.recv(65536):
        came += more
    return came


# ---- not TLS ----


@pytest.mark.parametrize(
    "sent, what",
    [
        (packets.connect(password="secret"), "sent a plain MQTT CONNECT instead of TLS"),
        (packets.connect(password="x" * 3000), "sent a plain MQTT CONNECT instead of TLS"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "sent a plain HTTP request instead of TLS"),
        (b"AMQP\x00\x01\x00\x00", "sent a plain AMQP header instead of TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "sent an SSH greeting instead of TLS"),
        (b"\x00" * 64, "sent something unknown instead of TLS (first bytes: 00 00"),
        (bytes(range(255, 155, -1)), "sent something unknown instead of TLS (first bytes: ff fe"),
        (b"x", "sent something unknown instead of TLS (first bytes: 78)"),
    ],
    ids=["MQTT", "a longer MQTT", "HTTP", "AMQP", "SSH", "zeros", "garbage", "one byte"],
)
def test_what_is_not_tls_is_named_in_the_log_and_closed(emulator, tcp, witness, log, sent, what):
    connection = tcp()
    connection.sendall(sent)
    assert until_fin(connection) == b""
    line = log.line("instead of TLS")
    assert what in line
    assert f"port {emulator.ports['mqtt']}" in line


def test_plain_mqtt_is_told_that_the_port_is_right(emulator, tcp, log):
    connection = tcp()
    connection.sendall(packets.connect())
    assert until_fin(connection) == b""
    assert f"port {emulator.ports['mqtt']} is the right one, but it speaks TLS: use mqtts://" in (
        log.line("instead of TLS")
    )


def test_plain_mqtt_on_the_https_port_is_told_the_mqtt_port(emulator, tcp, witness, log):
    connection = tcp("https")
    connection.sendall(packets.connect())
    until_fin(connection)
    line = log.line("sent a plain MQTT CONNECT instead of TLS")
    assert f"for mqtts:// use port {emulator.ports['mqtt']}" in line


# ---- TLS, but wrong ----


def test_garbage_after_a_tls_header_gets_an_alert(tcp, witness, log):
    connection = tcp()
    connection.sendall(packets.read("16 03 01 00 10 de ad be ef de ad be ef de ad be ef de ad be ef"))
    assert until_fin(connection) == packets.read("15 03 03 00 02 02 0a")
    assert log.line("TLS handshake failed")


def test_old_tls_gets_alert_protocol_version(tcp, witness, log):
    """A ClientHello of TLS 1.1, by hand: one cipher suite, no extensions."""
    hello = packets.read('03 02 "r"*32 00 00 02 c0 13 01 00')
    handshake = b"\x01" + len(hello).to_bytes(3, "big") + hello
    connection = tcp()
    connection.sendall(b"\x16\x03\x01" + len(handshake).to_bytes(2, "big") + handshake)
    assert until_fin(connection) == packets.read("15 03 02 00 02 02 46")
    assert "the client speaks an older TLS only; 1.2 and 1.3 are spoken here" in log.line(
        "TLS handshake failed"
    )


def test_a_client_that_does_not_trust_us_is_told_where_the_ca_is(emulator, tcp, witness, log):
    context = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(tcp(), server_hostname="localhost")
    assert emulator.ca_path in log.line("trust")


def test_a_broken_record_ends_that_connection_only(client, witness, journal):
    """TLS itself fails in the middle of a session: the Will is published."""
    client.connect(will=(EVENTS, "gone"))
    raw = socket.socket(fileno=client.socket.detach())
    with raw:
        raw.settimeout(WAIT_S_MAX)
        raw.sendall(packets.read("17 03 03 00 20") + b"no such record was encrypted ...")
        until_fin(raw)
    assert journal.row("telemetry")["bodyText"] == "gone"
    journal.row("disconnected", "d1")


def test_tls_on_the_control_port_is_told_so(emulator, tcp, witness, log):
    with pytest.raises((ssl.SSLError, OSError)):
        context_for(emulator).wrap_socket(tcp("control"), server_hostname="localhost")
    line = log.line("began a TLS handshake")
    assert f"port {emulator.ports['control']} speaks plain http" in line
    assert emulator.control("GET", "/healthz")[0] == 200


@pytest.mark.parametrize("port, over_tls", [("control", False), ("httpsAlt", True)])
def test_mqtt_on_a_port_of_http_is_told_so(emulator, tcp, witness, log, port, over_tls):
    connection = tcp(port)
    if over_tls:
        connection = context_for(emulator).wrap_socket(connection, server_hostname="localhost")
    connection.sendall(packets.connect())
    assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    log.line("an MQTT client came to the port of HTTP requests")


def test_mqtt_on_the_control_port_is_no_request(emulator, tcp, witness):
    connection = tcp("control")
    connection.sendall(packets.connect())
    connection.shutdown(socket.SHUT_WR)
    until_fin(connection)
    assert emulator.control("GET", "/healthz")[0] == 200


# ---- half of it ----


def test_half_open_connections_disturb_nobody(emulator, tcp, dial, d1, witness, journal):
    """Two hundred that say nothing, begin a handshake, or never send CONNECT."""
    silent = [tcp() for _ in range(100)]
    begun = [tcp() for _ in range(50)]
    for connection in begun:
        connection.sendall(packets.read("16 03 01 02 00 01"))
    waiting = [dial() for _ in range(50)]
    waiting[0].send("10")
    waiting[1].send("10 aa 01 00 04")
    client = dial().connect()
    client.telemetry(EVENTS, "undisturbed")
    for connection in silent + begun:
        connection.close()
    for one in waiting:
        one.abandon()
    client.telemetry(EVENTS, "still")
    assert len(journal.rows("telemetry", "d1")) == 2
    assert journal.rows("disconnected") == []


def test_a_thousand_connections_that_come_and_go(tcp, witness, log):
    for _ in range(1000):
        tcp().close()
    witness.ping()
    assert log.lines("warn") == []


def test_a_vanished_client_is_noticed_by_its_reset(client, witness, owner, journal):
    client.connect().reset()
    journal.row("disconnected", "d1")
    assert owner.get("/devices/d1").json["connectionState"] == "Disconnected"


def test_a_client_that_resets_inside_the_handshake(tcp, witness):
    for _ in range(20):
        connection = tcp()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(packets.read("16 03 01 02 00 01 00 01 fc 03 03"))
        connection.close()


# ---- byte by byte ----


def test_one_byte_at_a_time_is_understood(client, witness, journal):
    """Each byte in a TLS record of its own."""
    client.send_bytewise(packets.connect())
    client.expect("20 02 00 00")
    client.send_bytewise(packets.publish(EVENTS + "a=b", "slow", packet_id=1))
    client.expect("40 02 00 01")
    client.send_bytewise("c0 00")
    client.expect("d0 00")
    row = journal.row("telemetry")
    assert (row["bodyText"], row["properties"]) == ("slow", {"a": "b"})


def test_a_handshake_one_byte_at_a_time(emulator, d1, witness):
    """The client's TLS records, cut into single bytes on the way."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context_for(emulator).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", emulator.ports["mqtt"]), WAIT_S_MAX) as tcp:
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def flush():
            for byte in outgoing.read():
                tcp.sendall(bytes([byte]))

        def go_on(step):
            while True:
                try:
                    done = step()
                except ssl.SSLWantReadError:
                    flush()
                    incoming.write(tcp.recv(65536))
                else:
                    flush()
                    return done

        go_on(tls.do_handshake)
        go_on(lambda: tls.write(packets.connect()))
        assert go_on(lambda: tls.read(4)) == packets.read("20 02 00 00")


def test_many_slow_ones_at_once_hold_nobody_up(dial, owner, devices, witness):
    """Fifty clients that send a byte each in turn, and a quick one between them."""
    slow = []
    for number in range(50):
        devices(f"slow{number}")
        slow.append((dial(), packets.connect(f"slow{number}")))
    devices("quick")
    quick = dial().connect("quick")
    for at in range(max(len(sent) for _, sent in slow)):
        for client, sent in slow:
            if at < len(sent):
                client.socket.send(sent[at : at + 1])
        if at % 20 == 0:
            started = time.monotonic()
            quick.ping()
            assert time.monotonic() - started < 2
    for client, _ in slow:
        client.expect("20 02 00 00")


# ---- at random ----


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_end_in_a_close_and_nothing_else(emulator, d1, witness, seed):
    """Behind TLS, before and after CONNECT; half of them a good packet with some bytes changed."""
    chance = random.Random(seed)
    for number in range(10):
        with MqttClient(emulator) as client:
            if number % 2:
                client.connect()
                sent = bytearray(packets.publish(EVENTS + "a=b", "x" * 30, packet_id=1))
            else:
                sent = bytearray(packets.connect())
            for _ in range(chance.randint(1, 4)):
                sent[chance.randrange(len(sent))] = chance.randrange(256)
            client.send(bytes(sent) if chance.random() < 0.5 else chance.randbytes(len(sent)))
            client.socket.shutdown(socket.SHUT_WR)
            client.socket.settimeout(WAIT_S_MAX)
            try:
                while client.socket.recv(65536):
                    pass
            except ssl.SSLError:
                pass


# ---- too much, too fast, unread ----


# Four thousand questions, whose answers are 16 MB.
QUESTIONS = b"".join(packets.publish(f"$iothub/twin/GET/?$rid={i}") for i in range(4000))


def with_large_twin(client, **connect):
    """Connected, with a twin of 4 KB that it may ask for."""
    client.connect(**connect).subscribe("$iothub/twin/res/#")
    body = '{"a":"%s"}' % ("x" * 4096)
    client.send(packets.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", body))
    client.publish()
    return client


def test_a_client_that_reads_late_misses_nothing(client, witness):
    with_large_twin(client).send(QUESTIONS)
    time.sleep(0.3)
    witness.ping()
    for number in range(4000):
        assert client.publish()[0] == f"$iothub/twin/res/200/?$rid={number}"
    client.ping()


def test_a_client_that_never_reads_is_ended_by_its_keep_alive(client, witness, journal, log):
    """Its later pings are not read either: what is kept for it stays bounded."""
    with_large_twin(client, keep_alive_s=1).send(QUESTIONS)
    client.send(packets.PINGREQ)
    assert "did not read what it asked for" in journal.row("disconnected", "d1")["why"]
    assert log.line("did not read what it asked for")


def test_a_flood_of_small_packets_is_worked_off(client, witness, journal):
    client.connect()
    client.send(packets.read("c0 00") * 20000 + packets.publish(EVENTS, "end", packet_id=1))
    client.expect(packets.read("d0 00") * 20000)
    client.expect("40 02 00 01")
    assert journal.row("telemetry")["bodyText"] == "end"

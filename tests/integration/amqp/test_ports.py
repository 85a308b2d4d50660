# SPDX-License-Identifier: MIT
"""5671 and 5672: who comes to the wrong one is told where to go."""

import socket
import ssl

import pytest

SASL_HEADER = b"AMQP\x03\x01\x00\x00"
AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
WAIT_S_MAX = 20


def dial(emulator, port):
    return socket.create_connection(("127.0.0.1", emulator.ports[port]), WAIT_S_MAX)


def over_tls(emulator, connection):
    context = ssl.create_default_context(cafile=emulator.ca_path)
    return context.wrap_socket(connection, server_hostname="localhost")


@pytest.mark.parametrize("port", ["amqp", "amqpPlain"])
def test_both_ports_speak_sasl_and_amqp(emulator, port):
    for header in (SASL_HEADER, AMQP_HEADER):
        with dial(emulator, port) as tcp:
            connection = over_tls(emulator, tcp) if port == "amqp" else tcp
            connection.sendall(header)
            assert connection.recv(8) == header


def test_plain_amqp_on_the_tls_port_is_told_so(emulator):
    with dial(emulator, "amqp") as connection:
        connection.sendall(SASL_HEADER)
        assert connection.recv(1000) == b""
    assert (
        f"port {emulator.ports['amqp']} is the right one, but it speaks TLS: use amqps://"
        in emulator.log()
    )


def test_tls_on_the_plain_port_is_told_so(emulator):
    with dial(emulator, "amqpPlain") as tcp, pytest.raises(OSError):
        over_tls(emulator, tcp)
    assert (
        f"port {emulator.ports['amqpPlain']} speaks plain amqp; TLS is spoken on port "
        f"{emulator.ports['amqp']} (amqp)" in emulator.log()
    )


def test_the_plain_port_is_on_loopback_whatever_is_asked_for(emulator_factory):
    emulator = emulator_factory("--memory", "--listen", "0.0.0.0")
    listening = {
        line.split()[1]
        for line in open("/proc/net/tcp", encoding="ascii").read().splitlines()[1:]
        if line.split()[3] == "0A"
    }
    assert f"0100007F:{emulator.ports['amqpPlain']:04X}" in listening
    assert f"00000000:{emulator.ports['amqp']:04X}" in listening

# SPDX-License-Identifier: MIT
"""
An AMQP 1.0 peer on Qpid Proton's engine, driven by hand over a socket of our own: a test says what is
sent, and sees what came.

Proton's state is read, not its events: `wait(condition)` moves bytes until the condition holds.
"""

import itertools
import os
import socket
import ssl
import time
from collections import namedtuple

import packets
import sas
from proton import (
    Connection,
    Delivery,
    Described,
    Endpoint,
    Link,
    Message,
    Transport,
    int32,
    symbol,
)

WAIT_S_MAX = 20  # for what must come; sanitizer builds on a busy machine are slow
QUIET_S = 0.3  # for what must not come
READ_SIZE = 65536
TOKEN_TYPE = "servicebus.windows.net:sastoken"

OUTCOMES = {
    Delivery.ACCEPTED: "accepted",
    Delivery.REJECTED: "rejected",
    Delivery.RELEASED: "released",
    Delivery.MODIFIED: "modified",
}

Settled = namedtuple("Settled", "outcome condition description")
Reply = namedtuple("Reply", "status description correlation_id message")
Received = namedtuple("Received", "message tag delivery")

numbers = itertools.count(1)


class Refused(Exception):
    """The other side ended the link, session or connection; `condition` and `description` say why."""

    def __init__(self, what, condition):
        self.condition = condition.name if condition else None
        self.description = condition.description if condition else None
        self.info = condition.info if condition else None
        super().__init__(f"{what}: {self.condition}: {self.description}")


def context_for(emulator, certificate=None):
    context = ssl.create_default_context(cafile=emulator.ca_path)
    if certificate:
        context.load_cert_chain(certificate)
    return context


def connect(emulator, tls=True, port=None, certificate=None):
    """A socket to one of the two AMQP ports; `certificate` is a file with a client's and its key."""
    port = port or emulator.ports["amqp" if tls else "amqpPlain"]
    tcp = socket.create_connection(("127.0.0.1", port), WAIT_S_MAX)
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not tls:
        return tcp
    return context_for(emulator, certificate).wrap_socket(tcp, server_hostname="localhost")


class Peer:
    """
    One connection. `mechanism`: "ANONYMOUS", "PLAIN" (with user and password), "EXTERNAL", or None for
    a connection without SASL.
    """

    def __init__(
        self,
        emulator,
        tls=True,
        mechanism="ANONYMOUS",
        user=None,
        password=None,
        hostname="localhost",
        idle_timeout_s=None,
        certificate=None,
    ):
        self.emulator = emulator
        self.socket = connect(emulator, tls, certificate=certificate)
        self.transport = Transport()
        self.connection = Connection()
        self.connection.container = f"peer-{next(numbers)}"
        self.connection.hostname = hostname
        if mechanism:
            self._start_sasl(mechanism, user, password)
        if idle_timeout_s:
            self.transport.idle_timeout = idle_timeout_s
        self.transport.bind(self.connection)
        self.default_session = None
        self.cbs = None
        self.is_at_end = False

    def _start_sasl(self, mechanism, user, password):
        if user is not None:
            self.connection.user = user
        if password is not None:
            self.connection.password = password
        sasl_layer = self.transport.sasl()
        sasl_layer.allowed_mechs(mechanism)
        sasl_layer.allow_insecure_mechs = True  # the TLS is ours: Proton does not know of it

    # ---- moving bytes ----

    def wait(self, condition, timeout_s=WAIT_S_MAX, what="what was waited for"):
        """Moves bytes until the condition holds, and returns what it returned."""
        deadline = time.monotonic() + timeout_s
        while True:
            self.write()
            if result := condition():
                return result
            if self.is_at_end:
                raise Refused(f"the connection ended before {what}", self.connection.remote_condition)
            left = deadline - time.monotonic()
            assert left > 0, f"{what} did not come in {timeout_s} s"
            self.read(min(left, 0.1))

    def quiet(self, seconds=QUIET_S):
        """Moves bytes for a while."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self.is_at_end:
            self.write()
            self.read(left)
        self.write()

    def write(self):
        self.transport.tick(time.monotonic())
        while (pending := self.transport.pending()) > 0:
            data = self.transport.peek(pending)
            self.socket.settimeout(WAIT_S_MAX)
            try:
                self.socket.sendall(data)
            except OSError:
                self._end()
                return
            self.transport.pop(len(data))

    def read(self, timeout_s):
        capacity = self.transport.capacity()
        if capacity <= 0:
            self._end()
            return
        self.socket.settimeout(max(timeout_s, 0.001))
        try:
            data = self.socket.recv(min(capacity, READ_SIZE))
        except (TimeoutError, ssl.SSLWantReadError):
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        self.transport.push(data)

    def _end(self):
        if not self.is_at_end:
            self.is_at_end = True
            try:
                self.transport.close_tail()
            except Exception:  # noqa: BLE001  Proton complains of every early end
                pass

    def abandon(self):
        """Closes the socket without a word."""
        self.is_at_end = True
        self.socket.close()

    # ---- connection and sessions ----

    def open(self):
        self.connection.open()
        self.wait(lambda: self.connection.state & Endpoint.REMOTE_ACTIVE, what="open")
        return self

    def close(self):
        self.connection.close()
        self.wait(lambda: self.connection.state & Endpoint.REMOTE_CLOSED, what="close")
        self.abandon()

    def closed_with(self, timeout_s=WAIT_S_MAX):
        """Waits for the other side's close; the condition's name."""
        self.wait(
            lambda: self.connection.state & Endpoint.REMOTE_CLOSED, timeout_s, what="the other side's close"
        )
        condition = self.connection.remote_condition
        return condition.name if condition else None

    def session(self):
        session = self.connection.session()
        session.incoming_capacity = 16 * 1024 * 1024
        session.open()
        self.wait(lambda: session.state & Endpoint.REMOTE_ACTIVE, what="begin")
        return session

    def _default_session(self):
        if self.default_session is None:
            self.default_session = self.session()
        return self.default_session

    # ---- links ----

    def sender(self, address, name=None, session=None, properties=None, settle=None, wait=True):
        link = (session or self._default_session()).sender(name or f"sender-{next(numbers)}")
        link.target.address = address
        link.source.address = "here"
        return self._attach(link, properties, settle, wait)

    def receiver(
        self,
        address,
        credit=100,
        name=None,
        session=None,
        properties=None,
        settle=None,
        filters=None,
        rcv_settle=None,
        wait=True,
    ):
        link = (session or self._default_session()).receiver(name or f"receiver-{next(numbers)}")
        link.source.address = address
        link.target.address = "here"
        if filters:
            link.source.filter.put_object(filters)
        if rcv_settle is not None:
            link.rcv_settle_mode = rcv_settle
        self._attach(link, properties, settle, wait)
        if credit:
            link.flow(credit)
            self.write()
        return link

    def _attach(self, link, properties, settle, wait):
        if properties:
            link.properties = {symbol(key): value for key, value in properties.items()}
        if settle is not None:
            link.snd_settle_mode = settle
        link.open()
        if wait:
            self.wait(lambda: link.state & (Endpoint.REMOTE_ACTIVE | Endpoint.REMOTE_CLOSED), what="attach")
            # A refusal is an attach without the terminus, and a detach behind it.
            terminus = link.remote_target if link.is_sender else link.remote_source
            if terminus.address is None:
                self.ended(link)
                raise Refused("the link was refused", link.remote_condition)
        else:
            self.write()
        return link

    def detach(self, link):
        link.close()
        self.wait(lambda: link.state & Endpoint.REMOTE_CLOSED, what="detach")

    def ended(self, link, timeout_s=WAIT_S_MAX):
        """Waits for the other side's detach, answers it and returns the condition's name."""
        self.wait(lambda: link.state & Endpoint.REMOTE_CLOSED, timeout_s, what="the other side's detach")
        link.close()
        self.write()
        return link.remote_condition.name if link.remote_condition else None

    def is_attached(self, link):
        self.write()
        return not self.is_at_end and not link.state & Endpoint.REMOTE_CLOSED

    # ---- messages ----

    def send(self, sender, message, tag=None, settled=False, wait=True):
        """Sends a Message, or bytes as the body of one. Returns Settled, or the delivery."""
        if isinstance(message, (bytes, str)):
            message = Message(body=message, inferred=True)
        self.wait(lambda: sender.credit > 0 or sender.state & Endpoint.REMOTE_CLOSED, what="credit")
        if sender.state & Endpoint.REMOTE_CLOSED:
            raise Refused("the link ended", sender.remote_condition)
        delivery = sender.delivery(tag or f"t{next(numbers)}")
        sender.stream(message.encode())
        sender.advance()
        if settled:
            delivery.settle()
            self.write()
            return None
        return self.settled(delivery) if wait else delivery

    def settled(self, delivery):
        """Waits for the other side's outcome of a sent message."""
        self.wait(lambda: delivery.settled or delivery.remote_state, what="disposition")
        condition = delivery.remote.condition
        outcome = OUTCOMES.get(delivery.remote_state)
        delivery.settle()
        self.write()
        return Settled(
            outcome, condition.name if condition else None, condition.description if condition else None
        )

    def receive(self, receiver, timeout_s=WAIT_S_MAX):
        """The next whole message, unsettled."""

        def arrived():
            delivery = receiver.current
            if receiver.state & Endpoint.REMOTE_CLOSED and delivery is None:
                raise Refused("the link ended", receiver.remote_condition)
            return delivery if delivery and delivery.readable and not delivery.partial else None

        delivery = self.wait(arrived, timeout_s, what="a message")
        message = Message()
        message.decode(receiver.recv(delivery.pending))
        receiver.advance()
        return Received(message, delivery.tag, delivery)

    def receives_nothing(self, receiver, seconds=QUIET_S):
        self.quiet(seconds)
        return receiver.current is None or not receiver.current.readable

    def settle(self, received, outcome):
        received.delivery.update(outcome)
        received.delivery.settle()
        self.write()

    def take(self, receiver, timeout_s=WAIT_S_MAX):
        """The next message, accepted."""
        received = self.receive(receiver, timeout_s)
        self.settle(received, Delivery.ACCEPTED)
        receiver.flow(1)  # as many may come as before
        self.write()
        return received.message

    # ---- tokens ----

    def put_token(self, name, token, message_id=None, kind=TOKEN_TYPE, properties=None):
        """One put-token request over $cbs, and the reply to it."""
        if self.cbs is None:
            session = self.session()
            self.cbs = (self.sender("$cbs", session=session), self.receiver("$cbs", session=session))
        request = Message(body=token)
        request.id = f"id-{next(numbers)}" if message_id is None else message_id
        request.reply_to = "cbs"
        request.properties = {"operation": "put-token", "type": kind, "name": name}
        if properties is not None:
            request.properties = properties
        sent = self.send(self.cbs[0], request)
        assert sent.outcome == "accepted", sent
        message = self.take(self.cbs[1])
        status = message.properties["status-code"]
        assert isinstance(status, int32), f"status-code is no int: {status!r}"
        return Reply(
            int(status), message.properties["status-description"], message.correlation_id, message
        )

    def become_device(self, device, module=None, **how):
        resource = f"localhost/devices/{device}" + (f"/modules/{module}" if module else "")
        reply = self.put_token(resource, packets.token_for(device, module, **how))
        assert reply.status == 200, reply
        return self

    def become_service(self, policy, **how):
        reply = self.put_token("localhost", sas.token(policy.primary_key, "localhost", policy.name, **how))
        assert reply.status == 200, reply
        return self


def refused(attempt):
    """Runs what must be refused; the condition, the description and the info."""
    try:
        attempt()
    except Refused as refusal:
        return refusal
    raise AssertionError("it was not refused")


def selector(text):
    """The filter that Event Hubs clients use (service reference, 7.3)."""
    name = symbol("apache.org:selector-filter:string")
    return {name: Described(name, text)}


def unique(prefix):
    return f"{prefix}-{next(numbers)}-{os.getpid()}"


RECEIVER_SETTLES_SECOND = Link.RCV_SECOND
SENDER_SETTLED = Link.SND_SETTLED

# SPDX-License-Identifier: MIT
"""
What `az iot hub monitor-events` does, step by step, with the library it stands on (uamqp): SASL PLAIN at the
IoT host, the redirect, the partitions from $management, a receiver with the older time filter.
"""

import base64
import hashlib
import hmac
import time
from urllib.parse import quote, urlparse

import pytest
import uamqp
from azure.iot.device import IoTHubDeviceClient, Message

from conftest import sdk

POLICY = "iothubowner"


def shared_access_signature(uri, key):
    expiry = int(time.time()) + 3600
    signed = f"{quote(uri, safe='')}\n{expiry}".encode()
    signature = base64.b64encode(hmac.new(base64.b64decode(key), signed, hashlib.sha256).digest())
    return f"SharedAccessSignature sr={quote(uri, safe='')}&sig={quote(signature)}&se={expiry}&skn={POLICY}"


def follow_the_redirect(emulator, key):
    user = quote(f"{POLICY}@sas.root.{emulator.hub_name}")
    password = quote(shared_access_signature("localhost", key), safe="")  # a "/" would end the host
    source = uamqp.address.Source(f"amqps://{user}:{password}@localhost/messages/events/$management")
    client = uamqp.ReceiveClient(source, timeout=10000, prefetch=1)
    try:
        client.open()
        with pytest.raises(uamqp.errors.LinkRedirect) as redirect:
            client.receive_message_batch(max_batch_size=1)
    finally:
        client.close()
    return redirect.value


def token_for(host, path, key):
    return uamqp.authentication.SASTokenAuth.from_shared_access_key(f"sb://{host}/{path}", POLICY, key)


def partitions_of(host, path, key):
    source = uamqp.address.Source(f"amqps://{host}/{path}/$management")
    client = uamqp.ReceiveClient(source, auth=token_for(host, path, key), timeout=10000)
    try:
        client.open()
        answer = client.mgmt_request(
            uamqp.Message(application_properties={"name": path}),
            b"READ",
            op_type=b"com.microsoft:eventhub",
            status_code_field=b"status-code",
            description_fields=b"status-description",
            timeout=10000,
        )
        return [partition.decode() for partition in answer.get_data()[b"partition_ids"]]
    finally:
        client.close()


def receive(host, path, key, partition, since_ms):
    address = f"amqps://{host}/{path}/ConsumerGroups/$Default/Partitions/{partition}"
    source = uamqp.address.Source(address)
    source.set_filter(f"amqp.annotation.x-opt-enqueuedtimeutc > {since_ms}".encode())
    client = uamqp.ReceiveClient(source, auth=token_for(host, path, key), timeout=1000, prefetch=10)
    try:
        return client.receive_message_batch(max_batch_size=10, timeout=1000)
    finally:
        client.close()


@sdk("reader", "uamqp", "AMQP", "redirect")
@sdk("reader", "uamqp", "AMQP", "properties")
@sdk("reader", "uamqp", "AMQP", "time")
def test_the_reader_is_sent_on_and_finds_the_events(emulator, device):
    key = emulator.policies[POLICY].primary_key
    client = IoTHubDeviceClient.create_from_connection_string(device.connection_string)
    client.connect()
    client.send_message(Message('{"temperature": 21.5}', message_id="m-1"))
    client.shutdown()

    redirect = follow_the_redirect(emulator, key)
    host = redirect.hostname.decode()
    path = urlparse(redirect.address.decode()).path.strip("/").partition("/")[0]
    partitions = partitions_of(host, path, key)
    assert partitions == ["0", "1", "2", "3"]

    since_ms = int((time.time() - 60) * 1000)
    events = [event for partition in partitions for event in receive(host, path, key, partition, since_ms)]
    (event,) = events
    assert b"".join(event.get_data()) == b'{"temperature": 21.5}'
    assert event.annotations[b"iothub-connection-device-id"] == b"myDeviceId"
    assert event.properties.message_id == b"m-1"

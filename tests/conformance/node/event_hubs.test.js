// SPDX-License-Identifier: MIT
// @azure/event-hubs reads telemetry: over TLS, in WebSockets, and as it reads a development emulator.
// rhea by hand does what older readers do: starts at the IoT host and follows the redirect.
'use strict';

const assert = require('node:assert/strict');
const { EventHubConsumerClient, earliestEventPosition, latestEventPosition } = require('@azure/event-hubs');
const { SharedAccessSignature } = require('azure-iothub');
const { Message } = require('azure-iot-common');
const { Mqtt } = require('azure-iot-device-mqtt');
const rhea = require('rhea');
const WebSocket = require('ws');
const { eventually, withEmulator } = require('./emulator');
const hub = require('./hub');
const { check, supported } = require('./results');

const TRANSPORTS = [
  { transport: 'AMQP' },
  { transport: 'AMQP-WS', options: { webSocketOptions: { webSocket: WebSocket } } },
  { transport: 'AMQP (plain)', suffix: ';UseDevelopmentEmulator=true' },
];

withEmulator(__filename, flows);

function flows() {
  for (const one of TRANSPORTS) {
    const cell = (feature, run) =>
      supported({ role: 'reader', name: '@azure/event-hubs', transport: one.transport, feature }, async () => {
        const reader = await newReader(one, `node-${one.transport}-${feature}`.replace(/[^a-zA-Z0-9-]/g, '-'));
        try {
          await run(reader);
        } finally {
          await reader.close();
        }
      });
    cell('properties', properties);
    cell('earliest', earliest);
    cell('latest', latest);
    cell('sequence', sequence);
    cell('time', time);
    cell('epoch', epoch);
  }
  supported({ role: 'reader', name: 'rhea', transport: 'AMQP', feature: 'redirect' }, redirect);
  check('a reader with a wrong key is refused', wrongKey);
}

function connectionString(suffix = '', host = 'localhost', name = process.env.HUB_NAME) {
  const { SharedAccessKeyName, SharedAccessKey } = hub.serviceParts();
  return (
    `Endpoint=sb://${host};SharedAccessKeyName=${SharedAccessKeyName};` +
    `SharedAccessKey=${SharedAccessKey};EntityPath=${name}${suffix}`
  );
}

// A device that has sent three messages, the partition they are in, and what its figures were before.
async function newReader({ suffix, options }, deviceId) {
  const device = await hub.open(await hub.createDevice(deviceId), Mqtt);
  const opened = [];
  const open = () => {
    const client = new EventHubConsumerClient('$Default', connectionString(suffix), {
      retryOptions: { maxRetries: 0 },
      ...options,
    });
    opened.push(client);
    return client;
  };
  const figuresOf = async (client) =>
    Promise.all((await client.getPartitionIds()).map((id) => client.getPartitionProperties(id)));
  const client = open();
  const send = (body) => {
    const message = new Message(JSON.stringify(body));
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.messageId = `m-${body}`;
    message.properties.add('alert', 'true');
    return device.sendEvent(message);
  };
  const before = await figuresOf(client);
  for (const body of [0, 1, 2]) {
    await send(body);
  }
  const after = await figuresOf(client);
  const index = after.findIndex((one, at) => one.lastEnqueuedSequenceNumber !== before[at].lastEnqueuedSequenceNumber);

  // Subscribes; what comes of this device gathers in `events`.
  const subscribe = (startPosition, more = {}) => {
    const events = [];
    const errors = [];
    open().subscribe(
      after[index].partitionId,
      {
        processEvents: async (batch) =>
          events.push(...batch.filter((event) => event.systemProperties['iothub-connection-device-id'] === deviceId)),
        processError: async (error) => errors.push(error),
      },
      { startPosition, maxWaitTimeInSeconds: 1, ...more },
    );
    const bodies = async (wanted) => {
      await eventually(() => events.length >= wanted);
      return events.map((event) => event.body);
    };
    return { events, errors, bodies };
  };
  return {
    client,
    deviceId,
    send,
    subscribe,
    last: after[index],
    first: before[index].lastEnqueuedSequenceNumber + 1,
    async close() {
      await device.close();
      await Promise.all(opened.map((one) => one.close()));
    },
  };
}

async function properties({ client, last, first }) {
  const figures = await client.getEventHubProperties();
  assert.equal(figures.name, process.env.HUB_NAME);
  assert.deepEqual(figures.partitionIds, ['0', '1', '2', '3']);
  assert.ok(figures.createdOn <= new Date());
  assert.equal(last.lastEnqueuedSequenceNumber, first + 2);
  assert.equal(last.isEmpty, false);
  assert.equal(last.beginningSequenceNumber, 0);
  assert.ok(Math.abs(last.lastEnqueuedOnUtc - Date.now()) < 60000);
  await assert.rejects(client.getPartitionProperties('4'));
}

async function earliest({ deviceId, subscribe }) {
  const reading = subscribe(earliestEventPosition, { trackLastEnqueuedEventProperties: true });
  assert.deepEqual(await reading.bodies(3), [0, 1, 2]);
  const [zero, one] = reading.events;
  assert.equal(one.sequenceNumber, zero.sequenceNumber + 1);
  assert.ok(Number(one.offset) > Number(zero.offset));
  assert.deepEqual(one.properties, { alert: 'true' });
  assert.deepEqual([one.messageId, one.contentType], ['m-1', 'application/json']);
  assert.equal(one.systemProperties['iothub-connection-device-id'], deviceId);
  assert.equal(one.systemProperties['iothub-message-source'], 'Telemetry');
  assert.equal(JSON.parse(one.systemProperties['iothub-connection-auth-method']).scope, 'device');
  assert.ok(Math.abs(one.enqueuedTimeUtc - Date.now()) < 60000);
}

async function latest({ send, subscribe }) {
  const reading = subscribe(latestEventPosition);
  let number = 100;
  await eventually(async () => {
    await send(number++);
    return eventually(() => reading.events.length > 0, 300); // the subscription is on its way
  });
  const bodies = await reading.bodies(1);
  assert.ok(bodies.length > 0 && bodies.every((body) => body >= 100), String(bodies));
}

async function sequence({ first, last, subscribe }) {
  const from = (position) => subscribe(position).bodies(1);
  assert.deepEqual(await from({ sequenceNumber: first + 1 }), [2]);
  const inclusive = subscribe({ sequenceNumber: first + 1, isInclusive: true });
  assert.deepEqual(await inclusive.bodies(2), [1, 2]);
  assert.deepEqual(await from({ offset: last.lastEnqueuedOffset, isInclusive: true }), [2]);
}

async function time({ last, send, subscribe }) {
  await eventually(() => Date.now() > last.lastEnqueuedOnUtc.getTime());
  await send(3);
  assert.deepEqual(await subscribe({ enqueuedOn: last.lastEnqueuedOnUtc }).bodies(1), [3]);
  assert.deepEqual(await subscribe({ enqueuedOn: new Date(0) }).bodies(4), [0, 1, 2, 3]);
}

async function epoch({ send, subscribe }) {
  const low = subscribe(earliestEventPosition, { ownerLevel: 1 });
  assert.deepEqual(await low.bodies(3), [0, 1, 2]);
  const high = subscribe(earliestEventPosition, { ownerLevel: 2 });
  assert.deepEqual(await high.bodies(3), [0, 1, 2]);
  await eventually(() => low.errors.length > 0);
  assert.equal(low.errors[0].code, 'ReceiverDisconnectedError');
  const late = subscribe(earliestEventPosition, { ownerLevel: 1 });
  await eventually(() => late.errors.length > 0);
  assert.equal(late.errors[0].code, 'ReceiverDisconnectedError');
  assert.deepEqual(late.events, []);
  await send(3);
  assert.deepEqual(await high.bodies(4), [0, 1, 2, 3]);
}

async function wrongKey() {
  const wrong = connectionString().replace(/SharedAccessKey=[^;]*/, `SharedAccessKey=${Buffer.alloc(32).toString('base64')}`);
  const client = new EventHubConsumerClient('$Default', wrong, { retryOptions: { maxRetries: 0 } });
  await assert.rejects(client.getPartitionIds(), { code: 'UnauthorizedError' });
  await client.close();
}

// ---- by hand: SASL PLAIN at the IoT host, then where the detach points (service reference, 7.6) ---

// The error that the hub detaches a receiver with.
function refusalOf(address, token) {
  const connection = rhea.create_container().connect({
    transport: 'tls',
    host: 'localhost',
    port: 5671,
    username: `iothubowner@sas.root.${process.env.HUB_NAME}`,
    password: token,
    reconnect: false,
  });
  return new Promise((resolve) => {
    connection.open_receiver({ source: { address } }).once('receiver_error', ({ receiver }) => {
      connection.close();
      resolve(receiver.error);
    });
  });
}

async function redirect() {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = hub.serviceParts();
  const expiry = Math.floor(Date.now() / 1000) + 3600;
  const token = SharedAccessSignature.create(HostName, SharedAccessKeyName, SharedAccessKey, expiry);
  const error = await refusalOf('messages/events/$management', token.toString());
  assert.equal(error.condition, 'amqp:link:redirect');
  const { hostname, port, address } = error.info;
  assert.equal(port, 5671);
  const [, name] = address.match(/:\d+\/(.*)\/\$management/); // as IoT Explorer takes it
  const reader = new EventHubConsumerClient('$Default', connectionString('', hostname, name));
  assert.deepEqual(await reader.getPartitionIds(), ['0', '1', '2', '3']);
  await reader.close();
}

// SPDX-License-Identifier: MIT
// azure-iot-device: what a device and a module do, over every transport that the SDK has.
'use strict';

const assert = require('node:assert/strict');
const { Amqp: ServiceAmqp, Client: ServiceClient } = require('azure-iothub');
const { Message, NoRetry } = require('azure-iot-common');
const { Amqp, AmqpWs } = require('azure-iot-device-amqp');
const { Http } = require('azure-iot-device-http');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { eventually, journal, withEmulator } = require('./emulator');
const hub = require('./hub');
const { check, supported, unsupported, versionOf } = require('./results');

const TRANSPORTS = [
  { transport: 'MQTT', Transport: Mqtt, package: 'mqtt' },
  { transport: 'MQTT-WS', Transport: MqttWs, package: 'mqtt' },
  { transport: 'AMQP', Transport: Amqp, package: 'amqp', settles: true },
  { transport: 'AMQP-WS', Transport: AmqpWs, package: 'amqp', settles: true },
  { transport: 'HTTPS', Transport: Http, package: 'http', settles: true },
];

withEmulator(__filename, flows);

function flows() {
  for (const one of TRANSPORTS) {
    const name = `node-${one.transport.toLowerCase()}`;
    const row = (role, feature) => ({
      role,
      name: 'azure-iot-device',
      version: `${versionOf('azure-iot-device')} (${one.package} ${versionOf(`azure-iot-device-${one.package}`)})`,
      transport: one.transport,
      feature,
    });
    const device = (feature, run) =>
      supported(row('device', feature), () => run(one, { deviceId: `${name}-${feature}` }));
    const module = (feature, run) =>
      supported(row('module', feature), () => run(one, { deviceId: `${name}-m-${feature}`, moduleId: 'm1' }));

    device('telemetry', telemetry);
    device('C2D', one.settles ? c2dWithEverySettlement : c2d);
    check(`${one.transport}: a wrong key is an unauthorized error`, () => wrongKey(one, `${name}-wrong`));
    if (one.Transport === Http) {
      check('HTTPS: a batch arrives as single messages', () => batch(`${name}-batch`));
      unsupported(row('device', 'twin'), () => refusesTwins(`${name}-twin`));
      unsupported(row('device', 'method'), () => refusesMethods(`${name}-method`));
      continue;
    }
    device('twin', twin);
    device('method', method);
    check(`${one.transport}: a refused report is an error, not silence`, () => refusedReport(one, `${name}-refused`));
    check(`${one.transport}: the last to connect takes over`, () => takeover(one, `${name}-takeover`));
    module('telemetry', telemetry);
    module('twin', twin);
    module('method', method);
  }
}

async function openNew({ Transport }, { deviceId, moduleId }) {
  const text = await hub.createDevice(deviceId);
  return hub.open(moduleId ? await hub.createModule(deviceId, moduleId) : text, Transport);
}

// ---- telemetry -----------------------------------------------------------------------------------

const UUID = '0f8fad5b-d9cb-469f-a165-70867728950e'; // over AMQP, the SDK sends it as a uuid, not as text

async function telemetry(one, who) {
  const client = await openNew(one, who);
  for (let number = 0; number < 20; number++) {
    const message = new Message(JSON.stringify({ number }));
    message.messageId = number === 0 ? UUID : `m-${number}`;
    message.correlationId = 'c-1';
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.properties.add('path', 'a/b & c=d %');
    await client.sendEvent(message);
  }
  await client.close();

  const rows = await journal(`kind=telemetry&device=${who.deviceId}`);
  assert.deepEqual(rows.map((row) => row.body.number), [...Array(20).keys()]);
  assert.deepEqual(rows.map((row) => row.moduleId), Array(20).fill(who.moduleId));
  assert.equal(rows[0].systemProperties.messageId, UUID);
  assert.deepEqual(rows[1].properties, { path: 'a/b & c=d %' });
  const { messageId, correlationId, contentType, contentEncoding } = rows[1].systemProperties;
  assert.deepEqual(
    [messageId, correlationId, contentType, contentEncoding],
    ['m-1', 'c-1', 'application/json', 'utf-8'],
  );
}

async function batch(deviceId) {
  const client = await openNew({ Transport: Http }, { deviceId });
  const messages = ['one', 'two', 'three'].map((text) => new Message(text));
  messages[1].properties.add('k', 'v');
  await client.sendEventBatch(messages);
  await client.close();
  const rows = await journal(`kind=telemetry&device=${deviceId}`);
  assert.deepEqual(rows.map((row) => row.bodyText), ['one', 'two', 'three']);
  assert.deepEqual(rows[1].properties, { k: 'v' });
}

// ---- twins ---------------------------------------------------------------------------------------

const serviceTwin = async ({ deviceId, moduleId }) => {
  const { responseBody } = moduleId
    ? await hub.registry().getModuleTwin(deviceId, moduleId)
    : await hub.registry().getTwin(deviceId);
  return responseBody;
};

async function twin(one, who) {
  const client = await openNew(one, who);
  const ours = await client.getTwin();
  const heard = new Promise((resolve) => {
    ours.on('properties.desired', (delta) => delta.level === 2 && resolve(delta));
  });
  await hub.promised((done) => ours.properties.reported.update({ link: { state: 'up' }, gone: null }, done));
  const theirs = await serviceTwin(who);
  assert.deepEqual([theirs.properties.reported.link.state, theirs.properties.reported.$version], ['up', 2]);

  // The subscription may still be on its way: what was set before it comes with the next getTwin().
  let delta;
  heard.then((it) => (delta = it));
  await eventually(async () => {
    await (await serviceTwin(who)).update({ properties: { desired: { level: 2 } } });
    return eventually(() => delta, 300);
  });
  assert.equal(delta.$version, (await serviceTwin(who)).properties.desired.$version);

  const again = await client.getTwin();
  assert.equal(again.properties.desired.level, 2);
  assert.equal(again.properties.reported.link.state, 'up');
  await client.close();
}

async function refusedReport(one, deviceId) {
  const client = await openNew(one, { deviceId });
  const ours = await client.getTwin();
  await assert.rejects(hub.promised((done) => ours.properties.reported.update({ 'bad.name': 1 }, done)));
  await client.close();
}

async function refusesTwins(deviceId) {
  const client = await openNew({ Transport: Http }, { deviceId });
  await assert.rejects(async () => client.getTwin(), { name: 'NotImplementedError' });
  await client.close();
}

// ---- methods -------------------------------------------------------------------------------------

async function method(one, who) {
  const client = await openNew(one, who);
  const answering = (request, response) => response.send(207, { was: request.payload });
  if (who.moduleId) {
    client.onMethod('reboot', answering);
  } else {
    client.onDeviceMethod('reboot', answering);
  }
  const service = ServiceClient.fromConnectionString(process.env.IOTHUB_CONNECTION_STRING);
  const call = { methodName: 'reboot', payload: { in: 5 }, responseTimeoutInSeconds: 10 };
  const invoke = () =>
    who.moduleId
      ? service.invokeDeviceMethod(who.deviceId, who.moduleId, call)
      : service.invokeDeviceMethod(who.deviceId, call);
  const answer = await eventually(() => invoke().catch(() => null)); // the subscription is under way
  assert.deepEqual(answer.result, { status: 207, payload: { was: { in: 5 } } });
  await client.close();
}

async function refusesMethods(deviceId) {
  const client = await openNew({ Transport: Http }, { deviceId });
  assert.throws(() => client.onDeviceMethod('reboot', () => {}), { name: 'NotImplementedError' });
  await client.close();
}

// ---- cloud-to-device messages --------------------------------------------------------------------

// Sends over AMQP with ack=full, and collects what comes back.
async function withSender(run) {
  const service = ServiceClient.fromConnectionString(process.env.IOTHUB_CONNECTION_STRING, ServiceAmqp);
  await service.open();
  const receiver = await hub.promised((done) => service.getFeedbackReceiver(done));
  const records = new Map();
  receiver.on('message', (batch) => {
    JSON.parse(batch.data.toString()).forEach((record) => records.set(record.originalMessageId, record));
    receiver.complete(batch);
  });
  const send = async (deviceId, messageId) => {
    const message = new Message(`body of ${messageId}`);
    message.messageId = messageId;
    message.ack = 'full';
    message.contentType = 'text/plain';
    message.properties.add('path', 'a/b & c=d %');
    await service.send(deviceId, message);
  };
  const outcome = async (messageId) => (await eventually(() => records.get(messageId)))?.statusCode;
  try {
    await run(send, outcome);
  } finally {
    await service.close();
  }
}

function checkReceived(message, messageId, transport) {
  assert.equal(message.data.toString(), `body of ${messageId}`);
  assert.equal(message.messageId, messageId);
  // The SDK leaves the names as the HTTP headers have them.
  const name = transport === 'HTTPS' ? 'iothub-app-path' : 'path';
  assert.equal(message.properties.getValue(name), 'a/b & c=d %');
  assert.match(message.to, /\/messages\/device[bB]ound$/);
}

async function c2d(one, { deviceId }) {
  await withSender(async (send, outcome) => {
    const client = await openNew(one, { deviceId });
    await send(deviceId, `${deviceId}-1`); // before the device asks
    const received = [];
    client.on('message', (message) => {
      received.push(message);
      client.complete(message);
    });
    await send(deviceId, `${deviceId}-2`);
    await eventually(() => received.length === 2);
    received.forEach((message, index) => checkReceived(message, `${deviceId}-${index + 1}`, one.transport));
    assert.equal(await outcome(`${deviceId}-1`), 'Success');
    assert.equal(await outcome(`${deviceId}-2`), 'Success');
    const { responseBody } = await hub.registry().getTwin(deviceId);
    assert.equal(responseBody.cloudToDeviceMessageCount, 0);
    await client.close();
  });
}

// Where the SDK lets a device abandon and reject: one of each.
async function c2dWithEverySettlement(one, { deviceId }) {
  await withSender(async (send, outcome) => {
    const client = await openNew(one, { deviceId });
    const seen = new Map();
    client.on('message', async (message) => {
      const times = (seen.get(message.messageId) || 0) + 1;
      seen.set(message.messageId, times);
      checkReceived(message, message.messageId, one.transport);
      if (message.messageId.endsWith('-reject')) {
        await client.reject(message);
      } else if (message.messageId.endsWith('-abandon') && times === 1) {
        await client.abandon(message);
      } else {
        await client.complete(message);
      }
    });
    for (const fate of ['complete', 'reject', 'abandon']) {
      await send(deviceId, `${deviceId}-${fate}`);
    }
    assert.equal(await outcome(`${deviceId}-complete`), 'Success');
    assert.equal(await outcome(`${deviceId}-reject`), 'Rejected');
    assert.equal(await outcome(`${deviceId}-abandon`), 'Success');
    assert.deepEqual([...seen.values()], [1, 1, 2]);
    await client.close();
  });
}

// ---- refusals ------------------------------------------------------------------------------------

async function wrongKey(one, deviceId) {
  await hub.createDevice(deviceId);
  const { Client } = require('azure-iot-device');
  const text = hub.stringOf(deviceId, 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=');
  const client = Client.fromConnectionString(text, one.Transport);
  client.setRetryPolicy(new NoRetry());
  // Over HTTPS nothing is sent before there is something to send.
  await assert.rejects(async () => {
    await client.open();
    await client.sendEvent(new Message('x'));
  }, { name: 'UnauthorizedError' });
  await client.close();
}

async function takeover(one, deviceId) {
  const text = await hub.createDevice(deviceId);
  const first = await hub.open(text, one.Transport);
  first.setRetryPolicy(new NoRetry());
  await first.sendEvent(new Message('first'));
  const lost = new Promise((resolve) => {
    first.on('disconnect', resolve);
    first.on('error', resolve);
  });
  const second = await hub.open(text, one.Transport);
  await second.sendEvent(new Message('second'));
  if (one.package === 'mqtt') {
    await lost; // over AMQP the SDK attaches its telemetry link anew and says nothing
  }
  await second.sendEvent(new Message('third'));
  const rows = await journal(`kind=telemetry&device=${deviceId}`);
  assert.deepEqual(rows.map((row) => row.bodyText), ['first', 'second', 'third']);
  await second.close();
  await first.close().catch(() => {}); // it may already be
}

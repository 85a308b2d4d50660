// SPDX-License-Identifier: MIT
// azure-iothub: the service API over HTTPS; messages, feedback and file notifications over AMQP.
'use strict';

const assert = require('node:assert/strict');
const { Amqp, AmqpWs, Client: ServiceClient } = require('azure-iothub');
const { Message } = require('azure-iot-common');
const { Mqtt } = require('azure-iot-device-mqtt');
const { eventually, withEmulator } = require('./emulator');
const hub = require('./hub');
const { check, supported } = require('./results');

withEmulator(__filename, flows);

function flows() {
  const registry = hub.registry();
  const overHttps = (feature, run) => supported({ ...hub.SERVICE, transport: 'HTTPS', feature }, run);

  overHttps('registry', async () => {
    await hub.createDevice('node-crud');
    const { responseBody: read } = await registry.get('node-crud');
    assert.equal(read.status, 'enabled');
    assert.equal(Buffer.from(read.authentication.symmetricKey.primaryKey, 'base64').length, 32);
    await assert.rejects(registry.create({ deviceId: 'node-crud' }), { name: 'DeviceAlreadyExistsError' });
    const { responseBody: updated } = await registry.update({ ...read, status: 'disabled' });
    assert.equal(updated.status, 'disabled');
    const { responseBody: all } = await registry.list();
    assert.ok(all.some((device) => device.deviceId === 'node-crud'));
    await registry.delete('node-crud');
    await assert.rejects(registry.get('node-crud'), { name: 'DeviceNotFoundError' });
  });

  check('many devices are added and removed in one request', async () => {
    const devices = ['node-b1', 'node-b2', 'node-b3'].map((deviceId) => ({ deviceId }));
    const { responseBody: added } = await registry.addDevices(devices);
    assert.deepEqual([added.isSuccessful, added.errors], [true, []]);
    await assert.rejects(registry.addDevices([{ deviceId: 'node-b1' }]));
    const { responseBody: removed } = await registry.removeDevices(devices, true);
    assert.equal(removed.isSuccessful, true);
  });

  check('a module has an identity of its own', async () => {
    await hub.createDevice('node-parent');
    await hub.createModule('node-parent', 'm1');
    const { responseBody: modules } = await registry.getModulesOnDevice('node-parent');
    assert.deepEqual(modules.map((one) => one.moduleId), ['m1']);
  });

  overHttps('twin', async () => {
    await hub.createDevice('node-twin');
    const { responseBody: twin } = await registry.getTwin('node-twin');
    const patch = { tags: { location: { plant: 'Redmond43' } }, properties: { desired: { level: 1 } } };
    const { responseBody: updated } = await registry.updateTwin('node-twin', patch, twin.etag);
    assert.deepEqual([updated.tags, updated.properties.desired.level], [patch.tags, 1]);
    // A stale etag is refused, and Node's own name for it comes out.
    await assert.rejects(registry.updateTwin('node-twin', { tags: { a: 1 } }, 'AAAAAAAAAAE='), {
      name: 'InvalidEtagError',
    });
  });

  overHttps('query', async () => {
    for (const [deviceId, plant] of [['node-q1', 'Here'], ['node-q2', 'There'], ['node-q3', 'Here']]) {
      await hub.createDevice(deviceId);
      await registry.updateTwin(deviceId, { tags: { plant } }, '*');
    }
    const query = registry.createQuery("SELECT * FROM devices WHERE tags.plant = 'Here'", 1);
    const found = [];
    while (query.hasMoreResults) {
      const { result } = await query.nextAsTwin();
      found.push(...result.map((twin) => twin.deviceId));
    }
    assert.deepEqual(found, ['node-q1', 'node-q3']);
  });

  overHttps('method', async () => {
    const client = await hub.open(await hub.createDevice('node-method'), Mqtt);
    client.onDeviceMethod('reboot', (request, response) => response.send(200, { was: request.payload }));
    const service = ServiceClient.fromConnectionString(process.env.IOTHUB_CONNECTION_STRING);
    const invoke = () =>
      service.invokeDeviceMethod('node-method', { methodName: 'reboot', payload: { in: 5 }, responseTimeoutInSeconds: 10 });
    const answer = await eventually(() => invoke().catch(() => null)); // the subscription is under way
    assert.deepEqual(answer.result, { status: 200, payload: { was: { in: 5 } } });
    await client.close();
    await assert.rejects(invoke());
  });

  for (const [transport, Transport] of [['AMQP', Amqp], ['AMQP-WS', AmqpWs]]) {
    overAmqp(transport, Transport);
  }
}

// Opens a service client for one check and closes it after.
async function withService(Transport, run) {
  const service = ServiceClient.fromConnectionString(process.env.IOTHUB_CONNECTION_STRING, Transport);
  await service.open();
  try {
    await run(service);
  } finally {
    await service.close();
  }
}

function overAmqp(transport, Transport) {
  const over = (feature, run) =>
    supported({ ...hub.SERVICE, transport, feature }, () => withService(Transport, run));
  const id = `node-service-${transport.toLowerCase()}`;

  over('C2D', async (service) => {
    const text = await hub.createDevice(id);
    const message = new Message('{"speed":5}');
    message.messageId = 'm-1';
    message.properties.add('path', 'a/b & c=d %');
    await service.send(id, message); // waits for the device

    const client = await hub.open(text, Mqtt);
    const received = new Promise((resolve) => client.on('message', resolve));
    const got = await received;
    await client.complete(got);
    await client.close();
    assert.equal(got.data.toString(), '{"speed":5}');
    assert.equal(got.messageId, 'm-1');
    assert.equal(got.properties.getValue('path'), 'a/b & c=d %');

    await assert.rejects(service.send('nobody', new Message('x')), { name: 'DeviceNotFoundError' });
  });

  check(`${transport}: the 51st waiting message is refused`, () =>
    withService(Transport, async (service) => {
      await hub.createDevice(`${id}-full`);
      for (let number = 0; number < 50; number++) {
        await service.send(`${id}-full`, new Message(String(number)));
      }
      await assert.rejects(service.send(`${id}-full`, new Message('51')), {
        name: 'DeviceMaximumQueueDepthExceededError',
      });
    }));

  over('feedback', async (service) => {
    const receiver = await hub.promised((done) => service.getFeedbackReceiver(done));
    const records = [];
    receiver.on('message', (batch) => {
      records.push(...JSON.parse(batch.data.toString()));
      receiver.complete(batch);
    });
    const client = await hub.open(await hub.createDevice(`${id}-ack`), Mqtt);
    client.on('message', (message) => client.complete(message));
    const message = new Message('settle me');
    message.messageId = `${id}-ack-1`;
    message.ack = 'full';
    await service.send(`${id}-ack`, message);
    const record = await eventually(() => records.find((one) => one.originalMessageId === message.messageId));
    assert.deepEqual(
      [record.deviceId, record.statusCode, record.description],
      [`${id}-ack`, 'Success', 'Success'],
    );
    await client.close();
  });

  over('file notifications', async (service) => {
    const receiver = await hub.promised((done) => service.getFileNotificationReceiver(done));
    const failed = new Promise((_, reject) => receiver.on('error', reject));
    receiver.on('message', () => assert.fail('nothing was uploaded'));
    // The link stays while others of its connection work: it was not opened only to be closed.
    await Promise.race([failed, service.send(await newDevice(`${id}-files`), new Message('x'))]);
  });
}

async function newDevice(deviceId) {
  await hub.createDevice(deviceId);
  return deviceId;
}

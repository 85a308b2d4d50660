// SPDX-License-Identifier: MIT
// The core flows with the Node SDKs as npm has them: registry, twins, queries, methods, telemetry.
//
// Trust goes through NODE_EXTRA_CA_CERTS, which Node reads once, at its start: the flows run in a second
// Node process that this one starts when the emulator is there.
'use strict';

const { spawnSync } = require('node:child_process');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { startEmulator, eventually } = require('./emulator');

if (!process.env.IOTHUB_CONNECTION_STRING) {
  test('the flows run against an emulator of their own', async () => {
    const emulator = await startEmulator();
    const env = { ...process.env };
    delete env.NODE_TEST_CONTEXT; // the inner run reports for itself
    env.IOTHUB_CONNECTION_STRING = emulator.serviceConnectionString;
    env.NODE_EXTRA_CA_CERTS = emulator.caPath;
    const inner = spawnSync(process.execPath, ['--test-reporter=spec', __filename], { env, encoding: 'utf8' });
    await emulator.stop();
    console.log(inner.stdout);
    assert.equal(inner.status, 0, inner.stdout + inner.stderr);
  });
} else {
  flows();
}

function flows() {
  const { Registry, Client: ServiceClient } = require('azure-iothub');
  const { Client: DeviceClient, Message, ModuleClient } = require('azure-iot-device');
  const { Mqtt } = require('azure-iot-device-mqtt');

  const serviceString = process.env.IOTHUB_CONNECTION_STRING;
  const registry = Registry.fromConnectionString(serviceString);

  const stringOf = (deviceId, key, moduleId) =>
    `HostName=localhost;DeviceId=${deviceId};` +
    (moduleId ? `ModuleId=${moduleId};` : '') +
    `SharedAccessKey=${key}`;

  async function createDevice(deviceId) {
    const { responseBody } = await registry.create({ deviceId });
    return stringOf(deviceId, responseBody.authentication.symmetricKey.primaryKey);
  }

  async function open(connectionString, Kind = DeviceClient) {
    const client = Kind.fromConnectionString(connectionString, Mqtt);
    await client.open();
    return client;
  }

  const callback = (start) =>
    new Promise((resolve, reject) => start((error, result) => (error ? reject(error) : resolve(result))));

  test('a device is created, read, updated, listed and deleted', async () => {
    await createDevice('node-crud');
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

  test('many devices are added and removed in one request', async () => {
    const devices = ['node-b1', 'node-b2', 'node-b3'].map((deviceId) => ({ deviceId }));
    const { responseBody: added } = await registry.addDevices(devices);
    assert.deepEqual([added.isSuccessful, added.errors], [true, []]);
    await assert.rejects(registry.addDevices([{ deviceId: 'node-b1' }]));
    const { responseBody: removed } = await registry.removeDevices(devices, true);
    assert.equal(removed.isSuccessful, true);
  });

  test('tags and reported properties decide what a query finds, page by page', async () => {
    const text = await createDevice('node-twin');
    const { responseBody: twin } = await registry.getTwin('node-twin');
    await twin.update({ tags: { location: { plant: 'Redmond43' } }, properties: { desired: { level: 1 } } });

    const client = await open(text);
    const deviceTwin = await client.getTwin();
    assert.equal(deviceTwin.properties.desired.level, 1);
    const desired = new Promise((resolve) => {
      deviceTwin.on('properties.desired', (delta) => delta.level === 2 && resolve(delta));
    });
    await callback((done) => deviceTwin.properties.reported.update({ connectivity: 'cellular' }, done));

    const query = registry.createQuery(
      "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43' AND properties.reported.connectivity = 'cellular'",
      100,
    );
    const { result } = await query.nextAsTwin();
    assert.deepEqual(result.map((found) => found.deviceId), ['node-twin']);
    assert.equal(query.hasMoreResults, false);

    await twin.update({ properties: { desired: { level: 2 } } });
    assert.equal((await desired).$version, 3);

    // A stale etag is refused, and Node's own name for it comes out.
    await assert.rejects(registry.updateTwin('node-twin', { tags: { a: 1 } }, 'AAAAAAAAAAE='), {
      name: 'InvalidEtagError',
    });
    await client.close();
  });

  test('a refused report is an error on the device, not silence', async () => {
    const client = await open(await createDevice('node-refused'));
    const twin = await client.getTwin();
    await assert.rejects(
      callback((done) => twin.properties.reported.update({ 'bad.name': 1 }, done)),
      /'bad\.name'/,
    );
    await client.close();
  });

  test('a direct method goes there and back', async () => {
    const client = await open(await createDevice('node-method'));
    await new Promise((resolve, reject) => {
      client.onDeviceMethod('reboot', (request, response) => {
        response.send(200, { was: request.payload }, (error) => error && reject(error));
      });
      resolve();
    });
    const service = ServiceClient.fromConnectionString(serviceString);
    const invoke = () =>
      service.invokeDeviceMethod('node-method', { methodName: 'reboot', payload: { in: 5 }, responseTimeoutInSeconds: 10 });
    const answer = await eventually(() => invoke().catch(() => null)); // the subscription is under way
    assert.deepEqual(answer.result, { status: 200, payload: { was: { in: 5 } } });
    await client.close();
    await assert.rejects(invoke());
  });

  test('telemetry with properties is acknowledged', async () => {
    const client = await open(await createDevice('node-telemetry'));
    for (let number = 0; number < 100; number++) {
      const message = new Message(JSON.stringify({ number }));
      message.contentType = 'application/json';
      message.contentEncoding = 'utf-8';
      message.properties.add('alert', 'a/b & c');
      await client.sendEvent(message);
    }
    await client.close();
  });

  test('a module has an identity and a twin of its own', async () => {
    await createDevice('node-parent');
    const { responseBody: module } = await registry.addModule({ deviceId: 'node-parent', moduleId: 'm1' });
    const text = stringOf('node-parent', module.authentication.symmetricKey.primaryKey, 'm1');
    const client = await open(text, ModuleClient);
    const moduleTwin = await client.getTwin();
    await callback((done) => moduleTwin.properties.reported.update({ interval: 122 }, done));
    const { responseBody: seen } = await registry.getModuleTwin('node-parent', 'm1');
    assert.equal(seen.properties.reported.interval, 122);
    const { responseBody: modules } = await registry.getModulesOnDevice('node-parent');
    assert.deepEqual(modules.map((one) => one.moduleId), ['m1']);
    await client.close();
  });

  test('a wrong key is an unauthorized error', async () => {
    await createDevice('node-wrong');
    const client = DeviceClient.fromConnectionString(
      stringOf('node-wrong', 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='),
      Mqtt,
    );
    client.setRetryPolicy(new (require('azure-iot-common').NoRetry)());
    await assert.rejects(client.open(), { name: 'UnauthorizedError' });
  });
}

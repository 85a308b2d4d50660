// SPDX-License-Identifier: MIT
// What the programs share: identities with connection strings, opened clients.
'use strict';

const { Registry } = require('azure-iothub');
const { Client, ModuleClient } = require('azure-iot-device');

const SERVICE = { role: 'service', name: 'azure-iothub' };

// The parts of the service's connection string, by their names.
const serviceParts = () =>
  Object.fromEntries(
    process.env.IOTHUB_CONNECTION_STRING.split(';').map((part) => part.split(/=(.*)/s).slice(0, 2)),
  );

const registry = () => Registry.fromConnectionString(process.env.IOTHUB_CONNECTION_STRING);

function stringOf(deviceId, key, moduleId) {
  const module = moduleId ? `ModuleId=${moduleId};` : '';
  return `HostName=localhost;DeviceId=${deviceId};${module}SharedAccessKey=${key}`;
}

async function createDevice(deviceId) {
  const { responseBody } = await registry().create({ deviceId });
  return stringOf(deviceId, responseBody.authentication.symmetricKey.primaryKey);
}

async function createModule(deviceId, moduleId) {
  const { responseBody } = await registry().addModule({ deviceId, moduleId });
  return stringOf(deviceId, responseBody.authentication.symmetricKey.primaryKey, moduleId);
}

async function open(connectionString, Transport) {
  const Kind = connectionString.includes('ModuleId=') ? ModuleClient : Client;
  const client = Kind.fromConnectionString(connectionString, Transport);
  await client.open();
  return client;
}

// The promise of what a function with a callback (error, result) brings.
const promised = (start) =>
  new Promise((resolve, reject) => start((error, result) => (error ? reject(error) : resolve(result))));

module.exports = { SERVICE, createDevice, createModule, open, promised, registry, serviceParts, stringOf };

// SPDX-License-Identifier: MIT
// An emulator on the ports that the SDKs insist on, for one test file at a time: tests/support/netns
// gives the run a network of its own.
'use strict';

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { after, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');

const START_MS_MAX = 20000;
const EXIT_MS = 2000; // for the reporter to say all it has to say

async function startEmulator(options = []) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'iothub-node-'));
  const readyFile = path.join(folder, 'ready.json');
  const binary =
    process.env.EMULATOR_BIN || path.join(__dirname, '../../../build/release/bin/iothub-emulator');
  const log = fs.openSync(path.join(folder, 'emulator.log'), 'a');
  const child = spawn(
    binary,
    ['--memory', '--home', path.join(folder, 'home'), '--ready-file', readyFile, ...options],
    { stdio: ['ignore', log, log] },
  );
  const deadline = Date.now() + START_MS_MAX;
  while (!fs.existsSync(readyFile)) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`the emulator did not start:\n${fs.readFileSync(path.join(folder, 'emulator.log'))}`);
    }
    await sleep(5);
  }
  const ready = JSON.parse(fs.readFileSync(readyFile, 'utf8'));
  return {
    serviceConnectionString: ready.serviceConnectionString,
    caPath: ready.caPath,
    controlPort: ready.ports.control,
    hubName: ready.hubName,
    log: () => fs.readFileSync(path.join(folder, 'emulator.log'), 'utf8'),
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const code = await ended;
      fs.rmSync(folder, { recursive: true });
      if (code !== 0) {
        throw new Error(`the emulator ended with ${code}`);
      }
    },
  };
}

// @azure/event-hubs wants Node 20, for the global `crypto`; Debian 12's Node 18 has it behind a flag.
const NODE_OPTIONS = parseInt(process.versions.node) < 20 ? ['--experimental-global-webcrypto'] : [];

// Runs the tests that `flows` defines, in a second Node process with an emulator there: trust goes
// through NODE_EXTRA_CA_CERTS, which Node reads once, at its start.
function withEmulator(file, flows, options = []) {
  if (process.env.HUB_CONTROL_PORT) {
    flows();
    // A client that a failed check left open would keep this process for ever.
    after(() => setTimeout(() => process.exit(), EXIT_MS).unref());
    return;
  }
  test(`${path.basename(file)} runs against an emulator of its own`, async () => {
    const emulator = await startEmulator(options);
    const env = { ...process.env };
    delete env.NODE_TEST_CONTEXT; // the inner run reports for itself
    env.IOTHUB_CONNECTION_STRING = emulator.serviceConnectionString;
    env.HUB_CONTROL_PORT = String(emulator.controlPort);
    env.HUB_NAME = emulator.hubName;
    env.NODE_EXTRA_CA_CERTS = emulator.caPath;
    const inner = spawnSync(process.execPath, [...NODE_OPTIONS, '--test-reporter=spec', file], {
      env,
      encoding: 'utf8',
    });
    const log = inner.status === 0 ? '' : emulator.log().slice(-8000);
    await emulator.stop();
    console.log(inner.stdout);
    assert.equal(inner.status, 0, inner.stderr + log);
  });
}

// Rows of the journal, inside withEmulator.
async function journal(query) {
  return (await getJson(process.env.HUB_CONTROL_PORT, `/journal?limit=1000&${query}`)).rows;
}

function getJson(port, target) {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path: target }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve(JSON.parse(text)));
      })
      .on('error', reject);
  });
}

// Waits for what another program brings about.
async function eventually(condition, timeoutMs = 10000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const result = await condition();
    if (result || Date.now() > deadline) {
      return result;
    }
    await sleep(20);
  }
}

module.exports = { eventually, journal, withEmulator };

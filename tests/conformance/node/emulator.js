// SPDX-License-Identifier: MIT
// An emulator on the ports that the SDKs insist on (8883 and 443), for one test file at a time:
// tests/support/netns gives the run a network of its own.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const START_MS_MAX = 20000;

async function startEmulator() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'iothub-node-'));
  const readyFile = path.join(folder, 'ready.json');
  const binary =
    process.env.EMULATOR_BIN || path.join(__dirname, '../../../build/release/bin/iothub-emulator');
  const log = fs.openSync(path.join(folder, 'emulator.log'), 'a');
  const child = spawn(
    binary,
    ['--memory', '--home', path.join(folder, 'home'), '--ready-file', readyFile],
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
    journal: (query) => getJson(ready.ports.control, `/journal?${query}`).then((answer) => answer.rows),
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

module.exports = { startEmulator, eventually };

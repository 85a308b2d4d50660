// SPDX-License-Identifier: MIT
// Rows for the SDK matrix; ../README.md describes them.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const CHECK_MS_MAX = 30000;

// The installed version of a package. Read from its folder: not every package exports its package.json.
function versionOf(name) {
  return JSON.parse(fs.readFileSync(path.join(__dirname, 'node_modules', name, 'package.json'), 'utf8')).version;
}

function record({ role, name, version, transport, feature }, result) {
  if (process.env.HUB_SDK_RESULTS) {
    const row = [role, 'Node', name, version || versionOf(name), transport, feature, result];
    fs.appendFileSync(process.env.HUB_SDK_RESULTS, row.join('\t') + '\n');
  }
}

// A hanging check fails by itself, so that it leaves its row and the others run.
async function withinTime(run) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${CHECK_MS_MAX} ms`)), CHECK_MS_MAX);
  });
  try {
    await Promise.race([run(), late]);
  } finally {
    clearTimeout(timer);
  }
}

// A test that is no cell of the matrix.
const check = (title, run) => test(title, () => withinTime(run));

function sdkTest(row, good, run) {
  const title = `${row.name}, ${row.role}, ${row.transport}: ${row.feature}`;
  test(title, async () => {
    try {
      await withinTime(run);
    } catch (error) {
      record(row, 'failed');
      throw error;
    }
    record(row, good);
  });
}

// A test whose outcome is a cell of the matrix.
const supported = (row, run) => sdkTest(row, 'passed', run);

// A test that shows the SDK itself declining.
const unsupported = (row, run) => sdkTest(row, 'unsupported', run);

module.exports = { check, supported, unsupported, versionOf };

// Node in both module systems, Deno and Bun: from the tarball, the same answers.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { cases, expected, files, packed, program, project, root, run, runtime, tarball } from '../world.js';

const wanted = await expected();
const esm = (entry) => `import * as callsheet from '${entry}';
import { proof } from './proof.js';
import cases from './cases.js';
console.log(JSON.stringify(proof(callsheet, cases)));
`;
const commonjs = {
  'proof.js': files['proof.js'].replace('export function proof', 'module.exports.proof = function proof'),
  'cases.js': files['cases.js'].replace('export default', 'module.exports ='),
  'main.js': `const { proof } = require('./proof.js');
console.log(JSON.stringify(proof(require('callsheet/plan'), require('./cases.js'))));
`,
};

test('the answers themselves: plans of all harnesses, in both editions, in every form', () => {
  assert.equal(wanted.answers.length, cases.length);
  for (const { name, digest, object, text, bytes, compiled, old, effects } of wanted.answers) {
    assert.match(digest, /^sha256:[0-9a-f]{64}$/, name);
    assert.deepEqual([text, bytes, compiled], [object, object, object], name);
    assert.equal(JSON.parse(object).digest, digest);
    assert.equal(JSON.parse(old).version, undefined);
    assert.ok(effects.length > 0, name);
  }
  const { code, places, right } = wanted.error;
  assert.deepEqual([code, places, right], ['persona.harness-unknown', [{ line: 6, column: 14 }], true]);
});

test('Node, CommonJS', () => {
  const directory = project({ files: commonjs, type: 'commonjs' });
  assert.deepEqual(JSON.parse(run([process.execPath, 'main.js'], { cwd: directory })), wanted);
});

for (const entry of ['callsheet', 'callsheet/plan', 'callsheet/plan/inline']) {
  test(`Node, modules: ${entry}`, () => {
    const directory = project({ files: { ...files, 'main.js': esm(entry) } });
    assert.deepEqual(JSON.parse(run([process.execPath, 'main.js'], { cwd: directory })), wanted);
  });
}

test('Node: the module given by hand, in both module systems', () => {
  const read = "readFileSync('node_modules/callsheet/plan/plan.wasm')";
  const main = `import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as callsheet from 'callsheet/plan/slim';
import { proof } from './proof.js';
import cases from './cases.js';
callsheet.initSync(${read});
const old = createRequire(import.meta.url)('callsheet/plan/slim');
old.initSync(new WebAssembly.Module(${read}));
console.log(JSON.stringify([proof(callsheet, cases), proof(old, cases)]));
`;
  const directory = project({ files: { ...files, 'main.js': main } });
  assert.deepEqual(JSON.parse(run([process.execPath, 'main.js'], { cwd: directory })), [wanted, wanted]);
});

test('Node: planning needs no program, and carrying out says which package is missing', () => {
  const main = `import { list } from 'callsheet/execute';
await list().then(() => console.log('found'), (error) => console.log(error.code, error.message));
`;
  const env = { ...process.env, CALLSHEET_BIN: '', PATH: path.dirname(process.execPath), CALLSHEET_STATE_HOME: path.join(packed, 'state') };
  const bare = project({ files: { 'main.js': main } });
  assert.match(run([process.execPath, 'main.js'], { cwd: bare, env }), /^missing .*callsheet/);
  const whole = project({ files: { 'main.js': main }, packages: [tarball, program] });
  assert.equal(run([process.execPath, 'main.js'], { cwd: whole, env }), 'found\n');
});

test('Deno, without any permission', (t) => {
  const deno = runtime('deno');
  if (!deno) return t.skip('there is no Deno for this system in the lock file');
  const directory = project({ files: { ...files, 'main.js': esm('callsheet/plan') } });
  const env = { ...process.env, DENO_DIR: path.join(packed, 'deno'), DENO_NO_UPDATE_CHECK: '1' };
  const argv = [deno, 'run', '--no-prompt', '--no-remote', '--node-modules-dir=manual', 'main.js'];
  assert.deepEqual(JSON.parse(run(argv, { cwd: directory, env })), wanted);
});

test('Bun', (t) => {
  const bun = runtime('bun');
  if (!bun) return t.skip('there is no Bun for this system in the lock file');
  const directory = project({ files: { ...files, 'main.js': esm('callsheet/plan') } });
  const env = { ...process.env, BUN_INSTALL: path.join(packed, 'bun'), DO_NOT_TRACK: '1' };
  assert.deepEqual(JSON.parse(run([bun, 'run', '--no-install', 'main.js'], { cwd: directory, env })), wanted);
});

test('the first plan of the README', () => {
  const [, code] = /```js\n([^]*?)```/.exec(fs.readFileSync(path.join(root, 'npm/README.md'), 'utf8'));
  assert.equal(code.trim().split('\n').length, 5);
  const directory = project({ files: { 'main.js': code } });
  assert.match(run([process.execPath, 'main.js'], { cwd: directory }), /^claude \[[^]*'make directory \{\{stage\}\}/);
});

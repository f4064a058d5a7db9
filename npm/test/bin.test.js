// `callsheet` of the package: the native program, by the same rules as everywhere.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { environment, put, until, world } from './world.js';

const BIN = fileURLToPath(new URL('../bin/callsheet.cjs', import.meta.url));
const NATIVE = process.env.CALLSHEET_BIN;

/** Runs the launcher with a search path of our own; without more nothing names the program. */
function launch(place, args, { PATH = '', env = {}, ...more } = {}) {
  const own = { ...environment(place), PATH: `${PATH}:${path.dirname(process.execPath)}`, ...env };
  if (!('CALLSHEET_BIN' in env)) delete own.CALLSHEET_BIN;
  return spawnSync(process.execPath, [BIN, ...args], { env: own, encoding: 'utf8', ...more });
}

function script(place, name, text) {
  const file = path.join(place.root, name);
  put(file, `#!/bin/sh\n${text}\n`);
  fs.chmodSync(file, 0o755);
  return file;
}

test('arguments, input, output and the exit code go through', () => {
  const place = world();
  const program = script(place, 'bin/callsheet', 'cat; echo "$#:$1:$2" >&2; exit 7');
  const found = launch(place, ['a b', '--x'], { PATH: path.dirname(program), input: 'given' });
  assert.deepEqual([found.status, found.stdout, found.stderr], [7, 'given', '2:a b:--x\n']);
});

test('the real program answers', () => {
  const found = launch(world(), ['--version'], { env: { CALLSHEET_BIN: NATIVE } });
  assert.match(found.stdout, /^callsheet \d+\.\d+\.\d+/);
  assert.equal(found.status, 0);
});

test('CALLSHEET_BIN is stronger than PATH, and must be a program', () => {
  const place = world();
  const first = script(place, 'one/callsheet', 'echo one');
  const second = script(place, 'two/callsheet', 'echo two');
  const both = launch(place, [], { PATH: path.dirname(first), env: { CALLSHEET_BIN: second } });
  assert.equal(both.stdout, 'two\n');
  const wrong = launch(place, [], { PATH: path.dirname(first), env: { CALLSHEET_BIN: '/nowhere' } });
  assert.equal(wrong.status, 69);
  assert.match(wrong.stderr, /^error: CALLSHEET_BIN names no program that can be run: \/nowhere; /);
});

test('it never finds itself, whatever a package manager made of it', () => {
  const place = world();
  fs.mkdirSync(path.join(place.root, 'npm'));
  fs.symlinkSync(BIN, path.join(place.root, 'npm/callsheet'));
  const shim = script(place, 'pnpm/callsheet', `exec node "${BIN}" "$@"`);
  const own = [path.join(place.root, 'npm'), path.dirname(shim)].join(':');
  const none = launch(place, [], { PATH: own });
  assert.equal(none.status, 69);
  assert.match(none.stderr, /^error: the callsheet program is not installed for [a-z0-9-]+; install it with: npm install @callsheet\//);
  const program = script(place, 'native/callsheet', 'echo native');
  assert.equal(launch(place, [], { PATH: `${own}:${path.dirname(program)}` }).stdout, 'native\n');
});

for (const [signal, code] of [['SIGTERM', 143], ['SIGINT', 130], ['SIGHUP', 129]]) {
  test(`${signal} reaches the program, and its end comes back as ${code}`, async () => {
    const place = world();
    const program = script(place, 'bin/callsheet', 'echo $$; exec sleep 600');
    const child = spawn(process.execPath, [BIN], {
      env: { ...environment(place), CALLSHEET_BIN: program },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    const gone = new Promise((resolve) => child.on('exit', (...end) => resolve(end)));
    await until(() => out.endsWith('\n'), 'the program runs');
    child.kill(signal);
    assert.deepEqual(await gone, [code, null]);
    assert.throws(() => process.kill(Number(out), 0), { code: 'ESRCH' });
  });
}

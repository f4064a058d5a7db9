// workerd without any compatibility flag: a Worker that asks for the module, what wrangler makes
// of it, and the example.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';
import { Miniflare } from 'miniflare';

import { expected, files, packed, project, root, run, tool } from '../world.js';

const wanted = await expected();
const DATE = '2026-01-01';

const WORKER = `import * as callsheet from 'callsheet/plan';
import { proof } from './proof.js';
import cases from './cases.js';
export default {
  async fetch() {
    // Put together when it runs, so that no bundler sees it.
    const node = await import([cases.length && 'node', 'fs'].join(':')).then(() => 'there', (error) => error.message);
    const host = [typeof process, typeof Buffer, node];
    let compiled = 'allowed';
    try { new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])); } catch { compiled = 'forbidden'; }
    return Response.json({ host, compiled, ...proof(callsheet, cases) });
  },
};
`;

/** Runs a bundle, a script with the modules beside it, in workerd. */
async function start(t, directory) {
  const names = fs.readdirSync(directory).filter((name) => /\.(js|wasm)$/.test(name));
  const modules = names
    .sort((one) => (one.endsWith('.js') ? -1 : 1))
    .map((name) => ({ type: name.endsWith('.js') ? 'ESModule' : 'CompiledWasm', path: path.join(directory, name) }));
  assert.deepEqual(modules.map(({ type }) => type), ['ESModule', 'CompiledWasm']);
  const worker = new Miniflare({ modulesRoot: directory, modules, compatibilityDate: DATE, compatibilityFlags: [] });
  t.after(() => worker.dispose());
  return worker;
}

/** Bundles with wrangler as for an upload, which is not made. */
function dryRun(directory, ...more) {
  const env = { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG_PATH: path.join(packed, 'wrangler.log'),
    XDG_CONFIG_HOME: path.join(packed, 'config') };
  const argv = [tool('wrangler'), 'deploy', '--dry-run', '--outdir', 'dist', ...more];
  const output = run(argv, { cwd: directory, env });
  const [size] = /Total Upload:.*/.exec(output) ?? ['no size'];
  return { size, dist: path.join(directory, 'dist') };
}

function check(answer) {
  const { host, compiled, ...found } = answer;
  assert.deepEqual(found, wanted);
  assert.deepEqual(host.slice(0, 2), ['undefined', 'undefined']);
  assert.match(host[2], /No such module/);
  // So only a module that the host compiled can have answered.
  assert.equal(compiled, 'forbidden');
}

// Vercel's edge is not here to be tested. What it makes of `?module`, the compiled module, is
// what workerd makes of the file.
const asked = [];
const query = {
  name: 'module-query',
  setup: ({ onResolve }) => onResolve({ filter: /\.wasm\?module$/ }, ({ path: name, resolveDir }) => {
    asked.push(name);
    return { path: path.join(resolveDir, name.replace('?module', '')) };
  }),
};

for (const conditions of [['workerd', 'worker', 'browser'], ['edge-light', 'browser']]) {
  test(`workerd: the module comes compiled from the host, ${conditions[0]}`, async (t) => {
    const directory = project({ files: { ...files, 'worker.js': WORKER } });
    const outdir = path.join(directory, 'dist');
    asked.length = 0;
    await build({
      entryPoints: [path.join(directory, 'worker.js')], outdir, bundle: true, format: 'esm', platform: 'neutral',
      conditions, loader: { '.wasm': 'copy' }, plugins: [query], logLevel: 'silent',
    });
    assert.deepEqual(asked, conditions[0] === 'edge-light' ? ['./plan.wasm?module'] : []);
    const worker = await start(t, outdir);
    check(await (await worker.dispatchFetch('http://localhost/')).json());
  });
}

test('wrangler: the upload has the module once, and nothing of Node', async (t) => {
  const directory = project({ files: { ...files, 'worker.js': WORKER } });
  const { size, dist } = dryRun(directory, 'worker.js', '--name', 'proof', '--compatibility-date', DATE);
  const names = fs.readdirSync(dist);
  const [module, ...others] = names.filter((name) => name.endsWith('.wasm'));
  assert.deepEqual(others, []);
  const original = fs.readFileSync(path.join(directory, 'node_modules/callsheet/plan/plan.wasm'));
  assert.ok(fs.readFileSync(path.join(dist, module)).equals(original));
  const script = fs.readFileSync(path.join(dist, 'worker.js'), 'utf8').replace(/\/\/# sourceMappingURL.*/, '');
  for (const word of ['node:', 'require(', 'base64']) {
    const at = script.indexOf(word);
    assert.equal(at, -1, `${word} in: ${script.slice(at - 60, at + 60)}`);
  }
  assert.ok(script.length < 100_000, `the script has ${script.length} bytes: the module must not be in it`);
  t.diagnostic(`${size}; module ${original.length} bytes, gzip ${gzipSync(original, { level: 9 }).length}`);
  const worker = await start(t, dist);
  check(await (await worker.dispatchFetch('http://localhost/')).json());
});

test('a Worker that carries plans out is refused when it is built', async () => {
  const directory = project({ files: { 'worker.js': "export * from 'callsheet/execute';" } });
  const building = build({
    entryPoints: [path.join(directory, 'worker.js')], bundle: true, format: 'esm', platform: 'neutral', write: false,
    conditions: ['workerd', 'worker', 'browser'], logLevel: 'silent',
  });
  await assert.rejects(building, /Could not resolve "callsheet\/execute"/);
});

test('examples/worker', async (t) => {
  const directory = project({ source: path.join(root, 'examples/worker') });
  const tsc = [process.execPath, path.join(root, 'npm/node_modules/typescript/bin/tsc'), '--strict', '--noEmit', '--target', 'es2022',
    '--lib', 'es2022,webworker', '--module', 'esnext', '--moduleResolution', 'bundler'];
  run([...tsc, 'src/index.ts'], { cwd: directory });
  const { size, dist } = dryRun(directory);
  t.diagnostic(size);
  const worker = await start(t, dist);
  const ask = async (body, method = 'POST') => {
    const response = await worker.dispatchFetch('http://localhost/', { method, body });
    const text = await response.text();
    return { status: response.status, type: response.headers.get('content-type'), text };
  };

  const help = await ask(undefined, 'GET');
  assert.deepEqual([help.status, help.text.split('\n').length], [200, 2]);
  assert.equal((await ask(undefined, 'DELETE')).status, 405);

  const object = JSON.parse(wanted.answers[0].object);
  const plain = await ask(JSON.stringify(object.persona));
  assert.deepEqual([plain.status, plain.type], [200, 'application/json; charset=utf-8']);
  const { persona, digest } = JSON.parse(plain.text);
  assert.deepEqual(persona, object.persona);
  assert.match(digest, /^sha256:/);

  // With the options of the proof, the same bytes.
  const options = { inputValues: { SINCE: 'v1', COMPONENT: 'größer "🎬"' }, task: 'Süße Träume' };
  assert.equal((await ask(JSON.stringify({ persona, options }))).text, wanted.answers[0].object);
  const old = await ask(JSON.stringify({ persona, options: { ...options, edition: 'persona-kit-4' } }));
  assert.equal(old.text, wanted.answers[0].old);

  const refused = async (body) => {
    const { status, text } = await ask(body);
    const { error } = JSON.parse(text);
    return [status, error.code, ...error.diagnostics.map(({ pointer }) => pointer)];
  };
  const broken = { ...persona, harness: 'codeks', model: '' };
  assert.deepEqual(await refused(JSON.stringify(broken)), [400, 'persona.harness-unknown', '/harness', '/model']);
  assert.deepEqual(await refused('{"personaId": '), [400, 'document.malformed', undefined]);
  assert.equal((await refused('null'))[0], 400);
  assert.equal((await refused(new Uint8Array([0xff, 0xfe])))[0], 400);
  assert.equal((await refused(JSON.stringify({ persona, options: 7 })))[0], 400);
  assert.equal((await refused(JSON.stringify({ persona, options: { edition: '1999' } })))[0], 400);
  assert.equal((await ask('x'.repeat((1 << 20) + 1))).status, 413);
});

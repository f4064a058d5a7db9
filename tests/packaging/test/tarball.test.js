// What is in the tarball, and what its metadata promises.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';

import { here, program, project, root, run, tarball, tool } from '../world.js';

const update = process.env.UPDATE_EXPECT === '1';
const list = (file) => run(['tar', '-tzf', file]).trim().split('\n').map((name) => name.replace(/^package\//, '')).sort();
const installed = path.join(project({ packages: [tarball, program] }), 'node_modules');
const read = (name) => fs.readFileSync(path.join(installed, name));

test('the tarball has exactly the files of files.txt', () => {
  const file = path.join(here, 'files.txt');
  const found = `${list(tarball).join('\n')}\n`;
  if (update) fs.writeFileSync(file, found);
  const hint = 'the files of the tarball changed; UPDATE_EXPECT=1 tests/packaging/run.sh renews files.txt';
  assert.equal(found, fs.readFileSync(file, 'utf8'), hint);
});

test('the tarball has one WebAssembly module, the licences and no tests, sources or tools', () => {
  const files = list(tarball);
  assert.deepEqual(files.filter((name) => name.endsWith('.wasm')), ['plan/plan.wasm']);
  assert.deepEqual(files.filter((name) => /^(src|test|node_modules)\/|\.mjs$|\.sh$|\.[cm]ts$/.test(name.replace(/\.d\.c?ts$/, ''))), []);
  for (const name of ['LICENSE-APACHE', 'LICENSE-MIT']) {
    const text = fs.readFileSync(path.join(root, name), 'utf8');
    assert.equal(read(`callsheet/${name}`).toString(), text);
    assert.equal(read(`@callsheet/${process.platform}-${process.arch}/${name}`).toString(), text);
  }
});

test('the program of the platform comes alone, with its mode', () => {
  const name = process.platform === 'win32' ? 'bin/callsheet.exe' : 'bin/callsheet';
  assert.deepEqual(list(program), ['LICENSE-APACHE', 'LICENSE-MIT', name, 'package.json']);
  const file = path.join(installed, `@callsheet/${process.platform}-${process.arch}`, name);
  assert.equal(fs.statSync(file).mode & 0o777, 0o755);
  assert.match(run([file, '--version']), /^callsheet \d/);
});

test('the metadata is complete, and nothing runs when the package is installed', () => {
  const manifest = JSON.parse(read('callsheet/package.json'));
  assert.equal(manifest.license, 'MIT OR Apache-2.0');
  assert.equal(manifest.type, 'module');
  assert.deepEqual(manifest.engines, { node: '>=20' });
  assert.deepEqual(manifest.bin, { callsheet: 'bin/callsheet.cjs' });
  assert.ok(manifest.description.length > 20);
  assert.ok(manifest.keywords.length >= 5);
  assert.deepEqual(manifest.optionalDependencies, { [`@callsheet/${process.platform}-${process.arch}`]: manifest.version });
  for (const member of ['dependencies', 'devDependencies', 'scripts', 'repository', 'homepage', 'bugs', 'author']) {
    assert.equal(manifest[member], undefined, member);
  }
});

test('every file that an entry names is there', () => {
  const { exports, sideEffects, typesVersions } = JSON.parse(read('callsheet/package.json'));
  const leaves = (value) => (typeof value === 'string' ? [value] : Object.values(value).flatMap(leaves));
  const files = new Set(list(tarball));
  for (const name of [...leaves(exports), ...leaves(typesVersions), ...sideEffects.filter((it) => !it.includes('*'))]) {
    assert.ok(files.has(name.slice(2)), name);
  }
});

test('the module imports nothing', async (t) => {
  const { length } = read('callsheet/plan/plan.wasm');
  const [gzip, brotli] = [gzipSync, brotliCompressSync].map((compress) => compress(read('callsheet/plan/plan.wasm')).length);
  t.diagnostic(`plan.wasm: ${length} bytes, gzip ${gzip}, brotli ${brotli}`);
  const module = new WebAssembly.Module(read('callsheet/plan/plan.wasm'));
  assert.deepEqual(WebAssembly.Module.imports(module), []);
  // The script that carries the module carries the same one.
  const { base64 } = await import(path.join(installed, 'callsheet/plan/wasm-inline.js'));
  assert.ok(Buffer.from(base64, 'base64').equals(read('callsheet/plan/plan.wasm')));
});

test('nothing that is published names the place where it was built', () => {
  const home = path.resolve(root);
  for (const name of list(tarball)) {
    assert.ok(!read(`callsheet/${name}`).includes(`${home}/`), name);
  }
});

test('publint finds nothing', () => {
  const output = run([tool('publint'), 'run', tarball, '--strict']);
  assert.match(output, /All good/);
});

// Each entry is looked at under every way to resolve it: TypeScript's node10, node16 in both
// module systems, and bundlers.
const attw = (...options) => run([tool('attw'), tarball, '--format', 'ascii', '--no-emoji', '--no-color', ...options]);

test('the types of every entry are right for every way to resolve them', () => {
  const { exports } = JSON.parse(read('callsheet/package.json'));
  const modules = ['./plan/inline', './plan/url', './plan/plan.wasm'];
  attw('--entrypoints', ...Object.keys(exports).filter((name) => !modules.includes(name)));
  // These are for bundlers and browsers and only exist as ES modules: `url` waits for the network
  // at its top level, which CommonJS cannot, and no CommonJS host imports a .wasm file. Everything but
  // "a require call resolves to an ES module" is looked for.
  attw('--entrypoints', ...modules, '--ignore-rules', 'cjs-resolves-to-esm');
});

test('the interface report is what the sources declare', () => {
  const script = path.join(root, 'npm/api.mjs');
  if (update) execFileSync(process.execPath, [script]);
  run([process.execPath, script, '--check']);
});

test('the types of the wire records are those of the Rust sources', () => {
  const own = process.env.CALLSHEET_BINDGEN;
  const argv = own ? [own, 'types'] : ['cargo', 'run', '--quiet', '-p', 'bindgen', '--', 'types'];
  const found = run(argv, { cwd: root });
  const hint = 'npm/src/wire.cts is stale: `npm run types` in npm/ renews it';
  assert.equal(fs.readFileSync(path.join(root, 'npm/src/wire.cts'), 'utf8'), found, hint);
});

// The newest TypeScript that the package is built with, and the oldest that the README promises.
for (const [title, compiler] of [['newest', 'npm/node_modules/typescript'], ['oldest', 'tests/packaging/node_modules/typescript-oldest']]) {
  test(`typed programs of every entry compile from the tarball, ${title} TypeScript`, () => {
    const plan = "import { buildPersonaSpawnPlan, type PersonaSpawnPlan } from 'callsheet/plan';"
      + "export const plan: PersonaSpawnPlan = buildPersonaSpawnPlan({ personaId: 'p', harness: 'claude', model: 'm',"
      + "systemPrompt: 's', harnessSettings: {}, skills: [] }, { edition: '2026' });";
    const slim = "import { initSync, planBytes } from 'callsheet/plan/slim';"
      + "import module from 'callsheet/plan/plan.wasm'; initSync(module);"
      + "export const response = new Response(planBytes(new Uint8Array()));";
    const commonjs = "import { initSync } from 'callsheet/plan/slim'; initSync(new Uint8Array());";
    const files = { 'plan.mts': plan, 'plan.cts': plan, 'slim.mts': slim, 'slim.cts': commonjs, 'old.ts': plan };
    const directory = project({ files });
    const tsc = [process.execPath, path.join(root, compiler, 'bin/tsc')];
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--lib', 'es2022,webworker'];
    const compile = (resolution, module, names) =>
      run([...tsc, ...options, '--module', module, '--moduleResolution', resolution, ...names], { cwd: directory });
    compile('node16', 'node16', ['plan.mts', 'plan.cts', 'slim.mts', 'slim.cts']);
    compile('bundler', 'esnext', ['plan.mts', 'slim.mts']);
    compile('node10', 'commonjs', ['old.ts']);
  });
}

// The packages as they are published, seen from a project that depends on them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { environment, put, world } from './world.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const PLATFORM = `${process.platform}-${process.arch}`;

function installed() {
  const place = world();
  const modules = path.join(place.project, 'node_modules');
  const pack = [path.join(PACKAGE, 'pack.mjs'), modules, `${PLATFORM}=${process.env.CALLSHEET_BIN}`];
  execFileSync(process.execPath, pack);
  const env = { ...environment(place), CALLSHEET_BIN: '', PATH: '/usr/bin:/bin' };
  const run = (argv) => execFileSync(process.execPath, argv, { cwd: place.project, env, encoding: 'utf8' });
  return { place, modules, run };
}

test('the program comes with the package of the platform', () => {
  const { modules, run } = installed();
  const manifest = JSON.parse(fs.readFileSync(path.join(modules, 'callsheet/package.json'), 'utf8'));
  assert.deepEqual(Object.keys(manifest.optionalDependencies), [`@callsheet/${PLATFORM}`]);
  assert.equal(manifest.devDependencies, undefined);
  const esm = `import { list } from 'callsheet/execute'; console.log(await list());`;
  assert.equal(run(['--input-type=module', '-e', esm]), '[]\n');
  assert.equal(run(['-e', `require('callsheet').list().then(console.log)`]), '[]\n');
});

test('typed programs of both module systems compile', () => {
  const { place } = installed();
  const source = `
    import { CallsheetError, executePersonaSpawnPlan, type ExecutablePlan } from 'callsheet/execute';
    import { recover } from 'callsheet';
    export async function main(plan: ExecutablePlan): Promise<void> {
      await using handle = await executePersonaSpawnPlan(plan, {
        cwd: '.', cleanupSkillsOnDispose: false, signal: AbortSignal.timeout(1000),
        mount: { mountDir: 'm', personaId: 'p', includeGit: true, autoSync: true },
        onProgress: (event) => { if (event.event === 'phase') console.log(event.phase); },
      });
      const report = await handle.dispose().catch((error: CallsheetError) => error.report);
      console.log(handle.id, report?.kept.length, (await recover({ cwd: '.' }))[0]?.recovered);
    }`;
  put(path.join(place.project, 'esm.mts'), source);
  put(path.join(place.project, 'cjs.cts'), source);
  const tsc = path.join(PACKAGE, 'node_modules/typescript/bin/tsc');
  const types = path.join(PACKAGE, 'node_modules/@types');
  for (const [module, resolution] of [['node16', 'node16'], ['esnext', 'bundler']]) {
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--lib', 'es2023,esnext.disposable',
      '--module', module, '--moduleResolution', resolution, '--types', 'node', '--typeRoots', types];
    const files = module === 'node16' ? ['esm.mts', 'cjs.cts'] : ['esm.mts'];
    execFileSync(process.execPath, [tsc, ...options, ...files], { cwd: place.project, stdio: 'inherit' });
  }
});

// The types of the drop-in beside those of the original: every name can be used as before.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { put, world } from './world.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const ARCHIVE = path.join(PACKAGE, '../.cache/bench/agentworkforce-persona-kit-4.1.59.tgz');
const ORIGINAL = 'node_modules/@agentworkforce/persona-kit';

const PARAMETERS = {
  AdapterConfigFor: `<'gitlab'>`,
  KnownTriggerName: `<'github'>`,
  ScopeKey: `<'github'>`,
  ScopeKeysFor: `<'github'>`,
  TriggerNameFor: `<'slack'>`,
  TypedAdapterMaterializationPolicy: `<'a', 'b', 'c', 'd'>`,
  TypedAdapterMaterializationRule: `<'a', 'b', 'c'>`,
  TypedScopeMap: `<'gitlab'>`,
  TypedTrigger: `<'github'>`,
};

// What the original has from its own dependencies.
const OTHERS = {
  '@relaycast/a2a': 'export type A2aAgentCard = import("callsheet/persona-kit").A2aAgentCard;',
  '@relayfile/local-mount': `export interface AutoSyncOptions {
    scanIntervalMs?: number; healthyScanIntervalMs?: number; debounceMs?: number; onError?: (error: Error) => void }`,
  '@relayfile/adapter-core': `export type AdapterMaterializationMode = 'lazy' | 'eager';`,
  '@relayfile/adapter-core/triggers': `export { ADAPTERS_WITHOUT_KNOWN_TRIGGERS, KNOWN_TRIGGER_CATALOG,
    type KnownProviderName, type KnownTriggerName } from 'callsheet/persona-kit';`,
  '@relayfile/adapter-core/scope-keys': `export { ADAPTERS_WITHOUT_KNOWN_SCOPE_KEYS, KNOWN_SCOPE_KEY_CATALOG,
    type ScopeKey, type ScopeKeyProvider } from 'callsheet/persona-kit';`,
};

/** The names of a declaration file: values and types. */
function names(file) {
  const [values, types] = [new Set(), new Set()];
  for (const [, only, list] of fs.readFileSync(file, 'utf8').matchAll(/^export (type )?\{([^}]*)\}/gm)) {
    for (const name of list.split(',').map((part) => part.trim()).filter((part) => part !== '')) {
      if (only || name.startsWith('type ')) types.add(name.replace('type ', ''));
      else values.add(name);
    }
  }
  return { values: [...values], types: [...types] };
}

function compared(entry, file) {
  const { values, types } = names(file);
  const lines = [`import * as their from '@agentworkforce/${entry}';`, `import * as our from 'callsheet/${entry}';`];
  for (const name of values) lines.push(`export const ${name}: typeof their.${name} = our.${name};`);
  for (const name of types) {
    const of = `${name}${PARAMETERS[name] ?? ''}`;
    lines.push(`export const to${name} = (value: our.${of}): their.${of} => value;`);
    lines.push(`export const from${name} = (value: their.${of}): our.${of} => value;`);
  }
  return { text: lines.join('\n'), counts: [values.length, types.length] };
}

const OPTIONS = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'es2022', '--lib', 'es2023,esnext.disposable',
  '--module', 'node16', '--moduleResolution', 'node16', '--types', 'node',
  '--typeRoots', path.join(PACKAGE, 'node_modules/@types')];

function compile(project, files, options = OPTIONS) {
  const tsc = path.join(PACKAGE, 'node_modules/typescript/bin/tsc');
  const { stdout, status } = spawnSync(process.execPath, [tsc, ...options, ...files], { cwd: project, encoding: 'utf8' });
  return { stdout, status };
}

function projected() {
  const { project } = world();
  fs.mkdirSync(path.join(project, 'node_modules/@agentworkforce'), { recursive: true });
  fs.symlinkSync(PACKAGE, path.join(project, 'node_modules/callsheet'));
  return project;
}

test('every name has the type that it had', () => {
  if (!fs.existsSync(ARCHIVE)) {
    console.log(`skipped: no original at ${ARCHIVE} (test/peer-suite.mjs downloads it)`);
    return;
  }
  const project = projected();
  fs.mkdirSync(path.join(project, ORIGINAL));
  execFileSync('tar', ['-xzf', ARCHIVE, '--strip-components=1', '-C', path.join(project, ORIGINAL)]);
  for (const [name, text] of Object.entries(OTHERS)) {
    put(path.join(project, 'node_modules', name, 'index.d.ts'), text);
    put(path.join(project, 'node_modules', name, 'package.json'), '{"type":"module","types":"index.d.ts"}');
  }
  const exports = { '.': './index.d.ts', './triggers': './triggers/index.d.ts', './scope-keys': './scope-keys/index.d.ts' };
  put(path.join(project, 'node_modules/@relayfile/adapter-core/package.json'), JSON.stringify({ type: 'module', exports }));
  const barrel = compared('persona-kit', path.join(project, ORIGINAL, 'dist/index.d.ts'));
  const spec = compared('persona-kit/spec', path.join(project, ORIGINAL, 'dist/spec.d.ts'));
  assert.deepEqual([barrel.counts[0], spec.counts[0]], [96, 47]);
  put(path.join(project, 'barrel.mts'), barrel.text);
  put(path.join(project, 'spec.mts'), spec.text);
  const { stdout, status } = compile(project, ['barrel.mts', 'spec.mts']);
  assert.equal(stdout, '');
  assert.equal(status, 0);
});

test('typed programs compile in both module systems, and mistakes do not', () => {
  const project = projected();
  const source = `
    import { buildPersonaSpawnPlan, definePersona, executePersonaSpawnPlan, HARNESS_VALUES, isIntent, lintTriggers,
      MissingPersonaInputError, type PersonaSelection, type Harness, type TypedTriggerMap } from 'callsheet/persona-kit';
    import { parsePersonaSpec, type PersonaSpec } from 'callsheet/persona-kit/spec';
    const harness: Harness = HARNESS_VALUES[0];
    export async function main(selection: PersonaSelection, value: unknown): Promise<string> {
      const spec: PersonaSpec = parsePersonaSpec(value, isIntent(value) ? value : 'review');
      const plan = buildPersonaSpawnPlan(selection, { processEnv: process.env, inputValues: { A: 1, B: null } });
      const handle = await executePersonaSpawnPlan(plan, { cwd: '.', mount: { mountDir: '/m', autoSync: true } });
      const done: void = await handle.dispose();
      const { input } = new MissingPersonaInputError('a', 'b');
      return [spec.integrations?.['github']?.source?.kind, harness, input, done, lintTriggers({})[0]?.code].join();
    }
    export const triggers: TypedTriggerMap = { github: [{ on: 'push' }], other: [{ on: 'x' }] };
    definePersona({ id: 'a', intent: 'review', description: 'd', onEvent: './a.ts', tags: ['review'],
      harnessSettings: { reasoning: 'low', timeoutSeconds: 1 },
      integrations: { gitlab: { config: { materialization: { default: 'lazy' } } } } });
    const wrong = { id: 'a', intent: 'review', description: 'd', harnessSettings: { reasoning: 'low', timeoutSeconds: 1 } } as const;
    // @ts-expect-error there is no such tag
    definePersona({ ...wrong, onEvent: './a.ts', tags: ['proactive'] });
    // @ts-expect-error it neither has an entry point nor can it be talked to
    definePersona(wrong);
    // @ts-expect-error there is no such mode
    definePersona({ ...wrong, onEvent: './a.ts', integrations: { github: { config: { materialization: { default: 'all' } } } } });
  `;
  put(path.join(project, 'esm.mts'), source);
  put(path.join(project, 'cjs.cts'), source);
  put(path.join(project, 'bundled.ts'), source);
  const bundler = OPTIONS.map((word) => ({ node16: 'bundler' })[word] ?? word);
  bundler[bundler.indexOf('--module') + 1] = 'esnext';
  for (const [files, options] of [[['esm.mts', 'cjs.cts'], OPTIONS], [['bundled.ts'], bundler]]) {
    assert.deepEqual(compile(project, files, options), { stdout: '', status: 0 });
  }
});

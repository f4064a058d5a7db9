// Measures planning from JavaScript: ours, through WebAssembly, against the peer, in this
// process and in workerd, on the same inputs and in turn.
//
//   node plan-js.mjs --peer DIR [--corpus DIR] [--rounds N] [--calls N]
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { EDITION, operations, prepare } from './plan-js-operations.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tools = createRequire(join(root, 'tests/packaging/package.json'));
const text = (fallback) => ({ type: 'string', default: fallback });
const { values: args } = parseArgs({ options: { peer: text(''), corpus: text(''), rounds: text('9'), calls: text('20') } });
const rounds = Number(args.rounds);
const calls = Number(args.calls);

const peer = await import(pathToFileURL(join(args.peer, 'dist/plan.js')).href);
const ours = await import(pathToFileURL(join(root, 'npm/plan/node.js')).href);

// --- The cases.
/** The example personas, resolved, with a value for each input. */
function examples() {
  const layer = (directory) => ({
    source: directory,
    files: readdirSync(join(root, directory))
      .filter((name) => name.endsWith('.json'))
      .map((name) => ({ path: `/${directory}/${name}`, text: readFileSync(join(root, directory, name), 'utf8') })),
  });
  const layers = [layer('examples/personas'), layer('examples/team/.agentworkforce/workforce/personas')];
  const existing = ['/examples/skills/small-steps.md', '/examples/skills/changelog-voice', '/examples/skills/changelog-voice/SKILL.md',
    '/examples/personas/sidecars/field-notes.md', '/examples/personas/sidecars/house-rules.md',
    '/examples/team/.agentworkforce/workforce/personas/house-rules.md'];
  return layers[0].files.map(({ text: source }) => {
    const { id } = JSON.parse(source);
    const { selection } = ours.resolvePersona(id, { layers, existing }, { edition: EDITION });
    const inputValues = Object.fromEntries(Object.keys(selection.inputs ?? {}).map((name) => [name, `value of ${name}`]));
    const options = { inputValues, processEnv: { HOME: '/home/somebody', LANG: 'en_GB.UTF-8', PATH: '/usr/bin:/bin' } };
    return { name: id, document: JSON.stringify(selection), options: JSON.stringify(options) };
  });
}

/** The recorded cases of the peer that succeed, where they are at hand. */
function corpus() {
  const file = join(args.corpus, 'plan.jsonl');
  if (!args.corpus || !existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return lines.filter(({ ok }) => ok).map(({ case: name, selection, options }) => (
    { name, document: JSON.stringify(selection), options: JSON.stringify(options ?? {}) }));
}

const sources = Object.entries({ examples: examples(), corpus: corpus() }).filter(([, list]) => list.length > 0);
const sets = sources.map(([name, list]) => [name, list.map((it) => prepare(ours, it))]);
const table = operations(peer, ours);

// --- Both must give the same before anything is timed.
for (const [, list] of sets) {
  for (const it of list) {
    for (const [title, { peer: theirs, ours: own, text: print }] of Object.entries(table)) {
      assert.equal(print(own(it)), print(theirs(it)), `${it.name}, ${title}: ours differs`);
    }
  }
}

const at = (numbers, part) => [...numbers].sort((one, other) => one - other)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))];
const median = (numbers) => at(numbers, 0.5);
const sum = (numbers) => numbers.reduce((one, other) => one + other, 0);
const us = (ns) => (ns / 1000).toFixed(2);
const short = (ratio) => ratio.toFixed(ratio < 1 ? 2 : 1);
const times = (ratio) => `**${short(ratio)}×**`;
const show = (...rows) => console.log(`${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`);
const rule = (columns) => Array(columns).fill('---');

// --- Node.
let sink;
function batch(run, it) {
  const start = process.hrtime.bigint();
  for (let call = 0; call < calls; call += 1) sink = run(it);
  return Number(process.hrtime.bigint() - start) / calls;
}

/** Figures of a set: for each operation and side the median round of each case. */
function measure(list) {
  const found = {};
  for (let round = -3; round < rounds; round += 1) {
    list.forEach((it, number) => {
      for (const [title, sides] of Object.entries(table)) {
        for (const side of ['peer', 'ours']) {
          // The first warms the caches; the first rounds are for the compiler.
          batch(sides[side], it);
          const took = batch(sides[side], it);
          if (round >= 0) (((found[title] ??= { peer: [], ours: [] })[side])[number] ??= []).push(took);
        }
      }
    });
  }
  return Object.entries(found).map(([title, { peer: theirs, ours: own }]) => ({
    title, peer: theirs.map(median), ours: own.map(median),
  }));
}

const rows = [];
for (const [name, list] of sets) {
  for (const { title, peer: theirs, ours: own } of measure(list)) {
    const ratios = theirs.map((time, number) => time / own[number]);
    rows.push([name, title, list.length, us(median(theirs)), us(median(own)), times(median(theirs) / median(own)),
      `${short(sum(theirs) / sum(own))}×`, `${short(Math.min(...ratios))}× – ${short(Math.max(...ratios))}×`]);
  }
}
show(['in Node', 'operation', 'cases', 'peer µs', 'ours µs', 'ratio', 'whole set', 'ratio by case'], rule(8), ...rows);

// --- A batch: 1,000 personas in one call against 1,000 calls of the peer.
const plain = sets.flatMap(([, list]) => list).filter((it) => {
  try {
    return peer.buildPersonaSpawnPlan(it.value, {}) !== undefined;
  } catch {
    return false;
  }
});
const thousand = Array.from({ length: 1000 }, (_, number) => plain[number % plain.length].value);
const together = {
  peer: () => thousand.map((value) => peer.buildPersonaSpawnPlan(value, {})),
  ours: () => ours.buildPersonaSpawnPlans(thousand, { edition: EDITION }),
};
assert.equal(JSON.stringify(together.ours().map(({ plan }) => plan)), JSON.stringify(together.peer()));
const took = { peer: [], ours: [] };
for (let round = -2; round < rounds; round += 1) {
  for (const side of ['peer', 'ours']) {
    const start = process.hrtime.bigint();
    sink = together[side]();
    if (round >= 0) took[side].push(Number(process.hrtime.bigint() - start) / 1e6);
  }
}
const [theirs, own] = [median(took.peer), median(took.ours)];
show(['in Node, 1,000 personas at once', 'peer ms', 'ours ms', 'ratio'], rule(4),
  ['objects → objects', theirs.toFixed(1), own.toFixed(1), times(theirs / own)]);

// --- workerd: its clock stands still while a script computes, so whole requests are timed.
const { build } = await import(pathToFileURL(tools.resolve('esbuild')).href);
const { Miniflare } = await import(pathToFileURL(tools.resolve('miniflare')).href);
const directory = mkdtempSync(join(tmpdir(), 'callsheet-bench-'));
const worker = `
import * as peer from ${JSON.stringify(join(args.peer, 'dist/plan.js'))};
import * as ours from ${JSON.stringify(join(root, 'npm/plan/workerd.js'))};
import { operations, prepare } from ${JSON.stringify(join(root, 'tests/bench/plan-js-operations.mjs'))};
const table = operations(peer, ours);
let sets;
let sink;
export default {
  async fetch(request) {
    // What is made while the script is loaded may not be made of WebAssembly everywhere.
    sets ??= Object.fromEntries(${JSON.stringify(sources)}.map(([name, list]) => [name, list.map((it) => prepare(ours, it))]));
    const { set, title, side, loops } = await request.json();
    const run = table[title]?.[side];
    for (let loop = 0; loop < loops; loop += 1) for (const it of sets[set]) sink = run(it);
    return new Response(typeof sink);
  },
};`;
try {
  await build({
    stdin: { contents: worker, resolveDir: root }, outfile: join(directory, 'worker.js'), bundle: true, format: 'esm',
    platform: 'neutral', loader: { '.wasm': 'copy' }, assetNames: '[name]', logLevel: 'silent',
  });
  const modules = [{ type: 'ESModule', path: join(directory, 'worker.js') }, { type: 'CompiledWasm', path: join(directory, 'plan.wasm') }];
  const host = new Miniflare({ modulesRoot: directory, modules, compatibilityDate: '2026-01-01' });
  const url = await host.ready;
  const ask = async (request) => {
    const start = process.hrtime.bigint();
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(request) });
    assert.equal(response.status, 200, await response.text());
    return Number(process.hrtime.bigint() - start);
  };
  const lines = [];
  for (const [set, list] of sets) {
    for (const title of Object.keys(table)) {
      const loops = Math.max(1, Math.round(3000 / list.length));
      const found = { peer: [], ours: [], nothing: [] };
      for (let round = -2; round < rounds; round += 1) {
        for (const side of ['peer', 'ours', 'nothing']) {
          const time = await ask({ set, title, side: side === 'nothing' ? 'peer' : side, loops: side === 'nothing' ? 0 : loops });
          if (round >= 0) found[side].push(time);
        }
      }
      const a = (side) => (median(found[side]) - median(found.nothing)) / loops / list.length;
      lines.push([set, title, list.length, us(a('peer')), us(a('ours')), times(a('peer') / a('ours'))]);
    }
  }
  await host.dispose();
  show(['in workerd', 'operation', 'cases', 'peer µs', 'ours µs', 'ratio'], rule(6), ...lines);
} finally {
  rmSync(directory, { recursive: true });
}
assert.ok(sink !== undefined);

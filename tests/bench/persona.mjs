// Measures the peer, in this process, against ours, a child that answers requests, on
// the same inputs and batch by batch in turn: whatever else the machine does hits both.
//
//   node persona.mjs --peer DIR --ours BINARY [--corpus DIR] [--rounds N] [--calls N]
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const text = (fallback) => ({ type: 'string', default: fallback });
const { values: args } = parseArgs({
  options: {
    peer: text(''), ours: text(''), corpus: text(''),
    rounds: text('9'), calls: text('40'),
  },
});
const peer = (name) => import(pathToFileURL(join(args.peer, 'dist', name)).href);
const { buildPersonaSpawnPlan } = await peer('plan.js');
const { parsePersonaSpec } = await peer('parse.js');

// --- Ours: one line there, one line back.
const child = spawn(args.ours, { stdio: ['pipe', 'pipe', 'inherit'] });
const waiting = [];
let pending = '';
child.stdout.setEncoding('utf8').on('data', (chunk) => {
  pending += chunk;
  const lines = pending.split('\n');
  pending = lines.pop();
  for (const line of lines) waiting.shift()(line);
});
child.on('exit', (code) => code && process.exit(code));
const ask = (request) => new Promise((answer) => {
  waiting.push(answer);
  child.stdin.write(request + '\n');
});

// --- The cases. What is measured went through JSON once, so that strings are flat.
const flat = (value) => JSON.parse(JSON.stringify(value));
const lines = (file) => readFileSync(join(args.corpus, file), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
const sets = { examples: JSON.parse(await ask('examples')), corpus: [] };
if (args.corpus && existsSync(join(args.corpus, 'plan.jsonl'))) {
  for (const line of lines('plan.jsonl').filter((line) => line.ok)) {
    sets.corpus.push({ name: line.case, document: JSON.stringify(line.selection), options: JSON.stringify(line.options) });
  }
  for (const line of lines('parse.jsonl').filter((line) => line.ok && line.expectedIntent === line.input.intent)) {
    sets.corpus.push({ name: line.persona, document: JSON.stringify(line.input) });
  }
}

const OPERATIONS = {
  parse: (it) => parsePersonaSpec(it.value, it.value.intent),
  'parse-text': (it) => { const value = JSON.parse(it.document); return parsePersonaSpec(value, value.intent); },
  plan: (it) => buildPersonaSpawnPlan(it.value, it.valueOptions),
  text: (it) => JSON.stringify(buildPersonaSpawnPlan(JSON.parse(it.document), JSON.parse(it.options))),
};
const operations = (it) => (it.options === undefined ? ['parse', 'parse-text'] : ['plan', 'text']);

const cases = [];
for (const [set, list] of Object.entries(sets)) {
  for (const it of list) {
    const number = await ask(`load ${JSON.stringify(it)}`);
    const value = JSON.parse(it.document);
    const valueOptions = it.options && JSON.parse(it.options);
    cases.push({ ...flat(it), set, number, value, valueOptions, ours: {}, peers: {} });
  }
}

// --- Both must give the same bytes before anything is timed.
for (const it of cases) {
  const operation = it.options === undefined ? 'parse' : 'plan';
  const theirs = JSON.stringify(OPERATIONS[operation](it));
  assert.equal(await ask(`show ${operation} ${it.number}`), theirs, `${it.name}: ours differs`);
}

// --- Measuring.
const calls = Number(args.calls);
let sink;
function batch(operation, it) {
  const run = OPERATIONS[operation];
  // The first half warms the caches and does not count; ours does the same.
  for (let call = 0; call < calls; call += 1) sink = run(it);
  const start = process.hrtime.bigint();
  for (let call = 0; call < calls; call += 1) sink = run(it);
  return Number(process.hrtime.bigint() - start) / calls;
}
for (let warm = 0; warm < 5; warm += 1) {
  for (const it of cases) for (const operation of operations(it)) batch(operation, it);
}
for (let round = 0; round < Number(args.rounds); round += 1) {
  for (const it of cases) {
    for (const operation of operations(it)) {
      (it.peers[operation] ??= []).push(batch(operation, it));
      (it.ours[operation] ??= []).push(Number(await ask(`time ${operation} ${it.number} ${calls}`)));
    }
  }
}
child.stdin.end();
assert.ok(sink !== undefined);

// --- Per case the median batch, then the median over cases.
const at = (numbers, part) => [...numbers].sort((one, other) => one - other)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))];
const median = (numbers) => at(numbers, 0.5);
const TITLES = {
  parse: 'parse, value → value',
  'parse-text': 'parse, text → value',
  plan: 'plan, value → value',
  text: 'plan, text → text',
};
const us = (ns) => (ns / 1000).toFixed(2);
const rows = [];
for (const set of Object.keys(sets)) {
  for (const operation of Object.keys(OPERATIONS)) {
    const list = cases.filter((it) => it.set === set && it.ours[operation]);
    if (list.length === 0) continue;
    const of = (side, pick) => list.map((it) => pick(it[side][operation]));
    const sum = (numbers) => numbers.reduce((one, other) => one + other, 0);
    const ratios = list.map((it) => median(it.peers[operation]) / median(it.ours[operation]));
    const [theirs, ours] = [median(of('peers', median)), median(of('ours', median))];
    rows.push([
      set, TITLES[operation], list.length, us(theirs), us(ours), `**${(theirs / ours).toFixed(1)}×**`,
      `${(sum(of('peers', median)) / sum(of('ours', median))).toFixed(1)}×`,
      `${us(at(of('peers', median), 0.95))} / ${us(at(of('ours', median), 0.95))}`,
      `${Math.min(...ratios).toFixed(1)}× – ${Math.max(...ratios).toFixed(1)}×`,
    ]);
  }
}
const table = [
  ['inputs', 'operation', 'cases', 'peer µs', 'ours µs', 'ratio', 'whole set', '95th percentile µs', 'ratio by case'],
  Array(9).fill('---'),
  ...rows,
].map((row) => `| ${row.join(' | ')} |`);
console.log(table.join('\n'));

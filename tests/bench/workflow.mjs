// Tables of what calls of workflows cost, beside the same scripts in Node's `vm`:
// node workflow.mjs BENCH MEMORY STORAGE ROUNDS
//
// Node's half has what the rival has in its script's world: `agent`, `parallel` and `pipeline`
// over promises. *With a journal* it also does what the rival does for every call that ended:
// the SHA-256 of what identifies it, and a line of JSON at the end of a file.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { createContext, runInContext } from 'node:vm';

const [bench, memory, storage, rounds] = process.argv.slice(2);
const SHAPES = [
  ['sequential', 3000, 'for (let i = 0; i < COUNT; i++) await agent("p" + i);'],
  ['parallel', 1000, 'await parallel(Array.from({ length: COUNT }, (_, i) => () => agent("p" + i)));'],
  ['pipeline', 3000, `const stage = (x) => agent("p" + x);
    await pipeline(Array.from({ length: COUNT / 3 }, (_, i) => i), stage, stage, stage);`],
];
const WORLD = `
  const parallel = (thunks) => Promise.all(thunks.map(async (thunk) => { try { return await thunk(); } catch { return null; } }));
  const pipeline = (items, ...stages) => Promise.all(items.map(async (item, i) => {
    let value = item;
    for (const stage of stages) value = await stage(value, item, i);
    return value;
  }));`;

const ours = (...words) => JSON.parse(execFileSync(bench, words, { encoding: 'utf8' }));
const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];
const micros = (number) => number.toFixed(number < 10 ? 1 : 0);

async function node(body, count, withJournal) {
  const file = `${memory}/node.jsonl`;
  const times = [];
  for (let round = 0; round < Number(rounds); round++) {
    let index = 0;
    const agent = async (prompt) => {
      const at = index++;
      if (!withJournal) return 'r';
      const identity = JSON.stringify({ prompt, model: null, phase: null, agentType: null, schema: null });
      const hash = createHash('sha256').update(identity).digest('hex');
      await null;
      appendFileSync(file, `${JSON.stringify({ index: at, hash, result: 'r' })}\n`);
      return 'r';
    };
    const context = createContext({ agent });
    const run = runInContext(`(async () => {${WORLD}\n${body.replaceAll('COUNT', count)}\n})`, context);
    const before = performance.now();
    await run();
    times.push((performance.now() - before) * 1000 / count);
    rmSync(file, { force: true });
  }
  return median(times);
}

const rows = [];
for (const [shape, count, body] of SHAPES) {
  const few = ours('calls', `${memory}/run`, shape, '3', rounds);
  const all = ours('calls', `${memory}/run`, shape, String(count), rounds);
  // The start of a script and its process is no cost of a call.
  const call = (what, kind) => (all[what][kind] * count - few[what][kind] * 3) / (count - 3);
  const bare = await node(body, count, false);
  const kept = await node(body, count, true);
  const [engine, process, run] = ['engine', 'process', 'run8'].map((what) => call(what, 'wall'));
  const cpu = call('run8', 'own') + call('run8', 'script');
  rows.push([`${shape}, ${count} calls`, ...[engine, process, run, cpu, bare, kept].map(micros), `${(run / kept).toFixed(1)}×`, `${(few.run8.wall * 3 / 1000).toFixed(1)}`]);
}
const table = (head, rows) => [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

console.log(`Node ${process.version}, ${cpus()[0].model.trim()}, ${cpus().length} cores; medians of ${rounds} runs.\n`);
console.log(table(
  ['µs a call, without durability', 'engine alone', 'in its process', 'whole run', 'of that CPU', 'Node `vm`', 'Node with a journal', 'whole run against that', 'start ms'],
  rows,
));
const journal = ours('journal', `${storage}/journal`);
console.log(`\n${table(
  ['journal, flushed, 64 calls in flight', 'settled calls a second', 'flushes', 'ms a flush, with what it writes'],
  [
    ['the store alone, 20,000 calls', Math.round(journal.alone), journal.aloneFlushes, journal.aloneFlushMs.toFixed(2)],
    ['a whole run, 10,000 calls', Math.round(journal.run), journal.runFlushes, '–'],
  ],
)}`);
const mb = (number) => number.toFixed(1);
const needs = ['20', '4000', '30000'].map((bytes) => {
  const { driver, script } = ours('memory', `${memory}/run`, bytes);
  return [`${bytes} bytes`, mb(driver), mb(script), mb(driver + script)];
});
console.log(`\n${table(['1,000 calls, each answer of', 'driver MB', 'script’s process MB', 'together'], needs)}`);

// Measures the bridge between Node and the native executor; bridge.sh says how.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { binary: { type: 'string' }, native: { type: 'string' }, place: { type: 'string' }, rounds: { type: 'string' } },
});
const { binary, native, place } = values;
const rounds = Number(values.rounds);
const ENTRY = pathToFileURL(fileURLToPath(new URL('../../npm/execute/index.js', import.meta.url))).href;
const state = join(place, 'state');
process.env.CALLSHEET_BIN = binary;
process.env.CALLSHEET_STATE_HOME = state;

const quantile = (samples, part) => {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
};
const shown = (ms) => (ms < 0.1 ? ms.toFixed(3) : ms.toPrecision(3));
const row = (name, samples) =>
  `| ${name} | ${shown(quantile(samples, 0.5))} | ${shown(quantile(samples, 0.95))} |`;

/** Starts an executor, asks it once, and ends it. */
async function cold() {
  const begun = performance.now();
  const child = spawn(binary, ['serve', '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write('{"id":1,"op":"hello"}\n');
  const [line] = await once(child.stdout, 'data');
  const ms = performance.now() - begun;
  if (!JSON.parse(line).ok) throw new Error(line);
  child.stdin.end();
  await once(child, 'exit');
  return ms;
}

/** Runs a program of Node and answers the milliseconds that it prints. */
function inNode(source) {
  const found = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' });
  if (found.status !== 0) throw new Error(found.stderr);
  return JSON.parse(found.stdout);
}

async function times(count, act) {
  const samples = [];
  for (let round = 0; round < count; round++) samples.push(await act(round));
  return samples;
}

mkdirSync(state, { recursive: true });
await cold();
const colds = await times(rounds, cold);
const firsts = await times(rounds, () =>
  inNode(`
    import { list } from ${JSON.stringify(ENTRY)};
    const begun = performance.now();
    await list();
    console.log(performance.now() - begun);`));
const imports = await times(rounds, () =>
  inNode(`
    const begun = performance.now();
    await import(${JSON.stringify(ENTRY)});
    console.log(performance.now() - begun);`));

// A line there and back, without anything to do: what the pipe costs.
const child = spawn(binary, ['serve', '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface({ input: child.stdout });
const waiting = [];
lines.on('line', () => waiting.shift()());
const ping = () =>
  new Promise((resolve) => {
    const begun = performance.now();
    waiting.push(() => resolve(performance.now() - begun));
    child.stdin.write('{"id":1,"op":"hello"}\n');
  });
await times(100, ping);
const pings = await times(rounds * 20, ping);
child.stdin.end();

const callsheet = await import(ENTRY);
const timed = async (act) => {
  const begun = performance.now();
  await act();
  return performance.now() - begun;
};
await times(50, () => callsheet.list());
const lists = await times(rounds * 20, () => timed(() => callsheet.list()));

const plan = {
  persona: { personaId: 'bench', harness: 'opencode' },
  cli: 'opencode',
  args: [],
  configFiles: [{ path: 'opencode.json', contents: '{}' }],
  skills: { harness: 'opencode', installs: [] },
  sidecars: [{ filename: 'AGENTS.md', contents: 'rule '.repeat(820), mode: 'extend' }],
  inputs: [],
  env: {},
};
const project = mkdtempSync(join(place, 'project-'));
// The same as `bench_mount edit` does.
const originals = { 'opencode.json': '{"theme":"system"}\n', 'AGENTS.md': 'word '.repeat(820) };
for (const [name, text] of Object.entries(originals)) writeFileSync(join(project, name), text);
const executes = [];
const disposes = [];
for (let round = -20; round < rounds * 5; round++) {
  const begun = performance.now();
  const handle = await callsheet.executePersonaSpawnPlan(plan, { cwd: project });
  const ready = performance.now();
  await handle.dispose();
  const done = performance.now();
  if (round < 0) continue;
  executes.push(ready - begun);
  disposes.push(done - ready);
}
for (const [name, text] of Object.entries(originals)) {
  if (readFileSync(join(project, name), 'utf8') !== text) throw new Error(`${name} did not come back`);
}
const both = executes.map((ms, round) => ms + disposes[round]);
const direct = JSON.parse(native);

console.log(`Node ${process.version}; ${rounds} rounds of what starts a process, ${rounds * 20} of warm calls, ${rounds * 5} of plans.

| through the bridge | median ms | p95 ms |
| --- | --- | --- |
${row('cold: an executor starts and answers', colds)}
${row('cold, as a program sees it: the first call of a process', firsts)}
${row('warm: a line there and back', pings)}
${row('warm: `list()`', lists)}
${row('`import \'callsheet/execute\'` in a new process', imports)}

| two files written and restored | execute ms | dispose ms | together ms |
| --- | --- | --- | --- |
| from Node, medians | ${[executes, disposes, both].map((samples) => shown(quantile(samples, 0.5))).join(' | ')} |
| from Node, p95 | ${[executes, disposes, both].map((samples) => shown(quantile(samples, 0.95))).join(' | ')} |
| natively, medians | ${shown(direct.execute)} | ${shown(direct.dispose)} | ${shown(direct.execute + direct.dispose)} |`);
process.exit(0);

// What the tests share: a project with personas, agents on a search path, processes.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { setTimeout as rest } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
export const EXAMPLES = path.resolve(PACKAGE, '..');
export const BINARY = process.env.CALLSHEET_BIN;
const AGENT = path.join(PACKAGE, 'test/agent.js');

const roots = [];
const leftovers = new Set();
after(() => {
  // A failed test must not leave agents behind.
  for (const pid of leftovers) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  for (const root of roots) fs.rmSync(root, { recursive: true, force: true });
});

/** Remembers a process that the tests end. */
export const remember = (pid) => leftovers.add(pid);

const PERSONA = {
  id: 'greeter',
  intent: 'documentation',
  tags: ['documentation'],
  description: 'Greets.',
  harness: 'claude',
  model: 'claude-sonnet-4-5',
  systemPrompt: 'You greet people.',
  harnessSettings: { reasoning: 'low', timeoutSeconds: 300 },
  claudeMdContent: 'PERSONA TEXT\n',
  env: { AGENT_TOKEN: '$GREETER_TOKEN' },
};

/** A directory with a project, a state home, personas, and agents on a search path. */
export function world(parts = {}) {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'relay-sdk-')));
  roots.push(root);
  const at = (...names) => path.join(root, ...names);
  for (const name of ['project', 'bin', 'home', 'sockets']) fs.mkdirSync(at(name));
  fs.chmodSync(at('sockets'), 0o700);
  fs.writeFileSync(at('project/CLAUDE.md'), 'MINE\n');
  const personas = at('project/agentworkforce/personas');
  fs.mkdirSync(personas, { recursive: true });
  for (const persona of [PERSONA, { ...PERSONA, id: 'other', claudeMdContent: 'OTHER TEXT\n' }]) {
    fs.writeFileSync(path.join(personas, `${persona.id}.json`), JSON.stringify({ ...persona, ...parts }));
  }
  fs.symlinkSync(AGENT, at('bin/claude'));
  if (process.env.STAND_IN) fs.symlinkSync(process.env.STAND_IN, at('bin/codex'));
  return { root, project: at('project'), bin: at('bin'), state: at('state'), home: at('home'), sockets: at('sockets') };
}

/** The environment of programs that work in a world. */
export const environment = (place) => ({
  ...process.env,
  AGENT_WORKFORCE_HOME: path.join(place.home, 'workforce'),
  CALLSHEET_STATE_HOME: place.state,
  GREETER_TOKEN: 'made-up-token',
  HOME: place.home,
  IS_SANDBOX: '1',
  PATH: `${place.bin}${path.delimiter}${process.env.PATH}`,
  RELAY_SDK_SOCKETS: place.sockets,
});

/** Waits until something holds, for at most ten seconds. */
export async function until(holds, what) {
  for (let left = 500; left > 0; left--) {
    const found = await holds();
    if (found) return found;
    await rest(20);
  }
  throw new Error(`after ten seconds still not: ${what()}`);
}

/** Collects what a terminal prints. */
export function screen() {
  let text = '';
  const onData = (data) => (text += data);
  /** The last value that the agent said under a word. */
  const said = (word) => {
    const lines = text.split(/\r?\n/).filter((line) => line.startsWith(`${word} `));
    return lines.length > 0 ? JSON.parse(lines.at(-1).slice(word.length + 1)) : undefined;
  };
  const hears = (word, holds = (value) => value !== undefined) =>
    until(() => holds(said(word)) && [said(word)], () => `${word} in: ${text}`).then(([value]) => value);
  return { onData, said, hears, text: () => text };
}

export const read = (place, name) => fs.readFileSync(path.join(place.project, name), 'utf8');
export const runs = (place) => {
  const directory = path.join(place.state, 'runs');
  return fs.existsSync(directory) ? fs.readdirSync(directory).filter((name) => name.startsWith('r-')) : [];
};
export const isAlive = (pid) => {
  try {
    return !fs.readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

/** Everything is as it was: the file, and no run is left. */
export async function isClean(place) {
  const clean = () => read(place, 'CLAUDE.md') === 'MINE\n' && runs(place).length === 0;
  await until(clean, () => `clean: ${JSON.stringify([read(place, 'CLAUDE.md'), runs(place)])}`);
}

/** A program that uses the SDK, in a process of its own. `tell` says something to the test. */
export function program(place, source) {
  const text = `
    import { spawnPersona, attach } from './src/index.js';
    const cwd = ${JSON.stringify(place.project)};
    const tell = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
    const live = () => new Promise(() => setInterval(() => {}, 1000));
    ${source}
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    cwd: PACKAGE,
    detached: true,
    env: environment(place),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let problems = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (problems += chunk));
  remember(child.pid);
  const gone = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));
  const lines = () => out.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  const told = (count = 1) => until(() => lines().length >= count && lines(), () => `${count} lines of ${out} ${problems}`);
  return { child, gone, lines, told, problems: () => problems };
}

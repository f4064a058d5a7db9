// What the tests share: a directory with a project and the state of runs, plans, programs
// in processes of their own, and pictures of trees.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { setTimeout as rest } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const worlds = [];

after(() => {
  for (const root of worlds) fs.rmSync(root, { recursive: true, force: true });
});

/** A new directory with `project`, `state` and `outside` in it. */
export function world(files = {}) {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'callsheet-npm-')));
  worlds.push(root);
  const project = path.join(root, 'project');
  for (const name of ['project', 'outside', 'home']) fs.mkdirSync(path.join(root, name));
  for (const [name, text] of Object.entries(files)) put(path.join(project, name), text);
  return { root, project, outside: path.join(root, 'outside'), state: path.join(root, 'state') };
}

export function put(file, text) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

/** Every entry below a directory: kind, mode, time and content. */
export function picture(directory) {
  const found = {};
  const names = fs.readdirSync(directory, { recursive: true });
  for (const name of names.sort()) {
    const file = path.join(directory, name);
    const meta = fs.lstatSync(file, { bigint: true });
    const what = meta.isSymbolicLink()
      ? `-> ${fs.readlinkSync(file)}`
      : meta.isDirectory()
        ? 'directory'
        : `${meta.mtimeNs} ${fs.readFileSync(file, 'hex')}`;
    found[name] = `${(meta.mode & 0o7777n).toString(8)} ${what}`;
  }
  return found;
}

/** Waits until something holds, for at most five seconds. */
export async function until(holds, what) {
  for (let left = 250; left > 0; left--) {
    if (await holds()) return;
    await rest(20);
  }
  throw new Error(`after five seconds still not: ${what}`);
}

/** Waits until a tree is as it was. */
export async function returns(directory, before) {
  const same = () => {
    try {
      return JSON.stringify(picture(directory)) === JSON.stringify(before);
    } catch {
      // Something went between the list and the look.
      return false;
    }
  };
  await until(same, `${directory} is as it was`);
}

/** A plan as persona-kit 4 makes it. */
export function oldPlan(parts = {}) {
  return {
    persona: { personaId: 'tester', harness: 'opencode' },
    cli: 'opencode',
    args: [],
    configFiles: [],
    skills: { harness: 'opencode', installs: [] },
    sidecars: [],
    inputs: [],
    env: {},
    ...parts,
  };
}

/** The same plan in edition 2026. */
export function newPlan(parts = {}) {
  const { mount, privateFiles, localSkills = [], ...plan } = oldPlan(parts);
  const body = {
    ...plan,
    skills: { harness: 'opencode', installs: localSkills, sessionInstallRoot: '{{stage}}/opencode' },
    ...(mount ? { mount } : {}),
    mode: 'interactive',
    ...(privateFiles ? { privateFiles } : {}),
    warnings: [],
  };
  const bare = { version: 1, edition: '2026', ...body };
  const digest = createHash('sha256').update(JSON.stringify(bare)).digest('hex');
  return { version: 1, edition: '2026', digest: `sha256:${digest}`, ...body };
}

export const sidecar = (filename, contents, mode = 'overwrite') => ({ filename, contents, mode });

/** A skill that a shell line installs. */
export function skill(name, line, directory = `.skills/${name}`) {
  return {
    skillId: name,
    source: `${name}/${name}`,
    sourceKind: 'prpm',
    packageRef: `${name}/${name}`,
    harness: 'opencode',
    installCommand: ['sh', '-c', line],
    installedDir: directory,
    installedManifest: `${directory}/SKILL.md`,
    cleanupPaths: [directory],
  };
}

/** A skill of edition 2026 that is a file. */
export function localSkill(name, file) {
  const directory = `{{stage}}/opencode/skills/${name}`;
  return {
    skillId: name,
    source: file,
    sourceKind: 'local',
    packageRef: file,
    harness: 'opencode',
    installCommand: [],
    installedDir: directory,
    installedManifest: `${directory}/SKILL.md`,
    cleanupPaths: [],
  };
}

export const skills = (...installs) => ({ harness: 'opencode', installs });

/** The environment of programs that work in a world. */
export function environment(place) {
  return {
    ...process.env,
    CALLSHEET_STATE_HOME: place.state,
    HOME: path.join(place.root, 'home'),
    NODE_OPTIONS: '',
  };
}

/**
 * Starts a program of a host in a process, and a group, of its own. `plan` and `cwd` are
 * given to it; `ready()` tells the test that it is as far.
 */
export function host(place, source, { plan = oldPlan(), cwd = place.project, env = {}, directory } = {}) {
  const text = `
    import * as callsheet from 'callsheet/execute';
    const { executePersonaSpawnPlan, recover, list } = callsheet;
    const plan = ${JSON.stringify(plan)};
    const cwd = ${JSON.stringify(cwd)};
    const ready = (value = null) => process.stdout.write(JSON.stringify(value) + '\\n');
    const live = () => new Promise(() => setInterval(() => {}, 1000));
    ${directory ? `process.chdir(${JSON.stringify(directory)});` : ''}
    ${source}
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    cwd: PACKAGE,
    detached: true,
    env: { ...environment(place), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let problems = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (problems += chunk));
  const gone = new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  const lines = () => out.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  const ready = async () => {
    const told = () => lines().length > 0 || child.exitCode !== null;
    await until(told, `the host is ready: ${problems}`);
    if (lines().length === 0) throw new Error(`the host ended: ${problems}`);
    return lines()[0];
  };
  return { child, gone, ready, lines, problems: () => problems };
}

/** Runs a program of a host to its end and answers what it told. */
export async function tell(place, source, options) {
  const program = host(place, source, options);
  const { code, signal } = await program.gone;
  if (code !== 0) throw new Error(`${signal ?? code}: ${program.problems()}`);
  return program.lines();
}

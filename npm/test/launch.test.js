// How an agent is started, whose the run is, and what ends with what.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { environment, host, newPlan, picture, put, returns, sidecar, tell, until, world } from './world.js';

const ORIGINALS = { 'AGENTS.md': 'mine\n', 'src/a.txt': 'a' };

/** A world with a program that plays opencode. */
function place() {
  const found = world(ORIGINALS);
  const program = path.join(found.root, 'bin/opencode');
  put(program, '#!/bin/sh\necho $$ > "$NOTE.new"\nmv "$NOTE.new" "$NOTE"\nexec sleep 600\n');
  fs.chmodSync(program, 0o755);
  return { ...found, bin: path.dirname(program), note: path.join(found.root, 'note') };
}

const PARTS = {
  args: ['--config', '{{stage}}/opencode/settings.json'],
  env: { PLACE: '{{stage}}' },
  sidecars: [sidecar('AGENTS.md', 'persona')],
  privateFiles: [
    { path: 'opencode/settings.json', document: { format: 'text', value: 'settings' } },
  ],
};
const PLAN = newPlan(PARTS);

const PREPARE = (custody) => `
  import { spawn } from 'node:child_process';
  import fs from 'node:fs';
  const env = { ...process.env, PATH: process.env.BIN + ':' + process.env.PATH };
  const handle = await callsheet.preparePersonaLaunch(plan, { cwd, env, custody: '${custody}' });
  const { launch } = handle;
  const start = () => spawn(launch.command, launch.args, {
    cwd: launch.cwd, detached: true, env: { ...env, ...launch.env }, stdio: 'ignore',
  });`;
const options = (found) => ({ plan: PLAN, env: { BIN: found.bin, NOTE: found.note } });

async function working(found) {
  await until(() => fs.existsSync(found.note), 'the agent works');
  return Number(fs.readFileSync(found.note, 'utf8'));
}
const isAlive = (pid) => {
  try {
    return !fs.readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

test('a launch has every path filled in, and works in the run', async () => {
  const found = place();
  const before = picture(found.project);
  const [told] = await tell(found, `${PREPARE('process')}
    const { args, cwd: there, env: variables } = launch;
    const settings = args.at(-1);
    const child = start();
    const text = fs.readFileSync(settings, 'utf8');
    while (!fs.existsSync(process.env.NOTE)) await new Promise((resolve) => setTimeout(resolve, 10));
    const agent = Number(fs.readFileSync(process.env.NOTE, 'utf8'));
    const gone = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal)));
    const report = await handle.dispose();
    ready({ there, text, same: settings.startsWith(variables.PLACE), own: agent === child.pid,
      signal: await gone, clean: report.clean, left: fs.existsSync(settings) });`, options(found));
  assert.deepEqual(told, {
    there: found.project, text: 'settings', same: true, own: true, signal: 'SIGKILL', clean: true, left: false,
  });
  assert.deepEqual(picture(found.project), before);
});

test('a program that is not there and a reference without a value are told before anything happens', async () => {
  const found = place();
  const before = picture(found.project);
  const [missing] = await tell(found, `
    const env = { PATH: '/nowhere' };
    const error = await callsheet.preparePersonaLaunch(plan, { cwd, env }).catch((error) => error);
    ready([error.code, error.message, (await list()).length]);`, options(found));
  assert.deepEqual(missing, ['missing', '`opencode` is not installed, or not on PATH', 0]);
  assert.deepEqual(picture(found.project), before);
});

test('custody of the process: its death ends the agent first', async () => {
  const found = place();
  const before = picture(found.project);
  const program = host(found, `${PREPARE('process')} start(); await live();`, options(found));
  const agent = await working(found);
  program.child.kill('SIGKILL');
  await returns(found.project, before);
  assert.equal(isAlive(agent), false);
});

test('custody of the agent: the run outlives the process, and ends with the agent', async () => {
  const found = place();
  const before = picture(found.project);
  const program = host(found, `${PREPARE('agent')} start(); await live();`, options(found));
  const agent = await working(found);
  process.kill(-program.child.pid, 'SIGKILL');
  await program.gone;
  const [seen] = await tell(found, `
    await recover({ cwd });
    const [run] = await list();
    const held = await callsheet.attach(run.id).catch((error) => error.code);
    ready([run.state, held]);`);
  assert.deepEqual(seen, ['live', 'busy']);
  assert.equal(fs.readFileSync(path.join(found.project, 'AGENTS.md'), 'utf8'), 'persona');
  process.kill(agent, 'SIGTERM');
  await returns(found.project, before);
  await until(() => fs.readdirSync(path.join(found.state, 'runs')).every((name) => name === '.gate'), 'no run is left');
});

test('custody of the agent: without an agent nothing stays', async () => {
  const found = place();
  const before = picture(found.project);
  const program = host(found, `${PREPARE('agent')} ready(); await live();`, options(found));
  await program.ready();
  program.child.kill('SIGKILL');
  await returns(found.project, before);
});

test('custody of the agent: any process can take the run back, which ends the agent', async () => {
  const found = place();
  const before = picture(found.project);
  const program = host(found, `${PREPARE('agent')} start(); ready(handle.id); await live();`, options(found));
  const [id, agent] = [await program.ready(), await working(found)];
  await tell(found, `await callsheet.dispose(${JSON.stringify(id)});`);
  assert.equal(isAlive(agent), false);
  assert.deepEqual(picture(found.project), before);
  program.child.kill('SIGKILL');
});

test('custody of the agent: its executor is killed too, and recovery ends the agent', async () => {
  const found = place();
  const before = picture(found.project);
  const program = host(found, `${PREPARE('agent')} start(); ready(handle.id); await live();`, options(found));
  const [id, agent] = [await program.ready(), await working(found)];
  const owner = Number(fs.readFileSync(path.join(found.state, 'runs', id, 'owner'), 'utf8').split(' ')[0]);
  process.kill(owner, 'SIGKILL');
  program.child.kill('SIGKILL');
  await program.gone;
  await tell(found, 'await recover({ cwd });');
  assert.equal(isAlive(agent), false);
  assert.deepEqual(picture(found.project), before);
});

test('a run has one agent, and one that is over has none', async () => {
  const found = place();
  const program = host(found, `${PREPARE('process')} start(); ready([launch.command, launch.args]); await live();`, options(found));
  const [command, args] = await program.ready();
  await working(found);
  const again = () => {
    try {
      execFileSync(command, args, { env: environment(found), stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
    } catch (error) {
      return error.stderr;
    }
    throw new Error('it started');
  };
  assert.match(again(), /its agent is at work already/);
  program.child.kill('SIGKILL');
  await program.gone;
  await until(() => !fs.existsSync(path.join(found.state, 'runs', args[1])), 'the run is over');
  assert.match(again(), /there is no such run/);
});

test('the same launch under a mount works in the view', async () => {
  const found = place();
  put(path.join(found.project, 'secrets/key'), 'k');
  const before = picture(found.project);
  const plan = newPlan({ ...PARTS, mount: { ignoredPatterns: ['secrets/'], readonlyPatterns: [] } });
  put(path.join(found.bin, 'opencode'), '#!/bin/sh\nls > seen\ncat AGENTS.md >> seen\n');
  fs.chmodSync(path.join(found.bin, 'opencode'), 0o755);
  const [told] = await tell(found, `${PREPARE('process')}
    const child = start();
    const code = await new Promise((resolve) => child.once('exit', resolve));
    const set = await handle.changes();
    await handle.discard();
    ready([code, handle.view, set.changes.map((change) => change.path)]);`, { ...options(found), plan });
  assert.equal(told[0], 0);
  assert.ok(['overlay', 'copy'].includes(told[1]), told[1]);
  assert.deepEqual(told[2], ['seen']);
  assert.deepEqual(picture(found.project), before);
});

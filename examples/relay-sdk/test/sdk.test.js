// Personas in terminals: planned, started, watched, ended, taken back.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import {
  BINARY, EXAMPLES, environment, isAlive, isClean, program, read, remember, runs, screen, until, world,
} from './world.js';

const home = world();
Object.assign(process.env, environment(home));
const { attach, composePersonaTask, getPersonaSpawnPlan, spawnPersona } = await import('../src/index.js');

const plan = (place, id = 'greeter', more = {}) => getPersonaSpawnPlan(id, { cwd: place.project, ...more });
const failure = (promise) => promise.then(() => assert.fail('it did not fail'), (error) => error);

test('plans are those of the native program', async (t) => {
  const cwd = home.project;
  const searchDirs = [path.join(EXAMPLES, 'personas'), path.join(EXAMPLES, 'team/.agentworkforce/workforce/personas')];
  const files = fs.readdirSync(searchDirs[0]).filter((name) => name.endsWith('.json'));
  assert.ok(files.length >= 10);
  for (const name of files) {
    await t.test(name, async () => {
      const file = path.join(searchDirs[0], name);
      const { id } = JSON.parse(fs.readFileSync(file, 'utf8'));
      const native = execFileSync(BINARY, ['plan', file, '--json'], {
        cwd: name === 'announcer.json' ? path.join(EXAMPLES, 'team') : cwd,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const ours = await getPersonaSpawnPlan(id, { cwd, searchDirs });
      assert.equal(JSON.stringify(ours), native.trim());
    });
  }
});

test('the strongest directory wins, extra ones are stronger still, an unknown id is told', async () => {
  const place = world();
  const extra = path.join(place.root, 'extra');
  fs.mkdirSync(extra);
  const persona = JSON.parse(read(place, 'agentworkforce/personas/greeter.json'));
  const weak = path.join(place.project, '.agentworkforce/workforce/personas');
  fs.mkdirSync(weak, { recursive: true });
  fs.writeFileSync(path.join(weak, 'greeter.json'), JSON.stringify({ ...persona, systemPrompt: 'weak' }));
  fs.writeFileSync(path.join(extra, 'greeter.json'), JSON.stringify({ ...persona, systemPrompt: 'extra' }));
  assert.equal((await plan(place)).persona.systemPrompt, 'You greet people.');
  assert.equal((await plan(place, 'greeter', { extraDirs: [extra] })).persona.systemPrompt, 'extra');
  assert.equal((await plan(place, 'greeter', { searchDirs: [weak] })).persona.systemPrompt, 'weak');
  assert.equal((await failure(plan(place, 'nobody'))).code, 'persona.resolution-failed');
});

test('tasks are composed', () => {
  assert.equal(composePersonaTask({}, 'do it'), 'do it');
  assert.equal(composePersonaTask({ initialPrompt: 'be kind' }), 'be kind');
  assert.equal(composePersonaTask({ initialPrompt: 'be kind' }, 'do it'), 'be kind\n\nUser task:\ndo it');
});

for (const custody of ['process', 'agent']) {
  test(`${custody}: an agent in a terminal, from its start to its end`, async () => {
    const place = world();
    const terminal = screen();
    const agent = await spawnPersona('greeter', {
      cwd: place.project, task: '-p is no option', custody, cols: 91, rows: 17, onData: terminal.onData,
    });
    remember(agent.pid);
    assert.equal(await terminal.hears('READY'), agent.pid);
    assert.equal(terminal.said('TTY'), true);
    assert.equal(terminal.said('CWD'), place.project);
    assert.equal(terminal.said('SYSTEM'), 'You greet people.');
    assert.equal(terminal.said('TOKEN'), 'made-up-token');
    assert.deepEqual(terminal.said('ARGS').slice(-2), ['--', '-p is no option']);
    assert.deepEqual(terminal.said('SIZE'), [91, 17]);
    agent.resize(120, 40);
    await terminal.hears('SIZE', (size) => size[0] === 120 && size[1] === 40);
    agent.write('read CLAUDE.md\r');
    assert.equal(await terminal.hears('FILE'), 'PERSONA TEXT\n');
    assert.equal(read(place, 'CLAUDE.md'), 'PERSONA TEXT\n');
    agent.write('exit 7\r');
    const { exitCode, report } = await agent.exited;
    assert.deepEqual([exitCode, report.clean, report.run], [7, true, agent.id]);
    assert.equal(read(place, 'CLAUDE.md'), 'MINE\n');
  });

  test(`${custody}: kill ends the agent, dispose one that does not listen`, async () => {
    const place = world();
    const terminal = screen();
    const first = await spawnPersona('greeter', { cwd: place.project, custody, onData: terminal.onData });
    await terminal.hears('READY');
    first.kill();
    assert.equal((await first.exited).signal, 15);
    const deaf = screen();
    const second = await spawnPersona('greeter', { cwd: place.project, custody, onData: deaf.onData });
    remember(second.pid);
    await deaf.hears('READY');
    second.write('deaf\r');
    await deaf.hears('DONE');
    assert.equal((await second.dispose()).clean, true);
    assert.equal(isAlive(second.pid), false);
    assert.equal(read(place, 'CLAUDE.md'), 'MINE\n');
  });

  test(`${custody}: what cannot be started leaves nothing`, async () => {
    const place = world({ env: { AGENT_TOKEN: '$NOWHERE_SET' } });
    const unset = await failure(spawnPersona('greeter', { cwd: place.project, custody }));
    assert.equal(unset.code, 'config');
    const { PATH, ...rest } = process.env;
    const env = { ...rest, NOWHERE_SET: 'x', PATH: '/nowhere' };
    const missing = await failure(spawnPersona('greeter', { cwd: place.project, custody, env }));
    assert.equal(missing.code, 'missing');
    assert.equal(read(place, 'CLAUDE.md'), 'MINE\n');
  });

  test(`${custody}: what cannot be taken back is told`, async () => {
    const place = world();
    const terminal = screen();
    const agent = await spawnPersona('greeter', { cwd: place.project, custody, onData: terminal.onData });
    remember(agent.pid);
    await terminal.hears('READY');
    // Without its backup the original cannot come back.
    const blobs = path.join(process.env.CALLSHEET_STATE_HOME, 'runs', agent.id, 'blobs');
    const kept = fs.readdirSync(blobs).map((name) => path.join(blobs, name));
    assert.ok(kept.length > 0);
    for (const name of kept) fs.rmSync(name, { recursive: true });
    agent.write('exit 0\r');
    const { exitCode, disposeError } = await agent.exited;
    assert.equal(exitCode, 0);
    assert.equal(disposeError?.code, 'needs-recovery');
    assert.equal(disposeError.run, agent.id);
  });
}

test('what happens is told', async () => {
  const place = world();
  for (const custody of ['process', 'agent']) {
    const phases = [];
    const onProgress = (event) => event.event === 'phase' && phases.push(event.phase);
    const agent = await spawnPersona('greeter', { cwd: place.project, custody, onProgress });
    assert.ok(phases.includes('sidecars'), `${custody}: ${phases}`);
    await agent.dispose();
  }
});

test('a stand-in from the workspace does its task', { skip: !process.env.STAND_IN }, async () => {
  const place = world({ harness: 'codex', model: 'openai/gpt-5.5', claudeMdContent: undefined });
  const terminal = screen();
  const options = { cwd: place.project, task: 'Write NOTES.md: hello', env: environment(place), onData: terminal.onData };
  const agent = await spawnPersona('greeter', options);
  const { exitCode, report } = await agent.exited;
  assert.equal(exitCode, 0, terminal.text());
  assert.equal(read(place, 'NOTES.md').trim(), 'hello');
  assert.equal(report.clean, true);
});

test('two agents in one directory share what is alike, and exclude each other otherwise', async () => {
  const place = world();
  const first = await spawnPersona('greeter', { cwd: place.project });
  const second = await spawnPersona('greeter', { cwd: place.project, custody: 'agent' });
  const busy = await failure(spawnPersona('other', { cwd: place.project }));
  assert.equal(busy.code, 'busy');
  await first.dispose();
  assert.equal(read(place, 'CLAUDE.md'), 'PERSONA TEXT\n');
  const waits = spawnPersona('other', { cwd: place.project, waitMs: 20_000 });
  await second.dispose();
  const third = await waits;
  assert.equal(read(place, 'CLAUDE.md'), 'OTHER TEXT\n');
  await third.dispose();
  assert.equal(read(place, 'CLAUDE.md'), 'MINE\n');
});

const START = (custody, { deaf = false, then = 'await live();' } = {}) => `
  let ready;
  const waits = new Promise((resolve) => (ready = resolve));
  let text = '';
  const agent = await spawnPersona('greeter', { cwd, custody: '${custody}', onData: (data) => {
    text += data;
    if (text.includes('${deaf ? 'DONE' : 'READY'}')) ready();
  } });
  ${deaf ? "agent.write('deaf\\r');" : ''}
  await waits;
  tell({ id: agent.id, pid: agent.pid });
  ${then}`;

for (const deaf of [false, true]) {
  test(`the SDK's process is killed: its agent${deaf ? ', deaf,' : ''} is ended, everything taken back`, async () => {
    const place = world();
    const host = program(place, START('process', { deaf }));
    const [{ pid }] = await host.told();
    remember(pid);
    assert.equal(read(place, 'CLAUDE.md'), 'PERSONA TEXT\n');
    host.child.kill('SIGKILL');
    await isClean(place);
    await until(() => !isAlive(pid), () => 'the agent is gone');
  });
}

test('the SDK\'s process is killed: an agent with custody goes on, is attached to, and is taken back at its end', async () => {
  const place = world();
  const host = program(place, START('agent'));
  const [{ id, pid }] = await host.told();
  remember(pid);
  process.kill(-host.child.pid, 'SIGKILL');
  await host.gone;
  const other = program(place, `
    const agent = await attach(${JSON.stringify(id)}, { onData: (data) => tell(data) });
    agent.write('write NOTE.txt from another process\\r');
    await live();`);
  await until(() => fs.existsSync(path.join(place.project, 'NOTE.txt')), () => `the note ${other.problems()}`);
  assert.ok(other.lines().join('').includes('READY'), 'what was printed before is shown');
  assert.equal(isAlive(pid), true);
  assert.equal(read(place, 'CLAUDE.md'), 'PERSONA TEXT\n');
  process.kill(-other.child.pid, 'SIGKILL');
  await other.gone;
  const last = program(place, `
    const agent = await attach(${JSON.stringify(id)});
    agent.write('exit 3\\r');
    const { exitCode, report } = await agent.exited;
    tell([exitCode, report.clean]);
    process.exit(0);`);
  assert.deepEqual(await last.told(), [[3, true]]);
  assert.equal(read(place, 'NOTE.txt'), 'from another process');
  await isClean(place);
  assert.deepEqual(fs.readdirSync(place.sockets), []);
});

test('nobody is left but a deaf agent: it keeps its run, and its end takes that back', async () => {
  const place = world();
  const host = program(place, START('agent', { deaf: true }));
  const [{ id, pid }] = await host.told();
  remember(pid);
  process.kill(-host.child.pid, 'SIGKILL');
  await host.gone;
  // The process that holds the terminal: the agent's parent.
  const parent = Number(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[1]);
  assert.ok(fs.readFileSync(`/proc/${parent}/cmdline`, 'utf8').includes('host.js'));
  process.kill(parent, 'SIGKILL');
  await until(() => !isAlive(parent), () => 'the host is gone');
  const watcher = program(place, `
    const agent = await attach(${JSON.stringify(id)});
    tell([agent.id, agent.cwd]);
    await agent.exited;
    tell('over');
    process.exit(0);`);
  assert.deepEqual((await watcher.told())[0], [id, place.project]);
  assert.equal(isAlive(pid), true);
  assert.equal(read(place, 'CLAUDE.md'), 'PERSONA TEXT\n');
  assert.deepEqual(runs(place), [id]);
  process.kill(pid, 'SIGKILL');
  assert.equal((await watcher.told(2))[1], 'over');
  await isClean(place);
});

test('the native program ends a run that is an agent\'s', async () => {
  const place = world();
  const host = program(place, START('agent', { then: 'await agent.exited; tell("over"); process.exit(0);' }));
  const [{ id, pid }] = await host.told();
  remember(pid);
  execFileSync(BINARY, ['dispose', id], { env: environment(place), stdio: 'ignore' });
  assert.equal(isAlive(pid), false);
  await isClean(place);
  assert.equal((await host.told(2))[1], 'over');
});

test('what is over cannot be attached to', async () => {
  const place = world();
  const agent = await spawnPersona('greeter', { cwd: place.project, custody: 'agent' });
  await agent.dispose();
  assert.match((await failure(attach(agent.id))).message, /is over, or there is no such run/);
});

// However the host ends, the tree is as it was, soon and without anybody's help.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import {
  host, newPlan, oldPlan, picture, put, returns, sidecar, skill, skills, tell, until, world,
} from './world.js';

const ORIGINALS = { 'AGENTS.md': 'mine\n', 'opencode.json': '{"mine":true}\n', 'src/a.txt': 'a' };
const PARTS = {
  sidecars: [sidecar('AGENTS.md', 'persona')],
  configFiles: [{ path: 'opencode.json', contents: '{}' }, { path: '.new/dir/x', contents: 'x' }],
};
const HOLD = 'const handle = await executePersonaSpawnPlan(plan, { cwd });';

async function dies(plan, source, act) {
  const place = world(ORIGINALS);
  const before = picture(place.project);
  const program = host(place, source, { plan });
  await program.ready();
  if (!source.includes('DIE')) {
    assert.equal(fs.readFileSync(path.join(place.project, 'AGENTS.md'), 'utf8'), 'persona');
  }
  await act?.(program.child);
  const end = await program.gone;
  await returns(place.project, before);
  await until(() => fs.readdirSync(path.join(place.state, 'runs')).every((name) => name === '.gate'), 'no run is left');
  return end;
}

for (const [edition, plan] of [['persona-kit-4', oldPlan(PARTS)], ['2026', newPlan(PARTS)]]) {
  test(`${edition}: killed between execution and disposal`, async () => {
    const end = await dies(plan, `${HOLD} ready(); await live();`, (child) => child.kill('SIGKILL'));
    assert.equal(end.signal, 'SIGKILL');
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL']) {
    test(`${edition}: ${signal} to the whole group`, async () => {
      const end = await dies(plan, `${HOLD} ready(); await live();`, (child) => process.kill(-child.pid, signal));
      assert.equal(end.signal, signal);
    });
  }
}

test('kills itself', async () => {
  const source = `${HOLD} ready(); process.kill(process.pid, 'SIGKILL'); // DIE`;
  assert.equal((await dies(oldPlan(PARTS), source)).signal, 'SIGKILL');
});

test('an uncaught exception', async () => {
  const end = await dies(oldPlan(PARTS), `${HOLD} ready(); throw new Error('oops'); // DIE`);
  assert.equal(end.code, 1);
});

test('process.exit', async () => {
  const end = await dies(oldPlan(PARTS), `${HOLD} ready(); process.exit(3); // DIE`);
  assert.equal(end.code, 3);
});

test('an open handle does not keep the process alive', async () => {
  assert.equal((await dies(oldPlan(PARTS), `${HOLD} ready(); // DIE`)).code, 0);
});

test('killed while an installer runs: it and its children end, nothing of it stays', async () => {
  const place = world(ORIGINALS);
  const before = picture(place.project);
  const pid = path.join(place.root, 'pid');
  const line = `mkdir -p .skills/slow; echo half > .skills/slow/SKILL.md; sleep 600 & echo $! > ${pid}.new; mv ${pid}.new ${pid}; wait`;
  const plan = oldPlan({ ...PARTS, skills: skills(skill('slow', line)) });
  const program = host(place, HOLD, { plan });
  await until(() => fs.existsSync(pid), 'the installer runs');
  program.child.kill('SIGKILL');
  await returns(place.project, before);
  const child = fs.readFileSync(pid, 'utf8').trim();
  const runs = () => fs.existsSync(`/proc/${child}`) && !fs.readFileSync(`/proc/${child}/stat`, 'utf8').includes(') Z ');
  await until(() => !runs(), 'the installer is gone');
});

test('killed just after the request: nothing happens any more', async () => {
  const place = world(ORIGINALS);
  const before = picture(place.project);
  const source = `
    await list();
    executePersonaSpawnPlan(plan, { cwd });
    await new Promise(setImmediate);
    process.kill(process.pid, 'SIGKILL');`;
  const plan = oldPlan({ ...PARTS, skills: skills(skill('slow', 'sleep 600')) });
  assert.equal((await host(place, source, { plan }).gone).signal, 'SIGKILL');
  await returns(place.project, before);
  // Of a run that came as far as the installer, the installer's log is left.
  const [states] = await tell(place, 'await recover(); ready((await list()).map((run) => run.state));');
  assert.ok(states.every((state) => state === 'closed'), states);
});

test('killed, then executed again at once, then disposed: the original', async () => {
  const place = world(ORIGINALS);
  const before = picture(place.project);
  for (let round = 0; round < 3; round++) {
    await host(place, `${HOLD} process.kill(process.pid, 'SIGKILL');`, { plan: oldPlan(PARTS) }).gone;
  }
  const other = oldPlan({ sidecars: [sidecar('AGENTS.md', 'other persona')] });
  await tell(place, `${HOLD} await handle.dispose();`, { plan: other });
  await returns(place.project, before);
});

test('two deaths of extended files: the text is there once, then the original', async () => {
  const place = world(ORIGINALS);
  const before = picture(place.project);
  const plan = oldPlan({ sidecars: [sidecar('AGENTS.md', 'persona', 'extend')] });
  for (let round = 0; round < 2; round++) {
    await host(place, `${HOLD} process.kill(process.pid, 'SIGKILL');`, { plan }).gone;
  }
  const source = `
    import fs from 'node:fs';
    ${HOLD}
    ready(fs.readFileSync(cwd + '/AGENTS.md', 'utf8'));
    await handle.dispose();`;
  assert.deepEqual(await tell(place, source, { plan }), ['mine\n\n\n---\n\npersona']);
  await returns(place.project, before);
});

test('recover in a new process, called first thing after a kill', async () => {
  for (let round = 0; round < 5; round++) {
    const place = world(ORIGINALS);
    const before = picture(place.project);
    await host(place, `${HOLD} process.kill(process.pid, 'SIGKILL');`, { plan: oldPlan(PARTS) }).gone;
    await tell(place, 'await recover({ cwd });');
    assert.deepEqual(picture(place.project), before);
  }
});

/** Kills the executor of a host too, so that only recovery can help. */
const EXECUTOR = `
  import fs from 'node:fs';
  const children = fs.readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8');
  const executor = Number(children.trim().split(' ')[0]);`;

test('the executor is killed with its host: recovery takes everything back', async () => {
  const place = world(ORIGINALS);
  const before = picture(place.project);
  const source = `${HOLD} ${EXECUTOR}
    process.kill(executor, 'SIGKILL');
    process.kill(process.pid, 'SIGKILL');`;
  await host(place, source, { plan: oldPlan(PARTS) }).gone;
  assert.notDeepEqual(picture(place.project), before);
  const [runs] = await tell(place, `
    const [run] = await list();
    const recovered = await recover({ cwd });
    ready([run.state, recovered.map((run) => run.recovered), await recover({ cwd })]);`);
  assert.deepEqual(runs, ['dead', [true], []]);
  assert.deepEqual(picture(place.project), before);
});

test('the executor alone is killed: calls fail, the handle can still be disposed', async () => {
  const place = world(ORIGINALS);
  const before = picture(place.project);
  const source = `${HOLD} ${EXECUTOR}
    const slow = executePersonaSpawnPlan({ ...plan, configFiles: [], sidecars: [],
      skills: { harness: 'opencode', installs: [${JSON.stringify(skill('slow', 'sleep 600'))}] } }, { cwd });
    slow.catch(() => {});
    process.kill(executor, 'SIGKILL');
    const error = await slow.catch((error) => error);
    const report = await handle.dispose();
    await recover({ cwd });
    ready([error.name, error.code, report.clean]);`;
  assert.deepEqual(await tell(place, source, { plan: oldPlan(PARTS) }), [
    ['CallsheetError', 'executor', true],
  ]);
  assert.deepEqual(picture(place.project), before);
});

test('a half-written file is never seen', async () => {
  const place = world(ORIGINALS);
  const before = picture(place.project);
  const big = 'x'.repeat(4_000_000);
  for (const delay of [0, 5, 10, 20, 40]) {
    const source = `
      plan.sidecars = [{ filename: 'AGENTS.md', contents: 'x'.repeat(${big.length}), mode: 'overwrite' }];
      await list();
      executePersonaSpawnPlan(plan, { cwd });
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${delay});`;
    const program = host(place, source);
    const sizes = new Set();
    let ended = false;
    program.gone.then(() => (ended = true));
    while (!ended) {
      sizes.add(fs.statSync(path.join(place.project, 'AGENTS.md')).size);
      await new Promise(setImmediate);
    }
    for (const size of sizes) assert.ok(size === 5 || size === big.length, `${size} bytes`);
    await returns(place.project, before);
  }
});

test('an attached run ends with the process that attached it', async () => {
  const place = world(ORIGINALS);
  const before = picture(place.project);
  const source = `${HOLD} ready(handle.id); ${EXECUTOR}
    process.kill(executor, 'SIGKILL'); process.kill(process.pid, 'SIGKILL');`;
  const first = host(place, source, { plan: oldPlan(PARTS) });
  const id = await first.ready();
  await first.gone;
  await tell(place, `
    const handle = await callsheet.attach(${JSON.stringify(id)});
    if (handle.cwd !== cwd) throw new Error(handle.cwd);`);
  await returns(place.project, before);
});

test('other files are left alone', async () => {
  const place = world(ORIGINALS);
  const program = host(place, `${HOLD} ready(); await live();`, { plan: oldPlan(PARTS) });
  await program.ready();
  put(path.join(place.project, 'src/b.txt'), 'b');
  const source = picture(path.join(place.project, 'src'));
  program.child.kill('SIGKILL');
  await until(() => !fs.existsSync(path.join(place.project, '.new')), 'it is taken back');
  assert.deepEqual(picture(path.join(place.project, 'src')), source);
});

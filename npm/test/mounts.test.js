// Mirrors of a project.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { environment, host, newPlan, oldPlan, picture, put, returns, sidecar, tell, world } from './world.js';

const home = world();
Object.assign(process.env, environment(home));
const { applyPersonaMount, changes, executePersonaSpawnPlan, recover, revert, writePersonaSidecars } = await import('callsheet/execute');

const FILES = { 'AGENTS.md': 'mine\n', 'a/b.txt': 'b', 'secrets/key': 'key', 'docs/x.md': 'x' };
const POLICY = { ignoredPatterns: ['Secrets/'], readonlyPatterns: ['docs/'] };
const PARTS = { mount: POLICY, sidecars: [sidecar('AGENTS.md', 'persona', 'extend')] };

for (const [edition, make] of [['persona-kit-4', oldPlan], ['2026', newPlan]]) {
  test(`${edition}: the agent works in the mirror, the project is never touched`, async () => {
    const place = world(FILES);
    const before = picture(place.project);
    const mountDir = path.join(place.outside, 'mirror');
    const options = { cwd: place.project, mount: { mountDir, personaId: 'p', includeGit: true } };
    const handle = await executePersonaSpawnPlan(make(PARTS), options);
    assert.equal(handle.cwd, mountDir);
    assert.deepEqual([handle.view, handle.enforcement, handle.argvPrefix], ['copy', 'cosmetic', []]);
    assert.deepEqual(fs.readdirSync(mountDir).sort(), ['AGENTS.md', 'a', 'docs']);
    assert.equal(fs.readFileSync(path.join(mountDir, 'AGENTS.md'), 'utf8'), 'mine\n\n\n---\n\npersona');
    assert.deepEqual(picture(place.project), before);
    const report = await handle.dispose();
    assert.equal(report.clean, true);
    assert.deepEqual([picture(place.project), fs.readdirSync(place.outside)], [before, []]);
  });
}

test('without a place the mirror is in the run\'s directory', async () => {
  const place = world(FILES);
  const handle = await executePersonaSpawnPlan(oldPlan(PARTS), { cwd: place.project });
  assert.equal(handle.cwd, path.join(home.state, 'runs', handle.id, 'mount'));
  await handle.dispose();
});

test('what was done in a mirror stays there until it is asked for', async () => {
  const place = world(FILES);
  const mountDir = path.join(place.outside, 'mirror');
  const handle = await executePersonaSpawnPlan(oldPlan(PARTS), {
    cwd: place.project,
    mount: { mountDir, personaId: 'p' },
  });
  const before = picture(place.project);
  put(path.join(mountDir, 'new/dir/work.txt'), 'work');
  const report = await handle.dispose();
  assert.equal(report.clean, false);
  assert.deepEqual(picture(place.project), before);
  const set = await handle.changes();
  assert.deepEqual(set.changes.map((change) => [change.kind, change.path]), [['added', 'new/dir/work.txt']]);
  const done = await handle.apply();
  assert.equal(done.conflicts.length, 0);
  assert.equal(fs.readFileSync(path.join(place.project, 'new/dir/work.txt'), 'utf8'), 'work');
  assert.equal(done.viewRemoved, true);
  await revert(done.appliedBy);
  assert.deepEqual(picture(place.project), before);
});

test('what is given up is gone', async () => {
  const place = world(FILES);
  const handle = await executePersonaSpawnPlan(oldPlan(PARTS), { cwd: place.project });
  const before = picture(place.project);
  put(path.join(handle.cwd, 'work.txt'), 'work');
  assert.match((await handle.discard()).discarded, /1 added/);
  assert.deepEqual(picture(place.project), before);
  await assert.rejects(changes(handle.id), { name: 'CallsheetError' });
});

test('autoSync brings every file of a fresh nested directory back', async () => {
  const place = world(FILES);
  for (let round = 0; round < 5; round += 1) {
    const handle = await executePersonaSpawnPlan(oldPlan(PARTS), {
      cwd: place.project,
      mount: { autoSync: { scanIntervalMs: 20 } },
    });
    const dir = `deep${round}/a/b/c`;
    for (let file = 0; file < 30; file += 1) put(path.join(handle.cwd, dir, `${file}.txt`), 'x');
    const report = await handle.dispose();
    assert.deepEqual(report.live, { conflicts: [] });
    assert.equal(fs.readdirSync(path.join(place.project, dir)).length, 30);
    assert.equal(report.clean, true);
  }
});

test('what autoSync has not brought back yet can be given up', async () => {
  const place = world(FILES);
  const before = picture(place.project);
  const handle = await executePersonaSpawnPlan(oldPlan(PARTS), {
    cwd: place.project,
    mount: { autoSync: { scanIntervalMs: 600000 } },
  });
  put(path.join(handle.cwd, 'unwanted.txt'), 'x');
  fs.rmSync(path.join(handle.cwd, 'a/b.txt'));
  assert.match((await handle.discard()).discarded, /1 added.*1 deleted|1 deleted.*1 added/);
  assert.deepEqual(picture(place.project), before);
});

test('a directory that exists is refused and stays', async () => {
  const place = world(FILES);
  const mountDir = path.join(place.outside, 'mirror');
  put(path.join(mountDir, 'precious'), 'precious');
  const options = { cwd: place.project, mount: { mountDir, personaId: 'p' } };
  await assert.rejects(executePersonaSpawnPlan(oldPlan(PARTS), options), /exists already/);
  assert.deepEqual(fs.readdirSync(mountDir), ['precious']);
});

test('the project, a directory in it and one around it are refused', async () => {
  const place = world(FILES);
  const before = picture(place.project);
  for (const mountDir of [place.project, path.join(place.project, 'in'), place.root, '/']) {
    const options = { cwd: place.project, mount: { mountDir, personaId: 'p' } };
    await assert.rejects(executePersonaSpawnPlan(oldPlan(PARTS), options), /outside the project/);
  }
  assert.deepEqual(picture(place.project), before);
});

test('two live mirrors in one directory are refused, and the first lives on', async () => {
  const place = world(FILES);
  const mountDir = path.join(place.outside, 'mirror');
  const options = { cwd: place.project, mount: { mountDir, personaId: 'p' } };
  const first = await executePersonaSpawnPlan(oldPlan(PARTS), options);
  await assert.rejects(executePersonaSpawnPlan(oldPlan(PARTS), options), { code: 'busy' });
  const inner = { cwd: place.project, mount: { mountDir: path.join(mountDir, 'in'), personaId: 'p' } };
  await assert.rejects(executePersonaSpawnPlan(oldPlan(PARTS), inner), { code: 'busy' });
  assert.ok(fs.existsSync(path.join(mountDir, 'a/b.txt')));
  await first.dispose();
  assert.deepEqual(fs.readdirSync(place.outside), []);
});

test('killed: the mirror goes, the project is as it was, the place can be used again', async () => {
  const place = world(FILES);
  const before = picture(place.project);
  const mountDir = path.join(place.outside, 'mirror');
  const source = `
    const mount = { mountDir: ${JSON.stringify(mountDir)}, personaId: 'p', autoSync: true };
    const handle = await executePersonaSpawnPlan(plan, { cwd, mount });
    ready(handle.cwd);`;
  const program = host(place, `${source} process.kill(process.pid, 'SIGKILL');`, { plan: oldPlan(PARTS) });
  assert.equal(await program.ready(), mountDir);
  assert.equal((await program.gone).signal, 'SIGKILL');
  await returns(place.outside, {});
  assert.deepEqual(picture(place.project), before);
  await tell(place, `${source} await handle.dispose();`, { plan: oldPlan(PARTS) });
  assert.deepEqual(fs.readdirSync(place.outside), []);
});

test('parts work in a mirror that a part made', async () => {
  const place = world(FILES);
  const mountDir = path.join(place.outside, 'mirror');
  const mount = await applyPersonaMount(POLICY, { cwd: place.project, mountDir, personaId: 'p' });
  assert.equal(mount.cwd, mountDir);
  const sidecars = await writePersonaSidecars([sidecar('AGENTS.md', 'persona')], { cwd: mount.cwd });
  const plan = oldPlan({ configFiles: [{ path: 'opencode.json', contents: '{}' }] });
  const whole = await executePersonaSpawnPlan(plan, { cwd: mount.cwd });
  await whole.dispose();
  await sidecars.dispose();
  assert.equal((await mount.dispose()).clean, true);
  assert.deepEqual(fs.readdirSync(place.outside), []);
  assert.deepEqual(await recover(), []);
});

/** Whether layers work here: a container or a setting of the system can forbid them. */
async function layers(t, place) {
  try {
    const handle = await executePersonaSpawnPlan(oldPlan(PARTS), { cwd: place.project, view: 'overlay' });
    await handle.dispose();
    return true;
  } catch (error) {
    t.skip(`layers do not work here: ${error.message}`);
    return false;
  }
}

test('a layer lies over the project\'s own path, for programs behind the prefix', async (t) => {
  const place = world(FILES);
  if (!(await layers(t, place))) return;
  const before = picture(place.project);
  const options = { cwd: place.project, view: 'auto', entered: true };
  const handle = await executePersonaSpawnPlan(oldPlan(PARTS), options);
  assert.deepEqual([handle.cwd, handle.view, handle.enforcement], [place.project, 'overlay', 'enforced']);
  const line = 'cat AGENTS.md; ls; touch docs/y 2>/dev/null || echo protected';
  const [program, ...args] = [...handle.argvPrefix, 'sh', '-c', line];
  const seen = execFileSync(program, args, { cwd: handle.cwd, encoding: 'utf8' });
  assert.equal(seen, 'mine\n\n\n---\n\npersonaAGENTS.md\na\ndocs\nprotected\n');
  assert.deepEqual(picture(place.project), before);
  assert.equal((await handle.dispose()).clean, true);
  assert.deepEqual(picture(place.project), before);
});

test('killed with a layer: the project was never touched, the keeper ends', async (t) => {
  const place = world(FILES);
  if (!(await layers(t, place))) return;
  const before = picture(place.project);
  const source = `
    const handle = await executePersonaSpawnPlan(plan, { cwd, view: 'overlay' });
    ready(handle.argvPrefix);
    await live();`;
  const program = host(place, source, { plan: oldPlan(PARTS) });
  await program.ready();
  assert.deepEqual(picture(place.project), before);
  process.kill(-program.child.pid, 'SIGKILL');
  await program.gone;
  assert.deepEqual(await tell(place, 'await recover({ cwd }); ready(await list());'), [[]]);
  assert.deepEqual(picture(place.project), before);
});

test('a layer has no mount directory', async () => {
  const place = world(FILES);
  const mount = { mountDir: path.join(place.outside, 'mirror') };
  const options = { cwd: place.project, view: 'overlay', mount };
  await assert.rejects(executePersonaSpawnPlan(oldPlan(PARTS), options), { code: 'usage' });
});

// Two Node processes on one directory: what is alike is shared, what differs excludes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { host, newPlan, oldPlan, picture, sidecar, tell, until, world } from './world.js';

const ORIGINALS = { 'AGENTS.md': 'mine\n', 'src/a.txt': 'a' };
const HOLD = `
  const handle = await executePersonaSpawnPlan(plan, { cwd, waitMs: globalThis.wait });
  ready(handle.id);
  process.on('SIGUSR2', async () => {
    ready((await handle.dispose()).clean);
    process.exit(0);
  });
  await live();`;
const text = (place) => fs.readFileSync(path.join(place.project, 'AGENTS.md'), 'utf8');

/** Asks a host to dispose its handle, and answers whether that went well. */
async function ends({ child, gone, lines, problems }) {
  child.kill('SIGUSR2');
  const { code } = await gone;
  assert.equal(code, 0, problems());
  await until(() => lines().length > 1, 'it is told how that went');
  assert.equal(lines()[1], true);
}

for (const [edition, make] of [['persona-kit-4', oldPlan], ['2026', newPlan]]) {
  const plan = make({ sidecars: [sidecar('AGENTS.md', 'persona')] });
  const other = make({ sidecars: [sidecar('AGENTS.md', 'somebody else')] });

  for (const order of ['first in, first out', 'first in, last out']) {
    test(`${edition}: the same plan is shared; ${order}`, async () => {
      const place = world(ORIGINALS);
      const before = picture(place.project);
      const hosts = [host(place, HOLD, { plan }), host(place, HOLD, { plan })];
      const ids = await Promise.all(hosts.map((program) => program.ready()));
      assert.notEqual(ids[0], ids[1]);
      if (order === 'first in, last out') hosts.reverse();
      await ends(hosts[0]);
      assert.equal(text(place), 'persona');
      await ends(hosts[1]);
      assert.deepEqual(picture(place.project), before);
    });
  }

  test(`${edition}: another plan is refused, or waits`, async () => {
    const place = world(ORIGINALS);
    const before = picture(place.project);
    const first = host(place, HOLD, { plan });
    const id = await first.ready();
    const [refused] = await tell(place, `
      const error = await executePersonaSpawnPlan(plan, { cwd }).catch((error) => error);
      ready([error.code, error.run]);`, { plan: other });
    assert.deepEqual(refused, ['busy', id]);
    const [late] = await tell(place, `
      const begun = performance.now();
      const error = await executePersonaSpawnPlan(plan, { cwd, waitMs: 300 }).catch((error) => error);
      ready([error.code, performance.now() - begun >= 300]);`, { plan: other });
    assert.deepEqual(late, ['busy', true]);
    const waits = host(place, `globalThis.wait = 20_000; ${HOLD}`, { plan: other });
    await ends(first);
    await waits.ready();
    assert.equal(text(place), 'somebody else');
    await ends(waits);
    assert.deepEqual(picture(place.project), before);
  });

  test(`${edition}: one of two is killed; the other one's files stay until it ends`, async () => {
    const place = world(ORIGINALS);
    const before = picture(place.project);
    const hosts = [host(place, HOLD, { plan }), host(place, HOLD, { plan })];
    await Promise.all(hosts.map((program) => program.ready()));
    hosts[0].child.kill('SIGKILL');
    await hosts[0].gone;
    // Recovery waits until the dead one's executor is done.
    await tell(place, 'await recover({ cwd });');
    assert.equal(text(place), 'persona');
    await ends(hosts[1]);
    assert.deepEqual(picture(place.project), before);
  });
}

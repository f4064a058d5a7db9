// `callsheet run` when the model refuses, breaks off or says nothing: the run fails with what was said,
// and not before what passes has had its chance.
import assert from 'node:assert/strict';
import { after, describe } from 'node:test';

import { test } from '../harnesses.js';
import { until } from '../processes.js';
import { nobodyOutside, world } from '../world.js';

/** Runs until the harness gives up; one that never does is stopped when it asks again. */
async function refused(harness, fault) {
  const at = world(harness, [{ text: 'Blue.', fault }]);
  if (!harness.endless?.includes(fault.status ?? 'cut')) return { at, ...(await at.run('Which colour?')) };
  const { child, ended } = at.begin('Which colour?');
  await until('it asks again', () => at.requests.length > 1, 90);
  child.kill('SIGTERM');
  return { at, ...(await at.judge(await ended)) };
}

describe('callsheet run without an answer', { concurrency: 4 }, () => {
  for (const status of [400, 401, 429, 500]) {
    test(`an answer of ${status} makes the run fail, with what the server said`, async (harness) => {
      const message = `scripted trouble ${status}`;
      const { told, ...ran } = await refused(harness, { status, message });
      assert.notEqual(ran.code, 0, told);
      assert.equal(ran.verdict, 'failed', told);
      assert.match(ran.reason, new RegExp(harness.says?.[status] ?? message), told);
      assert.equal(ran.apiStatus, harness.silent?.includes(status) ? undefined : status, told);
    });
  }

  test('a server that is busy once is asked again', async (harness) => {
    const at = world(harness, [{ text: 'Blue.', fault: { status: 500, times: 1 } }]);
    const { told, ...ran } = await at.run('Which colour?');
    assert.deepEqual([ran.code, ran.verdict, ran.text], [0, 'completed', 'Blue.'], told);
    assert.deepEqual(at.requests.map(({ status }) => status), [500, 200], told);
  });

  test('an answer that is cut off every time makes the run fail', async (harness) => {
    const { at, told, ...ran } = await refused(harness, { cut: true });
    assert.notEqual(ran.code, 0, told);
    assert.equal(ran.verdict, 'failed', told);
    assert.ok(ran.reason && at.requests.length > 1, told);
  });

  test('a model that never answers is given up', async (harness) => {
    const at = world(harness, [{ fault: { hang: true } }]);
    const { told, ...ran } = await at.run('Which colour?', {}, ['--timeout', '20']);
    assert.notEqual(ran.code, 0, told);
    assert.equal(ran.reason, 'ended after 20 s', told);
  });

  after(nobodyOutside);
});

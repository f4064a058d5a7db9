// A trap of the module: the caller gets an error that says whose mistake it is, and the
// next call another instance.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';

const require = createRequire(import.meta.url);

/** A module with a memory, a `reserve` that gives 0, and a `plan` that traps. */
const TRAPPING = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0,
  1, 13, 2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7f,
  3, 3, 2, 0, 1,
  5, 3, 1, 0, 1,
  7, 27, 3, 6, ...Buffer.from('memory'), 2, 0, 7, ...Buffer.from('reserve'), 0, 0, 4, ...Buffer.from('plan'), 0, 1,
  10, 10, 2, 4, 0, 0x41, 0, 0x0b, 3, 0, 0x00, 0x0b,
);

for (const kind of ['cjs', 'js']) {
  test(`a trap is an error of the planner (${kind})`, async () => {
    const load = (name) => (kind === 'cjs' ? require(`../plan/${name}.cjs`) : import(`../plan/${name}.js`));
    const { initSync, planText } = await load('api');
    const door = await load('door');
    initSync(TRAPPING);
    for (const generation of [1, 2]) {
      assert.throws(() => planText('{}'), { name: 'CallsheetError', code: 'internal' });
      assert.equal(door.generation, generation);
    }
  });
}

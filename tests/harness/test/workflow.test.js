// A workflow whose agents are real harnesses: killed in the middle and resumed, it asks for nothing
// twice and says what the script of the model says that it cost.
import assert from 'node:assert/strict';
import { after, describe } from 'node:test';

import { test } from '../harnesses.js';
import { until } from '../processes.js';
import { nobodyOutside, put, world } from '../world.js';

const SCRIPT = `export const meta = { name: 'house', description: 'Paints a house and looks at it' };
const painted = await agent('Paint the door.', { label: 'door', isolation: 'worktree' });
const schema = { type: 'object', required: ['colour'], properties: { colour: { type: 'string' } } };
const seen = await agent('Which colour? ' + painted, { label: 'look', schema });
return { painted, seen };
`;

const usage = { in: 10_000, out: 1_000, cached: 500 };

function script(asked, results) {
  if (asked.includes('Which colour?')) {
    return { text: '{"colour": "blue"}', usage, fault: { hang: true, times: 1 } };
  }
  if (results === 0) return { text: 'I paint.', usage, write: { path: 'DOOR.md', content: 'blue\n' } };
  return { text: 'The door is blue.', usage };
}

/** What three answers of the script cost, in dollars. */
function cost({ id, price }) {
  const fresh = id === 'claude' ? usage.in : usage.in - usage.cached;
  return (3 * (fresh * price.in + usage.out * price.out + usage.cached * price.cached)) / 1e6;
}

describe('callsheet workflow', { concurrency: true }, () => {
  test('a workflow that is killed and resumed costs what was asked for', async (harness) => {
    const at = world(harness, script);
    put(at.root, { 'house.js': SCRIPT });
    // Codex says nothing of money, so the user does.
    const price = harness.price ?? { in: 1.25, out: 10, cached: 0.125 };
    const prices = { [harness.model]: { input: price.in, output: price.out, cacheRead: price.cached } };
    put(at.at('home'), { '.config/callsheet/models.json': JSON.stringify({ prices }) });
    const persona = at.persona({ permissions: { mode: 'acceptEdits' } });

    const run = ['workflow', 'run', at.at('house.js'), '--persona', persona, '--run-id', 'house', '--json'];
    const { child, ended } = at.start(run);
    await until('the second call is at work', () => at.requests.some(({ hangs }) => hangs), 90);
    child.kill('SIGKILL');
    await at.check(await ended);

    const resumed = await at.start(['workflow', 'resume', 'house', '--json']).ended;
    const told = `${resumed.stdout}\n${resumed.stderr}`;
    assert.equal(resumed.code, 0, told);
    const { data } = JSON.parse(resumed.stdout.trim().split('\n').at(-1));
    assert.deepEqual(data.result, { painted: 'The door is blue.', seen: { colour: 'blue' } }, told);
    assert.deepEqual(at.requests.map(({ step, hangs }) => hangs ?? step), [0, 1, true, 0], told);
    // Costs are kept in millionths, each call's for itself.
    const off = Math.abs(data.usage.cost - cost({ ...harness, price }));
    assert.ok(off < 2e-6, `${off} off: ${told}`);

    assert.equal(at.changed, '', 'the user\'s own tree');
    const branch = at.git('branch', '--list', 'callsheet/*', '--format=%(refname)').trim();
    assert.equal(at.git('show', `${branch}:DOOR.md`).trim(), 'blue', branch);
    await at.check(resumed);
  });

  after(nobodyOutside);
});

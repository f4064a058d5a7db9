// Workflows without an engine, in Node and in a Worker: what scripts say, what identifies
// calls, what journals tell. What they tell is byte for byte what the native code tells.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CallsheetError, agentContentKey, parseWorkflow, replayJournal } from 'callsheet/plan';

import { call } from '../plan/door.cjs';
import { packaged, startWorker } from './worker.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const FIXTURES = path.join(HERE, '../../tests/fixtures/workflow');
const RECORDED = readFileSync(path.join(FIXTURES, 'replays.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

const SCRIPT = `// é
export const meta = { name: 'audit', description: 'Looks', phases: [{ title: 'look' }], kind: 7 };
return 1;
`;

test('a script says what it is', () => {
  const script = parseWorkflow(SCRIPT);
  assert.deepEqual(script, {
    name: 'audit',
    description: 'Looks',
    phases: [{ title: 'look' }],
    meta: { name: 'audit', description: 'Looks', phases: [{ title: 'look' }], kind: 7 },
    statement: [6, 104],
  });
  const [from, to] = script.statement;
  const statement = Buffer.from(SCRIPT).subarray(from, to).toString();
  assert.ok(statement.startsWith('export const meta = {') && statement.endsWith('};'), statement);
});

test('a script that does not is refused with its place', () => {
  assert.throws(
    () => parseWorkflow(`export const meta = {\n  name: 'a',\n  description: read(),\n};`),
    (error) => {
      assert.ok(error instanceof CallsheetError);
      assert.equal(error.code, 'workflow.script-invalid');
      const [{ place }] = error.diagnostics;
      assert.deepEqual([place.line, place.column], [3, 16]);
      return true;
    },
  );
});

test('a call has the key that journals are matched by', () => {
  assert.equal(
    agentContentKey({ prompt: 'a' }),
    '54208ce92b3b7a08c3a6d6eb080ef9e04d8c913026d27d282382a3192a4231eb',
  );
  const schema = { type: 'object', required: ['b', 'a'] };
  const turned = { required: ['b', 'a'], type: 'object' };
  assert.equal(agentContentKey({ prompt: 'a', schema }), agentContentKey({ schema: turned, prompt: 'a' }));
  assert.notEqual(agentContentKey({ prompt: 'a', schema }), agentContentKey({ prompt: 'a' }));
  assert.throws(() => agentContentKey({ prompt: 'a', label: 'b' }), /content\.label is not a known field/);
});

test('a journal tells how its run stands', () => {
  const replay = replayJournal(readFileSync(path.join(FIXTURES, 'journal-1.log'), 'utf8'));
  assert.equal(replay.state, 'completed');
  assert.deepEqual([replay.epoch, replay.results, replay.unclaimed], [2, 6, 0]);
  assert.deepEqual(replay.calls.map(({ status, rule }) => [status, rule])[0], ['settled', 'exact']);
  assert.deepEqual(replay.problems, []);
  const torn = replayJournal('12 abc');
  assert.deepEqual([torn.state, torn.tornBytes], ['missing', 6]);
});

test('replays in Node are those of the native code, byte for byte', () => {
  assert.ok(RECORDED.length >= 12);
  for (const { journal, replay } of RECORDED) assert.equal(call('replayJournal', [], [journal]), replay);
});

test('replays in a Worker are those of the native code, byte for byte', async (t) => {
  const modules = { 'worker.js': path.join(HERE, 'workflow.worker.js'), ...packaged() };
  const ask = await startWorker(t, modules);
  for (const { journal, replay } of RECORDED) assert.equal(await ask('replay', journal), replay);
  assert.deepEqual(await ask('script', SCRIPT), parseWorkflow(SCRIPT));
  assert.equal(await ask('key', '{"prompt":"a"}'), agentContentKey({ prompt: 'a' }));
});

// `callsheet run` with real harnesses: what reaches the model, what is left behind, and whether the
// outcome says what happened. Every case also goes through World.check: no process stays, nothing
// secret or long is on a command line, no private file is left.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe } from 'node:test';

import { test } from '../harnesses.js';
import { living, until } from '../processes.js';
import { SECRETS, here, nobodyOutside, put, world } from '../world.js';

const EDITS = { permissions: { mode: 'acceptEdits' } };
const DONE = { text: 'All done.' };

/** What the model was told by tools, in its last request. */
const results = ({ requests }) => JSON.stringify(requests.at(-1).body.messages ?? requests.at(-1).body.input);

/** The server of echo-server.js, and what it was given, once it has started. */
const echo = (at) => ({
  type: 'stdio', command: process.execPath, args: [path.join(here, 'echo-server.js'), at('given.json')],
  env: { ECHO_TOKEN: '$ECHO_TOKEN' },
});

describe('callsheet run', { concurrency: 4 }, () => {
  test('an answer comes with its tokens and its cost', async (harness) => {
    const usage = { in: 12_000, out: 3_000, cached: 2_000 };
    const at = world(harness, [{ text: 'It is blue.', usage }]);
    const { told, ...ran } = await at.run('Which colour has the house?');
    assert.deepEqual([ran.code, ran.verdict, ran.text], [0, 'completed', 'It is blue.'], told);
    assert.ok(ran.sessionId, told);
    // Anthropic counts what came from its cache apart, OpenAI within.
    const fresh = harness.id === 'claude' ? usage.in : usage.in - usage.cached;
    assert.deepEqual(ran.usage, { input: fresh, output: usage.out, cached: usage.cached }, told);
    const { price } = harness;
    const cost = price && (fresh * price.in + usage.out * price.out + usage.cached * price.cached) / 1e6;
    assert.equal(ran.costUsd?.toFixed(6), cost?.toFixed(6), told);
    assert.equal(at.requests.length, 1, told);
    assert.equal(at.changed, '');
  });

  test('a tool call writes a file', async (harness) => {
    const at = world(harness, [{ text: 'I write.', write: { path: 'NOTES.md', content: "It's\nblue.\n" } }, DONE]);
    const { told, ...ran } = await at.run('Write NOTES.md', EDITS);
    assert.deepEqual([ran.code, ran.verdict, ran.text], [0, 'completed', DONE.text], told);
    assert.equal(at.file('NOTES.md')?.trimEnd(), "It's\nblue.", told);
    assert.equal(at.changed, '?? NOTES.md');
  });

  test('the tool of a server is called, and the server gets no variable but its own', async (harness) => {
    const name = 'my.echo';
    const at = world(harness, [{ mcp: { server: name, tool: 'ping', input: { word: 'blue' } } }, DONE]);
    const { told, ...ran } = await at.run('Ping', { mcpServers: { [name]: echo(at.at) } });
    assert.deepEqual([ran.code, ran.verdict], [0, 'completed'], told);
    assert.match(results(at), /pong blue/, told);
    const given = JSON.parse(fs.readFileSync(at.at('given.json'), 'utf8'));
    assert.equal(given.ECHO_TOKEN, SECRETS.ECHO_TOKEN);
    assert.deepEqual(['MODEL_KEY', 'ANTHROPIC_API_KEY'].filter((key) => key in given), []);
  });

  test('a server that does not start makes the run fail and is named', async (harness) => {
    const at = world(harness, [DONE]);
    const broken = { type: 'stdio', command: '/nonexistent/server', args: [] };
    const { told, ...ran } = await at.run('Go', { mcpServers: { broken } });
    assert.notEqual(ran.code, 0, told);
    assert.equal(ran.verdict, 'failed', told);
    assert.match(ran.reason, /broken/, told);
  });

  test('a skill is offered', async (harness) => {
    const at = world(harness, [DONE]);
    const text = '---\nname: house-voice\ndescription: How letters about the blue house begin.\n---\n\nBegin with the colour.\n';
    put(at.root, { 'skills/house-voice/SKILL.md': text });
    const skills = [{ id: 'house-voice', source: './skills/house-voice/SKILL.md', description: 'How letters begin.' }];
    const { told, ...ran } = await at.run('Write a letter', { skills });
    assert.deepEqual([ran.code, ran.verdict], [0, 'completed'], told);
    const request = JSON.stringify(at.requests[0].body);
    assert.match(request, /house-voice/, told);
    assert.match(request, /How letters about the blue house begin/, told);
    assert.equal(at.changed, '');
  });

  test('a system prompt of 200 KB has the right role', async (harness) => {
    const at = world(harness, [DONE]);
    const systemPrompt = `You are the first line.\n${'The house is blue, ${HOME} {env:HOME} "$HOME".\n'.repeat(4_200)}This is the last line.`;
    const { told, ...ran } = await at.run('Which colour?', { systemPrompt });
    assert.deepEqual([ran.code, ran.verdict], [0, 'completed'], told);
    const { body, system } = at.requests[0];
    const texts = system.filter(({ text }) => text.includes('You are the first line.'));
    assert.deepEqual(texts.map(({ role }) => role), [harness.role], told);
    assert.ok(texts[0].text.includes(systemPrompt), 'the prompt arrives as it is');
    const asked = JSON.stringify((body.messages ?? body.input).filter(({ role }) => role === 'user'));
    assert.ok(!asked.includes('You are the first line.'), 'the prompt is not what the user says');
  });

  test('a task of 400 KB arrives whole', async (harness) => {
    const at = world(harness, [DONE]);
    const task = `First of all.\n${'Count the windows of the blue house.\n'.repeat(11_100)}Last of all.`;
    assert.ok(task.length > 400_000);
    const { told, ...ran } = await at.run(task);
    assert.deepEqual([ran.code, ran.verdict], [0, 'completed'], told);
    const { body } = at.requests[0];
    const said = (body.messages ?? body.input).filter(({ role }) => role === 'user').flatMap(({ content }) => content);
    assert.ok(said.some((part) => (part.text ?? part).includes(task)), 'the task arrives as it is');
  });

  test('a persona that may only read cannot write', async (harness) => {
    const steps = [{ write: { path: 'NOTES.md', content: 'x\n' } }, { shell: 'echo x > OTHER.md' }, DONE];
    const at = world(harness, steps);
    const { told, ...ran } = await at.run('Write NOTES.md', { permissions: { mode: 'plan' } });
    assert.deepEqual([at.file('NOTES.md'), at.file('OTHER.md'), at.changed], [undefined, undefined, ''], told);
    assert.equal(ran.code, 0, told);
    assert.equal(ran.verdict, 'completed-with-denials', told);
    assert.ok(ran.denials.length > 0, told);
  });

  test('nothing is written outside of the project', async (harness) => {
    const away = path.join('/tmp', `callsheet-outside-${process.pid}-${harness.id}`);
    const steps = [{ write: { path: '../ONE.md', content: 'x\n' } }, { shell: `echo x > ../TWO.md; echo x > ${away}` }, DONE];
    const at = world(harness, steps);
    const { told, ...ran } = await at.run('Write', EDITS);
    const written = [at.at('ONE.md'), at.at('TWO.md'), away].filter((file) => fs.existsSync(file));
    fs.rmSync(away, { force: true });
    assert.deepEqual(written, [], told);
    assert.equal(ran.verdict, 'completed-with-denials', told);
  });

  const SLEEPS = { permissions: { mode: 'bypassPermissions' } };
  const sleeping = [{ shell: 'tail -f README.md & tail -f /dev/null' }, DONE];
  const asleep = (at) => until('the tool runs', () => living(at.name).find(({ line }) => line.at(-1) === '/dev/null'), 60);

  test('SIGTERM ends callsheet, the harness and its tools', async (harness) => {
    const at = world(harness, sleeping);
    const { child, ended } = at.begin('Sleep', SLEEPS);
    await asleep(at);
    child.kill('SIGTERM');
    const result = await ended;
    assert.equal(result.code, 143, result.stderr);
    await at.check(result);
    assert.equal(at.changed, '');
  });

  test('the death of the harness is a failure and leaves no tool', async (harness) => {
    const at = world(harness, sleeping);
    const { ended } = at.begin('Sleep', SLEEPS);
    await asleep(at);
    const own = living(at.name).filter(({ line }) => path.basename(line[0]) === harness.id);
    assert.ok(own.length > 0);
    for (const { id } of own) process.kill(id, 'SIGKILL');
    const result = await ended;
    assert.equal(JSON.parse(result.stdout).data.outcome.verdict, 'failed');
    await at.check(result);
  });

  test('after the death of callsheet, recovery leaves no process and no file', async (harness) => {
    const at = world(harness, sleeping);
    const { child, ended } = at.begin('Sleep', SLEEPS);
    await asleep(at);
    child.kill('SIGKILL');
    await ended;
    const recovered = await at.start(['recover']).ended;
    assert.equal(recovered.code, 0, recovered.stderr);
    await at.check(recovered);
    assert.equal(at.changed, '');
  });

  test('a resumed session reports what this run cost', async (harness) => {
    const usage = { in: 10_000, out: 1_000, cached: 500 };
    const at = world(harness, [{ text: 'Blue.', usage }]);
    const first = await at.run('Which colour?');
    const resume = { claude: '--resume', opencode: '--session' }[harness.id];
    const { told, ...second } = await at.run('Which colour?', {}, ['--', resume, first.sessionId]);
    assert.deepEqual([second.code, second.verdict, second.sessionId], [0, 'completed', first.sessionId], told);
    assert.match(JSON.stringify(at.requests.at(-1).body.messages), /Which colour.*Blue.*Which colour/, 'it was resumed');
    assert.deepEqual(second.usage, first.usage, told);
    const { price } = harness;
    const fresh = harness.id === 'claude' ? usage.in : usage.in - usage.cached;
    const cost = (fresh * price.in + usage.out * price.out + usage.cached * price.cached) / 1e6;
    assert.deepEqual([first, second].map(({ costUsd }) => costUsd.toFixed(6)), [cost.toFixed(6), cost.toFixed(6)], told);
  }, ['claude', 'opencode']);

  // Its sessions lie in the private home of the run, so no later run can count them again.
  test('a session ends with its run', async (harness) => {
    const at = world(harness, [DONE]);
    const { sessionId } = await at.run('Go');
    const { told, ...ran } = await at.run('Go', {}, ['--', 'resume', sessionId]);
    assert.equal(ran.verdict, 'failed', told);
    assert.match(ran.reason, /no rollout found/, told);
  }, ['codex']);

  test('web search is live only for a persona that asks for it', async (harness) => {
    for (const webSearch of [true, false]) {
      const at = world(harness, [DONE]);
      const { told } = await at.run('Search', { harnessSettings: { reasoning: 'low', timeoutSeconds: 60, webSearch } });
      const search = at.requests[0].body.tools.filter(({ type }) => type === 'web_search');
      assert.deepEqual(search.map((tool) => tool.external_web_access), webSearch ? [true] : [], told);
    }
  }, ['codex']);

  after(nobodyOutside);
});

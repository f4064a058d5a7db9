// The drop-in for persona-kit 4: its names, its recorded behaviour in Node and in a Worker,
// and what only JavaScript can get wrong.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import * as kit from '../persona-kit/index.js';
import * as spec from '../persona-kit/spec.js';
import * as execute from '../execute/index.js';
import { FILES, replay } from './corpus.js';
import { packaged, startWorker } from './worker.js';
import { put, world } from './world.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const SHARED = process.env.CALLSHEET_CONFORMANCE ?? path.join(PACKAGE, '../../shared/conformance');
const RECORDINGS = path.join(SHARED, 'persona');
const HERE = fileURLToPath(new URL('.', import.meta.url));

// The executor of this process must not look into the user's own runs.
process.env.CALLSHEET_STATE_HOME = world().state;

const AT_LEAST = { parse: 62, plan: 367, functions: 829, 'harness-specs': 369, 'parse-mutations': 893 };
const CLASSES = ['MissingEnvRefError', 'MissingPersonaInputError', 'SkillInstallError'];
const CONSTANTS = /^[A-Z][A-Z_]+$/;
const LONE = 'half \ud83d of a pair';

function file(over = {}) {
  return {
    id: 'p',
    intent: 'review',
    description: 'd',
    harness: 'claude',
    model: 'm',
    systemPrompt: 's',
    harnessSettings: { reasoning: 'low', timeoutSeconds: 60 },
    ...over,
  };
}

function selection(over = {}) {
  return {
    personaId: 'p',
    harness: 'claude',
    model: 'm',
    systemPrompt: 'prompt',
    harnessSettings: { reasoning: 'low', timeoutSeconds: 60 },
    skills: [],
    rationale: 'test',
    ...over,
  };
}

const parse = (value) => kit.parsePersonaSpec(value, 'review');
const isError = (message) => (error) => {
  assert.equal(Object.getPrototypeOf(error), Error.prototype);
  assert.equal(error.message, message);
  return true;
};

function recordings() {
  if (fs.existsSync(RECORDINGS)) return (name) => fs.readFileSync(path.join(RECORDINGS, name), 'utf8');
  console.log(`skipped: no recordings at ${RECORDINGS}`);
  return undefined;
}

test('all names are there and of their kind', () => {
  const kinds = { functions: 0, classes: 0, constants: 0 };
  for (const [name, value] of Object.entries(kit)) {
    if (CLASSES.includes(name)) kinds.classes += value.prototype instanceof Error ? 1 : 0;
    else if (CONSTANTS.test(name)) kinds.constants += typeof value === 'object' ? 1 : 0;
    else kinds.functions += typeof value === 'function' ? 1 : 0;
  }
  assert.deepEqual(kinds, { functions: 75, classes: 3, constants: 18 });
  assert.equal(Object.keys(spec).length, 47);
  for (const [name, value] of Object.entries(spec)) assert.equal(value, kit[name], name);
  assert.ok(!('isPlainObject' in spec));
  const require = createRequire(import.meta.url);
  for (const [name, value] of Object.entries(kit)) assert.equal(require('callsheet/persona-kit')[name], value);
  assert.equal(require('callsheet/persona-kit/spec').parseTags, spec.parseTags);
});

test('the recordings come out to the byte in Node', async () => {
  const read = recordings();
  if (!read) return;
  const bases = JSON.parse(read('parse-mutations.bases.json'));
  for (const name of FILES) {
    const { passed, wrong } = await replay(kit, name, read(`${name}.jsonl`), bases);
    assert.deepEqual(wrong.slice(0, 5), [], name);
    assert.ok(passed >= AT_LEAST[name], `${name}: ${passed}`);
  }
});

test('the recordings come out to the byte in a Worker', async (t) => {
  const read = recordings();
  if (!read) return;
  const modules = {
    'worker.js': path.join(HERE, 'persona-kit.worker.js'),
    'corpus.js': path.join(HERE, 'corpus.js'),
    ...packaged(),
  };
  const ask = await startWorker(t, modules);
  await ask('bases', read('parse-mutations.bases.json'));
  for (const name of FILES) {
    const { passed, wrong } = await ask(name, read(`${name}.jsonl`));
    assert.deepEqual(wrong.slice(0, 5), [], name);
    assert.ok(passed >= AT_LEAST[name], `${name}: ${passed}`);
  }
  const [names, specNames] = await ask('names');
  assert.deepEqual(names.sort(), Object.keys(kit).sort());
  assert.deepEqual(specNames.sort(), Object.keys(spec).sort());
  const refused = await ask('refusals', JSON.stringify(['runSkillInstalls', 'skillCacheRoot', 'detectHarnesses']));
  const message = (name) =>
    `${name} needs files and programs, which this host does not have; call it in Node`;
  for (const [name, told] of Object.entries(refused)) {
    assert.deepEqual(told, ['CallsheetError', message(name), false]);
  }
});

test('constants are plain and not frozen', () => {
  assert.ok(Array.isArray(kit.HARNESS_VALUES));
  assert.deepEqual(kit.HARNESS_VALUES, ['opencode', 'codex', 'claude', 'grok']);
  kit.HARNESS_VALUES.push('other');
  assert.equal(kit.HARNESS_VALUES.pop(), 'other');
  assert.ok(kit.INPUT_NAME_RE instanceof RegExp);
  assert.equal(kit.INPUT_NAME_RE.source, '^[A-Z_][A-Z0-9_]*$');
  assert.equal(kit.KNOWN_TRIGGERS['google-mail'], kit.KNOWN_TRIGGER_CATALOG.gmail);
  assert.equal(Object.keys(kit.KNOWN_TRIGGERS).length, 45);
  assert.deepEqual(Object.keys(kit.HARNESS_SKILL_TARGETS), ['claude', 'codex', 'opencode', 'grok']);
  assert.deepEqual(kit.HARNESS_SKILL_TARGETS.opencode, { asFlag: 'opencode', dir: '.skills' });
  assert.deepEqual(structuredClone(kit.PERMISSION_MODES), ['default', 'acceptEdits', 'bypassPermissions', 'plan']);
});

test('what is handed through is the same object', () => {
  const definition = file();
  assert.equal(kit.definePersona(definition), definition);
  const persona = Object.freeze(selection());
  assert.equal(kit.buildPersonaSpawnPlan(persona).persona, persona);
  const handler = () => 1;
  const when = new Date(0);
  const config = { nested: { a: new Map() } };
  const parsed = parse(file({ handler, when, big: 1n, none: undefined, integrations: { github: { config, own: when } } }));
  assert.equal(parsed.handler, handler);
  assert.equal(parsed.when, when);
  assert.equal(parsed.big, 1n);
  assert.ok('none' in parsed && parsed.none === undefined);
  assert.equal(parsed.integrations.github.config, config);
  assert.equal(parsed.integrations.github.own, when);
  const mcpServers = { a: { type: 'stdio', command: 'x' } };
  const plain = kit.buildInteractiveSpec({ ...selection(), mcpServers });
  assert.equal(plain.mcpServers, mcpServers);
  const merged = kit.buildInteractiveSpec({ ...selection(), mcpServers, aiHist: {} });
  assert.deepEqual(Object.keys(merged.mcpServers), ['ai-hist', 'a']);
  assert.equal(merged.mcpServers.a, mcpServers.a);
  assert.deepEqual(Object.keys(mcpServers), ['a']);
});

test('what a parser reads is copied, and no input changes', () => {
  const skill = { id: 's', source: 'a/b', description: 'x', extra: { deep: 1 } };
  const input = file({ skills: [skill], tags: ['b', ' a '], inputs: { A: 'x' } });
  const before = structuredClone(input);
  const frozen = kit.deepFreeze(input);
  const parsed = parse(frozen);
  assert.deepEqual(frozen, before);
  assert.notEqual(parsed.skills[0], skill);
  assert.equal(parsed.skills[0].extra, skill.extra);
  assert.deepEqual(parsed.tags, ['a', 'b']);
  assert.ok(!Object.isFrozen(parsed) && !Object.isFrozen(parsed.skills));
  parsed.skills.push(skill);
  assert.equal(input.skills.length, 1);
});

test('members count by being there, inherited ones too', () => {
  const gone = 'persona[review].watch is no longer allowed — relayfile watch rules moved to the agent. ' +
    'Declare them in agent.ts via defineAgent({ watch: [...] }).';
  assert.throws(() => parse(file({ watch: undefined })), isError(gone));
  assert.throws(() => parse(Object.assign(Object.create({ watch: 1 }), file())), isError(gone));
  for (const name of ['traits', 'schedules']) assert.throws(() => parse(file({ [name]: undefined })));
  assert.throws(() => kit.parseIntegrationConfig({ triggers: undefined }, 'i.github'), /no longer allowed/);
  assert.equal(parse(file({ cloud: undefined })).cloud, undefined);
  assert.throws(() => kit.parseStringMap({ A: undefined }, 'env'), isError('env.A must be a string'));
  assert.deepEqual(kit.parseCapabilities({ review: true, other: undefined }, 'c'), { review: true });
  assert.throws(() => kit.parseCapabilities({ httpRead: { no: undefined } }, 'c'), isError('c.httpRead.no is not allowed'));
});

test('getters and inherited members are read', () => {
  class Persona {
    #id = 'from a getter';
    intent = 'review';
    description = 'd';
    onEvent = './agent.ts';
    get id() {
      return this.#id;
    }
    get harnessSettings() {
      return { reasoning: 'low', timeoutSeconds: 1 };
    }
  }
  assert.equal(parse(new Persona()).id, 'from a getter');
  class Selection {
    constructor() {
      const { personaId, ...rest } = selection();
      Object.assign(this, rest);
    }
    get personaId() {
      return 'inherited';
    }
  }
  const plan = kit.buildPersonaSpawnPlan(Object.assign(new Selection(), { harness: 'opencode' }));
  assert.deepEqual(plan.args, ['--agent', 'inherited']);
});

test('objects are told by their prototypes', () => {
  class Thing {}
  const values = [{}, Object.create(null), [], new Thing(), new Map(), null, () => 1, 'x', undefined];
  const expected = [[true, true], [true, true], [true, false], [true, false], [true, false]];
  for (const [place, value] of values.entries()) {
    const [object, plain] = expected[place] ?? [false, false];
    assert.deepEqual([kit.isObject(value), kit.isPlainObject(value)], [object, plain]);
  }
  const message = 'i.config must be a plain object if provided';
  for (const config of [new Map(), [], new Thing(), null]) {
    assert.throws(() => kit.parseIntegrationConfig({ config }, 'i'), isError(message));
  }
  const bare = Object.create(null);
  assert.equal(kit.parseIntegrationConfig({ config: bare }, 'i').config, bare);
  assert.equal(kit.parseInputs(new Map([['A', 'x']]), 'inputs'), undefined);
  for (const value of [() => 1, Symbol('x'), 1n]) {
    assert.throws(() => parse(file({ cloud: value })), isError('persona[review].cloud must be a boolean if provided'));
    assert.equal(kit.isTag(value), false);
  }
});

test('an integration without a source has one that JSON does not show', () => {
  const { integrations } = parse(file({ integrations: { github: { own: 1, scope: { repo: 'a/b' } }, slack: { source: { kind: 'workspace' } } } }));
  const { github, slack } = integrations;
  assert.deepEqual(Object.keys(github), ['own', 'source', 'scope']);
  assert.deepEqual(github.source, { kind: 'deployer_user' });
  assert.ok(kit.isImplicitIntegrationSource(github));
  assert.ok(!kit.isImplicitIntegrationSource(slack));
  assert.equal(JSON.stringify(integrations), '{"github":{"own":1,"scope":{"repo":"a/b"}},"slack":{"source":{"kind":"workspace"}}}');
  // In memory and through JSON alike.
  for (const again of [github, JSON.parse(JSON.stringify(github))]) {
    assert.ok(kit.isImplicitIntegrationSource(kit.parseIntegrationConfig(again, 'i')));
  }
  assert.ok(!kit.isImplicitIntegrationSource(kit.parseIntegrationConfig({ ...github }, 'i')));
  const forged = kit.parseIntegrationConfig({ source: { kind: 'deployer_user' }, __agentworkforceImplicitSource: true }, 'i');
  assert.deepEqual(Object.getOwnPropertyNames(forged), ['source']);
  assert.ok(kit.isImplicitIntegrationSource({}) && !kit.isImplicitIntegrationSource([]));
});

test('numbers that JSON does not have', () => {
  for (const timeoutSeconds of [NaN, Infinity, -Infinity]) {
    const settings = { reasoning: 'low', timeoutSeconds };
    assert.throws(() => kit.parseHarnessSettings(settings, 'h'), isError('h.timeoutSeconds must be a positive number'));
  }
  assert.deepEqual(kit.parseIntegrationTrigger({ on: 'x', maxConcurrency: NaN }, 't'), { on: 'x' });
  assert.equal(parse(file({ own: NaN })).own, NaN);
  const inputs = { A: { default: 'd' }, B: { default: 'd' }, C: { default: 'd' } };
  const { values } = kit.resolvePersonaInputs(inputs, { A: NaN, B: 1e21, C: -0 }, {});
  assert.deepEqual(values, { A: 'NaN', B: '1e+21', C: '0' });
  assert.throws(() => kit.parseMemory({ ttlDays: Infinity }, 'm'), isError('m.ttlDays must be a positive number if provided'));
});

test('members of any name', () => {
  const own = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "toString": 2}');
  const parsed = parse({ ...file(), ...own, ['__proto__']: own.__proto__ });
  assert.equal(parsed.constructor, 1);
  assert.equal({}.polluted, undefined);
  const kept = parse(JSON.parse(JSON.stringify(file()).replace('{', '{"__proto__":{"x":1},')));
  assert.deepEqual(Object.getOwnPropertyDescriptor(kept, '__proto__').value, { x: 1 });
  assert.equal(Object.getPrototypeOf(kept), Object.prototype);
  const env = kit.parseStringMap(JSON.parse('{"__proto__":"x","A":"1"}'), 'env');
  assert.deepEqual(Object.getOwnPropertyNames(env), ['A']);
  assert.deepEqual(Object.keys(parse(file({ 10: 'b', 9: 'a', own: 1 }))).slice(0, 3), ['9', '10', 'own']);
});

test('texts: long ones, and what is none', () => {
  const long = `${'é$A '.repeat(2_500_000)}`;
  const { args } = kit.buildPersonaSpawnPlan(selection({ systemPrompt: long, inputs: { A: { default: 'b' } } }));
  assert.equal(args[3].length, long.length - 2_500_000);
  const refused = { name: 'CallsheetError', code: 'document.malformed' };
  assert.throws(() => parse(file({ systemPrompt: LONE })), refused);
  assert.throws(() => kit.buildPersonaSpawnPlan(selection({ systemPrompt: LONE })), refused);
  assert.throws(() => kit.renderPersonaInputs(LONE, {}), refused);
  assert.deepEqual([kit.isTag(LONE), kit.isIntent(LONE), kit.isHarness('claude')], [true, false, true]);
  assert.equal(parse(file({ own: LONE })).own, LONE);
});

test('errors have their classes and fields', () => {
  const missing = new kit.MissingPersonaInputError('A', 'B');
  assert.deepEqual([missing.name, missing.input, missing.env], ['MissingPersonaInputError', 'A', 'B']);
  assert.equal(missing.message, 'Persona input A is required but no explicit value, env var B, or default was provided.');
  const wanting = selection({ inputs: { A: { env: 'B' } } });
  assert.throws(() => kit.buildPersonaSpawnPlan(wanting), (error) => {
    assert.ok(error instanceof kit.MissingPersonaInputError);
    assert.deepEqual({ ...error }, { ...missing });
    return error.message === missing.message;
  });
  const reference = new kit.MissingEnvRefError('T', 'env.X');
  assert.throws(() => kit.makeEnvRefResolver({ T: '' })('a ${T}', 'env.X'), (error) => {
    assert.ok(error instanceof kit.MissingEnvRefError && error instanceof Error);
    assert.deepEqual({ ...error }, { ...reference });
    return error.message === reference.message;
  });
  const install = new kit.SkillInstallError(17, 'text');
  assert.deepEqual([install.name, install.message, install.exitCode, install.output],
    ['SkillInstallError', 'Skill install failed (exit 17)', 17, 'text']);
  assert.equal(kit.SkillInstallError, execute.SkillInstallError);
  assert.throws(() => kit.deriveAgentCard(parse(file()), { baseUrl: 'none', version: '1' }), (error) => {
    assert.ok(error instanceof Error && Array.isArray(error.issues));
    return error.name === 'ZodError';
  });
  const triggers = { toString: [{ on: 'x' }] };
  assert.throws(() => kit.lintTriggers({ triggers }), TypeError);
});

test('functions that are made keep what they were made with', () => {
  const env = { A: '1' };
  const [resolve, lenient] = [kit.makeEnvRefResolver(env), kit.makeLenientResolver(env)];
  assert.equal(resolve('$A', 'f'), '1');
  env.A = '2';
  assert.equal(resolve('x${A}', 'f'), 'x2');
  assert.deepEqual(lenient('$B', 'f'), { ok: false, field: 'f', ref: 'B' });
  assert.deepEqual(lenient('lit $B', 'f'), { ok: true, value: 'lit $B' });
  assert.deepEqual(kit.resolveStringMapLenient({ A: '$B' }, {}, 'env'),
    { value: undefined, dropped: [{ field: 'env.A', ref: 'B' }] });
  assert.deepEqual(Object.keys(kit.resolveMcpServersLenient(undefined, {})), ['servers', 'dropped', 'droppedServers']);
  const list = kit.materializeSkills([{ id: 's', source: 'a/b', description: '' }], 'claude').installs[0];
  assert.ok(Object.isFrozen(list.installCommand) && Object.isFrozen(list.cleanupPaths));
  const cyclic = { a: {} };
  cyclic.a.back = cyclic;
  assert.equal(kit.deepFreeze(cyclic), cyclic);
  assert.ok(Object.isFrozen(cyclic.a));
  assert.equal(parse(file({ cyclic })).cyclic, cyclic);
});

test('the environment is taken only when asked for', () => {
  const bare = kit.buildPersonaSpawnPlan(selection());
  assert.deepEqual(bare.env, {});
  process.env.CALLSHEET_TEST_MARK = 'here';
  const full = kit.buildPersonaSpawnPlan(selection(), { includeProcessEnv: true });
  assert.equal(full.env.CALLSHEET_TEST_MARK, 'here');
  delete process.env.CALLSHEET_TEST_MARK;
  const given = kit.buildPersonaSpawnPlan(selection(), { processEnv: { A: '1', B: undefined } });
  assert.deepEqual(given.env, { A: '1' });
});

test('effects have persona-kit\'s options, handles and words', async () => {
  const { project } = world({ 'AGENTS.md': 'mine' });
  const options = { cwd: project };
  const plan = kit.buildPersonaSpawnPlan(selection({ harness: 'opencode', agentsMdContent: 'x', agentsMdMode: 'extend' }));
  const handle = await kit.executePersonaSpawnPlan(plan, options);
  assert.deepEqual(Object.keys(handle), ['cwd', 'dispose']);
  assert.equal(handle.cwd, project);
  assert.equal(fs.readFileSync(path.join(project, 'AGENTS.md'), 'utf8'), 'mine\n\n---\n\nx');
  assert.equal(await handle.dispose(), undefined);
  assert.equal(await handle.dispose(), undefined);
  assert.equal(fs.readFileSync(path.join(project, 'AGENTS.md'), 'utf8'), 'mine');
  assert.ok(!fs.existsSync(path.join(project, 'opencode.json')));
  const policy = { ignoredPatterns: ['a'], readonlyPatterns: [] };
  const needed = 'applyPersonaMount: options.mountDir is required when a mount policy is supplied';
  await assert.rejects(kit.applyPersonaMount(policy, { ...options, personaId: 'p' }), { message: needed });
  await assert.rejects(kit.executePersonaSpawnPlan({ ...plan, mount: policy }, options), { message: needed });
  await assert.rejects(kit.applyPersonaMount(policy, { ...options, mountDir: '/x', personaId: 'p', autoSync: { scanIntervalMs: -1 } }), RangeError);
  const idle = await kit.applyPersonaMount(undefined, { cwd: 'anywhere' });
  assert.deepEqual([idle.cwd, await idle.dispose()], ['anywhere', undefined]);
  const install = { skillId: 's', source: 'a/b', sourceKind: 'prpm', packageRef: 'a/b', harness: 'claude',
    installCommand: [process.execPath, '-e', 'console.log("why"); process.exit(17)'],
    installedDir: '.claude/skills/b', installedManifest: '.claude/skills/b/SKILL.md', cleanupPaths: [] };
  await assert.rejects(kit.runSkillInstalls({ harness: 'claude', installs: [install] }, options), (error) => {
    assert.ok(error instanceof kit.SkillInstallError);
    return error.exitCode === 17 && error.output.includes('why');
  });
});

test('harnesses are looked for on PATH', () => {
  const { project } = world();
  const path0 = process.env.PATH;
  put(path.join(project, 'claude'), '#!/bin/sh\necho 1.2.3\n');
  put(path.join(project, 'codex'), '#!/bin/sh\necho broken >&2\nexit 3\n');
  for (const name of ['claude', 'codex']) fs.chmodSync(path.join(project, name), 0o755);
  try {
    process.env.PATH = project;
    const [opencode, codex, claude] = kit.detectHarnesses();
    assert.deepEqual(opencode, { harness: 'opencode', available: false, error: 'not found on PATH' });
    assert.deepEqual(codex, { harness: 'codex', available: false, path: path.join(project, 'codex'), error: '--version exited 3: broken' });
    assert.deepEqual(claude, { harness: 'claude', available: true, path: path.join(project, 'claude'), version: '1.2.3' });
  } finally {
    process.env.PATH = path0;
  }
});

test('the skill cache has persona-kit\'s names and files', async () => {
  const { project } = world({ 'skills/a.md': 'text' });
  const skills = [{ id: 'b', source: 'x/y', description: '' }, { id: 'a', source: '@s/t', description: '' }];
  assert.equal(kit.computeSkillCacheFingerprint({ harness: 'claude', skills }), '4962ade63af537da1f6d1e43354f7620');
  const local = (repoRoot) => kit.computeSkillCacheFingerprint({ harness: 'claude', repoRoot, skills: [{ id: 'l', source: './skills/a.md' }] });
  assert.notEqual(local(project), local(undefined));
  kit.writeSkillCacheMarker(project, { fingerprint: 'f', harness: 'claude', installedAt: '2026-01-01T00:00:00.000Z', skills: [{ id: 'a', source: 'x/y' }] });
  const text = fs.readFileSync(path.join(project, '.aw-skill-cache.json'), 'utf8');
  assert.match(text, /^\{\n  "schemaVersion": 2,\n  "fingerprint": "f",/);
  kit.updateSkillCacheMarkerUpstream(project, { lastUpstreamCheckAt: 't', skills: new Map([['a', { kind: 'prpm', packageRef: 'x/y', version: '1' }]]) });
  const marker = kit.readSkillCacheMarker(project);
  assert.deepEqual([marker.lastUpstreamCheckAt, marker.skills[0].upstream.version], ['t', '1']);
  assert.ok(kit.isSkillCacheValid(project, 'f') && !kit.isSkillCacheValid(project, 'g'));
  const fetchImpl = async () => ({ ok: true, status: 200, json: async () => ({ latest_version: { version: '2' } }) });
  const { drifted, details } = await kit.detectSkillUpstreamDrift(marker, { fetchImpl });
  assert.deepEqual([drifted, details], [true, [{ skillId: 'a', source: 'x/y', kind: 'prpm', drifted: true, note: '1 → 2' }]]);
  assert.equal(kit.isUpstreamCheckDue({ ...marker, lastUpstreamCheckAt: '15 May 2026 12:00 UTC' }, 3_600_000, Date.UTC(2026, 4, 15, 12, 30)), false);
});

test('an import does next to nothing', () => {
  const entries = ['', `await import('callsheet/persona-kit')`, `await import('callsheet/persona-kit/spec')`];
  const cpu = (code) => {
    const run = `${code}; const { user, system } = process.cpuUsage(); console.log(user + system)`;
    const argv = ['--input-type=module', '-e', run];
    return Number(execFileSync(process.execPath, argv, { cwd: PACKAGE, encoding: 'utf8' })) / 1000;
  };
  // The least of many, taken by turns: other programs only add to it.
  const least = entries.map(() => Infinity);
  for (let turn = 0; turn < 15; turn++) {
    for (const [place, code] of entries.entries()) least[place] = Math.min(least[place], cpu(code));
  }
  const [barrel, narrow] = [least[1] - least[0], least[2] - least[0]];
  console.log(`CPU of an import: ${barrel.toFixed(1)} ms, of ./spec ${narrow.toFixed(1)} ms`);
  // A fifth of what the original takes: 93 and 79 ms over a process that takes 63.
  const scale = Math.max(1, least[0] / 63);
  assert.ok(barrel < 18.6 * scale && narrow < 15.8 * scale, `${barrel} ${narrow}`);
});

// Plans and parts that are carried out and taken back in one process.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';

import {
  environment, newPlan, oldPlan, picture, put, sidecar, skill, skills, tell, until, world,
} from './world.js';

const home = world();
Object.assign(process.env, environment(home));
const callsheet = await import('callsheet/execute');
const { CallsheetError, SkillInstallError, executePersonaSpawnPlan } = callsheet;

const read = (place, name) => fs.readFileSync(path.join(place.project, name), 'utf8');
const failure = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
};
const root = process.getuid?.() === 0;

for (const [edition, make] of [['persona-kit-4', oldPlan], ['2026', newPlan]]) {
  test(`${edition}: carried out and taken back`, async () => {
    const place = world({ 'AGENTS.md': 'mine\n' });
    fs.chmodSync(path.join(place.project, 'AGENTS.md'), 0o640);
    const before = picture(place.project);
    const plan = make({
      sidecars: [sidecar('AGENTS.md', 'persona', 'extend')],
      configFiles: [{ path: 'a/b/opencode.json', contents: '{}' }],
    });
    const events = [];
    const handle = await executePersonaSpawnPlan(plan, {
      cwd: place.project,
      onProgress: (event) => events.push(event),
    });
    assert.equal(handle.cwd, place.project);
    assert.equal(read(place, 'AGENTS.md'), 'mine\n\n\n---\n\npersona');
    assert.equal(read(place, 'a/b/opencode.json'), '{}');
    assert.ok(events.some(({ event, phase }) => event === 'phase' && phase === 'sidecars'));
    const [run] = await callsheet.list();
    assert.deepEqual([run.id, run.state, run.label, run.cwd], [handle.id, 'live', 'tester', place.project]);
    const report = await handle.dispose();
    assert.deepEqual([report.clean, report.kept, report.run], [true, [], handle.id]);
    assert.deepEqual(picture(place.project), before);
    assert.deepEqual(await callsheet.list(), []);
  });
}

test('a persona\'s own AGENTS.md wins over a generated one', async () => {
  const place = world();
  const handle = await executePersonaSpawnPlan(
    oldPlan({
      configFiles: [{ path: 'AGENTS.md', contents: 'generated' }],
      sidecars: [sidecar('AGENTS.md', 'own', 'extend')],
    }),
    { cwd: place.project },
  );
  assert.equal(read(place, 'AGENTS.md'), 'generated\n\n---\n\nown');
  await handle.dispose();
  assert.deepEqual(picture(place.project), {});
});

test('disposals at once and later answer with one promise', async () => {
  const place = world({ 'AGENTS.md': 'mine' });
  const handle = await executePersonaSpawnPlan(oldPlan({ sidecars: [sidecar('AGENTS.md', 'p')] }), {
    cwd: place.project,
  });
  const { dispose } = handle;
  const first = dispose();
  assert.equal(dispose(), first);
  await handle[Symbol.asyncDispose]();
  assert.equal(read(place, 'AGENTS.md'), 'mine');
  assert.equal(handle.dispose(), first);
});

test('a relative directory is the one of the call, and comes back as it was given', async () => {
  const place = world({ 'AGENTS.md': 'mine' });
  const source = `
    const handle = await executePersonaSpawnPlan(plan, { cwd: './project' });
    process.chdir('/');
    await handle.dispose();
    ready(handle.cwd);`;
  const plan = oldPlan({ sidecars: [sidecar('AGENTS.md', 'p')] });
  assert.deepEqual(await tell(place, source, { plan, directory: place.root }), ['./project']);
  assert.equal(read(place, 'AGENTS.md'), 'mine');
});

test('a digest that does not fit is refused', async () => {
  const place = world();
  const plan = { ...newPlan(), args: ['--evil'] };
  const error = await failure(executePersonaSpawnPlan(plan, { cwd: place.project }));
  assert.ok(error instanceof CallsheetError);
  assert.equal(error.diagnostics.length, 1);
});

test('what the user wrote into a file meanwhile is kept', async () => {
  const place = world({ 'AGENTS.md': 'mine\n' });
  const plan = oldPlan({ sidecars: [sidecar('AGENTS.md', 'persona', 'extend')] });
  const handle = await executePersonaSpawnPlan(plan, { cwd: place.project });
  put(path.join(place.project, 'AGENTS.md'), read(place, 'AGENTS.md').replace('mine', 'mine, edited'));
  await handle.dispose();
  assert.equal(read(place, 'AGENTS.md'), 'mine, edited\n');
});

test('a first file of the user in the place of ours is kept', async () => {
  const place = world();
  const plan = oldPlan({ sidecars: [sidecar('AGENTS.md', 'persona')] });
  const handle = await executePersonaSpawnPlan(plan, { cwd: place.project });
  put(path.join(place.project, 'AGENTS.md'), 'the repository\'s first one');
  const report = await handle.dispose();
  assert.equal(read(place, 'AGENTS.md'), 'the repository\'s first one');
  assert.equal(report.clean, false);
  assert.equal(report.kept.length, 1);
});

test('a file that the user deleted meanwhile comes back or is reported', async () => {
  const place = world({ 'AGENTS.md': 'mine' });
  const plan = oldPlan({ sidecars: [sidecar('AGENTS.md', 'persona')] });
  const handle = await executePersonaSpawnPlan(plan, { cwd: place.project });
  fs.rmSync(path.join(place.project, 'AGENTS.md'));
  const report = await handle.dispose();
  const there = fs.existsSync(path.join(place.project, 'AGENTS.md')) && read(place, 'AGENTS.md');
  assert.ok(there === 'mine' || report.kept.length === 1, JSON.stringify(report));
});

test('links are not written through', async () => {
  const place = world();
  const far = path.join(place.outside, 'far.md');
  put(far, 'far');
  fs.symlinkSync(far, path.join(place.project, 'AGENTS.md'));
  fs.symlinkSync(path.join(place.outside, 'none.md'), path.join(place.project, 'CLAUDE.md'));
  fs.linkSync(far, path.join(place.project, 'GEMINI.md'));
  const [before, outside] = [picture(place.project), picture(place.outside)];
  const names = ['AGENTS.md', 'CLAUDE.md', 'GEMINI.md'];
  for (const name of names) {
    const plan = oldPlan({ sidecars: [sidecar(name, 'persona')] });
    // Writing a link's own entry or refusing are both fine.
    const handle = await executePersonaSpawnPlan(plan, { cwd: place.project }).catch(() => null);
    assert.deepEqual(picture(place.outside), outside, name);
    await handle?.dispose();
    assert.deepEqual([picture(place.project), picture(place.outside)], [before, outside], name);
  }
});

test('directories that lead elsewhere are refused', async () => {
  const place = world();
  fs.symlinkSync(place.outside, path.join(place.project, '.opencode'));
  const plan = oldPlan({ configFiles: [{ path: '.opencode/x.json', contents: '{}' }] });
  await failure(executePersonaSpawnPlan(plan, { cwd: place.project }));
  assert.deepEqual(picture(place.outside), {});
});

test('paths that leave the directory are refused before anything is done', async () => {
  const place = world({ 'AGENTS.md': 'mine' });
  const before = picture(place.project);
  const parent = fs.readdirSync(place.root).sort();
  const long = 'x'.repeat(300);
  const paths = [
    ['../x', /must not contain "\.\." segments/],
    ['a/../../x', /must not contain "\.\." segments/],
    ['a\\..\\..\\x', /must not contain "\.\." segments/],
    [path.join(place.outside, 'x'), /must be relative/],
    ['', /must not be empty/],
    ['.', /segments/],
    ['a\0b', /NUL/],
    ['.git/hooks/pre-commit', /\.git/],
    [long, /./],
  ];
  for (const [name, pattern] of paths) {
    const plan = oldPlan({
      sidecars: [sidecar('AGENTS.md', 'persona')],
      configFiles: [{ path: 'ok.json', contents: '{}' }, { path: name, contents: '{}' }],
    });
    const error = await failure(executePersonaSpawnPlan(plan, { cwd: place.project }));
    assert.ok(error instanceof CallsheetError, name);
    assert.match(error.message, pattern);
    assert.deepEqual(picture(place.project), before, name);
  }
  assert.deepEqual(fs.readdirSync(place.root).sort().filter((name) => name !== 'state'), parent.filter((name) => name !== 'state'));
});

test('the messages that callers match on', async () => {
  const place = world();
  const cwd = place.project;
  const sidecars = (part) => callsheet.writePersonaSidecars([{ mode: 'overwrite', ...part }], { cwd });
  const policy = { ignoredPatterns: [], readonlyPatterns: [] };
  const outside = { ...skill('x', 'true'), cleanupPaths: ['../x'] };
  for (const [call, pattern] of [
    [() => sidecars({ filename: '../AGENTS.md', contents: '' }), /must be a basename/],
    [() => sidecars({ filename: 'a/AGENTS.md', contents: '' }), /must be a basename/],
    [() => sidecars({ filename: '/AGENTS.md', contents: '' }), /must be relative/],
    [() => sidecars({ filename: 'AGENTS.md', sourcePath: 'a.md' }), /sourcePath must be absolute/],
    [() => callsheet.materializePersonaConfigFiles([{ path: 'a/../../b', contents: '' }], { cwd }), /must not contain ".." segments/],
    [() => callsheet.materializePersonaConfigFiles([{ path: '/b', contents: '' }], { cwd }), /must be relative/],
    [() => callsheet.runSkillInstalls(skills(outside), { cwd }), /must stay within cwd/],
    [() => callsheet.applyPersonaMount(policy, { cwd, personaId: 'p' }), /^applyPersonaMount: options\.mountDir is required when a mount policy is supplied$/],
    [() => callsheet.applyPersonaMount(policy, { cwd, mountDir: 'x' }), /^applyPersonaMount: options\.personaId is required when a mount policy is supplied$/],
  ]) {
    assert.match((await failure(call())).message, pattern);
  }
  assert.deepEqual(picture(cwd), {});
});

test('bytes, modes, owners and times of originals come back', async () => {
  const place = world();
  const file = path.join(place.project, 'AGENTS.md');
  fs.writeFileSync(file, Buffer.from([0xff, 0xfe, 0x41, 0x00, 0xe9, 0x0a]));
  fs.chmodSync(file, 0o604);
  fs.utimesSync(file, 1_000_000, 1_000_000.5);
  const before = picture(place.project);
  const meta = fs.statSync(file);
  for (const mode of ['overwrite', 'extend']) {
    const plan = oldPlan({ sidecars: [sidecar('AGENTS.md', 'persona', mode)] });
    const handle = await executePersonaSpawnPlan(plan, { cwd: place.project });
    await handle.dispose();
    assert.deepEqual(picture(place.project), before);
    const now = fs.statSync(file);
    assert.deepEqual([now.uid, now.gid], [meta.uid, meta.gid]);
  }
});

test('an extended file keeps bytes that are no text', async () => {
  const place = world();
  const bytes = Buffer.from([0xff, 0xfe, 0x41, 0x00]);
  fs.writeFileSync(path.join(place.project, 'AGENTS.md'), bytes);
  const plan = oldPlan({ sidecars: [sidecar('AGENTS.md', 'p', 'extend')] });
  const handle = await executePersonaSpawnPlan(plan, { cwd: place.project });
  const now = fs.readFileSync(path.join(place.project, 'AGENTS.md'));
  assert.deepEqual(now.subarray(0, 4), bytes);
  await handle.dispose();
});

test('a disposal that cannot restore rejects and says so; recover repairs it', async (t) => {
  if (root && process.platform !== 'linux') return t.skip('root may write everywhere');
  const place = world({ 'sub/AGENTS.md': 'mine' });
  const before = picture(place.project);
  const plan = oldPlan({ configFiles: [{ path: 'sub/AGENTS.md', contents: 'persona' }] });
  const handle = await executePersonaSpawnPlan(plan, { cwd: place.project });
  // The directory is exchanged for a file: nothing can be put back into that.
  fs.renameSync(path.join(place.project, 'sub'), path.join(place.project, 'moved'));
  put(path.join(place.project, 'sub'), 'a file');
  const promise = handle.dispose();
  const outcome = await promise.then((report) => ({ report }), (error) => ({ error }));
  assert.equal(handle.dispose(), promise);
  assert.ok(outcome.error, JSON.stringify(outcome.report));
  assert.equal(outcome.error.code, 'needs-recovery');
  assert.equal(outcome.error.run, handle.id);
  assert.equal(outcome.error.undoErrors.length, 1);
  assert.equal(outcome.error.report.closed, false);
  fs.rmSync(path.join(place.project, 'sub'));
  fs.renameSync(path.join(place.project, 'moved'), path.join(place.project, 'sub'));
  const [recovered] = await callsheet.recover({ cwd: place.project });
  assert.deepEqual([recovered.id, recovered.recovered], [handle.id, true]);
  assert.deepEqual(picture(place.project), before);
});

test('a second run that wants something else is refused; one that is alike shares', async () => {
  const place = world({ 'AGENTS.md': 'mine' });
  const plan = oldPlan({ sidecars: [sidecar('AGENTS.md', 'A')] });
  const first = await executePersonaSpawnPlan(plan, { cwd: place.project });
  const other = oldPlan({ sidecars: [sidecar('AGENTS.md', 'B')] });
  const error = await failure(executePersonaSpawnPlan(other, { cwd: place.project }));
  assert.deepEqual([error.code, error.run], ['busy', first.id]);
  const second = await executePersonaSpawnPlan(plan, { cwd: place.project });
  await first.dispose();
  assert.equal(read(place, 'AGENTS.md'), 'A');
  await second.dispose();
  assert.equal(read(place, 'AGENTS.md'), 'mine');
});

test('a skill is there until the end, and stays if that is asked for', async () => {
  const place = world();
  const plan = oldPlan({ skills: skills(skill('s', 'mkdir -p .skills/s && echo s > .skills/s/SKILL.md')) });
  const handle = await executePersonaSpawnPlan(plan, { cwd: place.project });
  assert.equal(read(place, '.skills/s/SKILL.md'), 's\n');
  await handle.dispose();
  assert.deepEqual(picture(place.project), {});
  const kept = await executePersonaSpawnPlan(plan, { cwd: place.project, cleanupSkillsOnDispose: false });
  await kept.dispose();
  assert.equal(read(place, '.skills/s/SKILL.md'), 's\n');
});

test('a second skill that fails takes the first with it', async () => {
  const place = world({ 'AGENTS.md': 'mine' });
  const before = picture(place.project);
  const plan = oldPlan({
    sidecars: [sidecar('AGENTS.md', 'persona')],
    skills: skills(
      skill('one', 'mkdir -p .skills/one && echo s > .skills/one/SKILL.md'),
      skill('two', 'mkdir -p .skills/two; echo partly > .skills/two/x; echo told; exit 7'),
    ),
  });
  const error = await failure(executePersonaSpawnPlan(plan, { cwd: place.project }));
  assert.ok(error instanceof SkillInstallError && error instanceof CallsheetError);
  assert.deepEqual([error.name, error.message, error.exitCode, error.output], [
    'SkillInstallError', 'Skill install failed (exit 7)', 7, 'told\n',
  ]);
  assert.deepEqual(picture(place.project), before);
  const parts = await failure(callsheet.runSkillInstalls(plan.skills, { cwd: place.project }));
  assert.equal(parts.exitCode, 7);
  assert.deepEqual(picture(place.project), before);
});

test('a skill that the user had before is there afterwards', async () => {
  const place = world({ '.skills/s/SKILL.md': 'mine', '.skills/s/notes.md': 'notes' });
  const before = picture(place.project);
  const plan = oldPlan({ skills: skills(skill('s', 'mkdir -p .skills/s && echo s > .skills/s/SKILL.md')) });
  const handle = await executePersonaSpawnPlan(plan, { cwd: place.project });
  assert.equal(read(place, '.skills/s/SKILL.md'), 's\n');
  await handle.dispose();
  assert.deepEqual(picture(place.project), before);
});

test('an installer that floods its output is survived', async () => {
  const place = world();
  const line = 'head -c 64000000 /dev/zero | tr "\\0" x; echo; echo the end; exit 3';
  const plan = oldPlan({ skills: skills(skill('flood', line)) });
  const error = await failure(executePersonaSpawnPlan(plan, { cwd: place.project }));
  assert.equal(error.exitCode, 3);
  assert.ok(error.output.length < 2_000_000 && error.output.endsWith('the end\n'));
});

test('installers that hang are ended by a limit', async () => {
  const place = world();
  const plan = oldPlan({ skills: skills(skill('hang', 'sleep 600')) });
  const error = await failure(executePersonaSpawnPlan(plan, { cwd: place.project, commandTimeoutMs: 200 }));
  assert.ok(error instanceof CallsheetError, error);
  assert.deepEqual(picture(place.project), {});
});

test('a signal stops a call, after everything is taken back', async () => {
  const place = world({ 'AGENTS.md': 'mine' });
  const before = picture(place.project);
  const mark = path.join(place.root, 'mark');
  const plan = oldPlan({
    sidecars: [sidecar('AGENTS.md', 'persona')],
    skills: skills(skill('s', `mkdir -p .skills/s; touch ${mark}; sleep 600`)),
  });
  const controller = new AbortController();
  const promise = executePersonaSpawnPlan(plan, { cwd: place.project, signal: controller.signal });
  const reason = new Error('enough');
  await until(() => fs.existsSync(mark), 'the installer runs');
  controller.abort(reason);
  assert.equal(await failure(promise), reason);
  assert.deepEqual(picture(place.project), before);
  assert.equal(await failure(executePersonaSpawnPlan(plan, { cwd: place.project, signal: controller.signal })), reason);
  // At once: the executor hears of both together.
  const early = new AbortController();
  const soon = executePersonaSpawnPlan(plan, { cwd: place.project, signal: early.signal });
  early.abort(reason);
  assert.equal(await failure(soon), reason);
  assert.deepEqual(picture(place.project), before);
});

test('references are answered from the environment at the time of the call', async () => {
  const place = world();
  const reference = { pointer: '/token', template: '$LATE_TOKEN', field: 'env.X' };
  const document = { format: 'json', value: { token: '$LATE_TOKEN' }, references: [reference] };
  const plan = newPlan({ privateFiles: [{ path: 'x.json', document }] });
  delete process.env.LATE_TOKEN;
  const missing = await failure(executePersonaSpawnPlan(plan, { cwd: place.project }));
  assert.deepEqual([missing.code, /LATE_TOKEN/.test(missing.message)], ['config', true]);
  process.env.LATE_TOKEN = 'a secret';
  const handle = await executePersonaSpawnPlan(plan, { cwd: place.project });
  const file = path.join(home.state, 'runs', handle.id, 'stage', 'x.json');
  assert.equal(JSON.parse(fs.readFileSync(file, 'utf8')).token, 'a secret');
  await handle.dispose();
});

test('the parts on one directory, last to first', async () => {
  const place = world({ 'AGENTS.md': 'mine' });
  const before = picture(place.project);
  const { project: cwd } = place;
  const none = await callsheet.applyPersonaMount(undefined, { cwd: './x' });
  assert.equal(none.cwd, './x');
  const installs = await callsheet.runSkillInstalls(skills(), { cwd });
  const files = await callsheet.materializePersonaConfigFiles([{ path: 'AGENTS.md', contents: 'generated' }], { cwd });
  const sidecars = await callsheet.writePersonaSidecars([sidecar('AGENTS.md', 'own', 'extend')], { cwd });
  assert.equal(read(place, 'AGENTS.md'), 'generated\n\n---\n\nown');
  await sidecars.dispose();
  assert.equal(read(place, 'AGENTS.md'), 'generated');
  await files.dispose();
  await installs.dispose();
  assert.equal((await none.dispose()).clean, true);
  assert.deepEqual(picture(place.project), before);
});

test('a missing program says what to install', async () => {
  const place = world();
  const source = `
    const error = await list().catch((error) => error);
    ready([error.code, error.message]);`;
  for (const [env, pattern] of [
    [{ CALLSHEET_BIN: '', PATH: '/nowhere' }, /not installed for .*npm install @callsheet\//],
    [{ CALLSHEET_BIN: '/nowhere/callsheet' }, /CALLSHEET_BIN names no program .*\/nowhere\/callsheet/],
  ]) {
    const [[code, message]] = await tell(place, source, { env });
    assert.equal(code, 'missing');
    assert.match(message, pattern);
  }
});

test('the program is found on PATH', async () => {
  const place = world();
  fs.symlinkSync(process.env.CALLSHEET_BIN, path.join(place.outside, 'callsheet'));
  const env = { CALLSHEET_BIN: '', PATH: `${place.outside}:${process.env.PATH}` };
  assert.deepEqual(await tell(place, 'ready(await list());', { env }), [[]]);
});

test('both module systems share one executor and one class of errors', async () => {
  const require = createRequire(import.meta.url);
  assert.equal(require('callsheet/execute').CallsheetError, CallsheetError);
  assert.equal(require('callsheet').recover, callsheet.recover);
  assert.equal((await import('callsheet')).recover, callsheet.recover);
});

test('attach, gc and unknown runs', async () => {
  const place = world({ 'AGENTS.md': 'mine' });
  const plan = oldPlan({ sidecars: [sidecar('AGENTS.md', 'p')] });
  const handle = await executePersonaSpawnPlan(plan, { cwd: place.project });
  const again = await callsheet.attach(handle.id);
  assert.deepEqual([again.id, again.cwd], [handle.id, place.project]);
  await again.dispose();
  assert.equal(read(place, 'AGENTS.md'), 'mine');
  const unknown = await failure(callsheet.attach('r-0000000000-0000000000'));
  assert.match(unknown.message, /there is no run/);
  assert.ok(Array.isArray(await callsheet.gc({ olderThanMs: 0, dryRun: true })));
});

test('installers get the safe part of the environment of the call, and what is named', async () => {
  const place = world();
  const line = 'mkdir -p .skills/s; echo "$LANG,$A_SECRET,$AN_ALLOWED" > .skills/s/SKILL.md';
  const plan = oldPlan({ skills: skills(skill('s', line)) });
  Object.assign(process.env, { LANG: 'xx_YY', A_SECRET: 'secret', AN_ALLOWED: 'allowed' });
  const handle = await executePersonaSpawnPlan(plan, { cwd: place.project, allowEnv: ['AN_ALLOWED'] });
  assert.equal(read(place, '.skills/s/SKILL.md'), 'xx_YY,,allowed\n');
  await handle.dispose();
});

test('what installers print is told as it comes', async () => {
  const place = world();
  const plan = oldPlan({ skills: skills(skill('s', 'echo one; echo two >&2')) });
  const lines = [];
  const onProgress = (event) => event.event === 'output' && lines.push(event.line);
  const handle = await executePersonaSpawnPlan(plan, { cwd: place.project, onProgress });
  assert.deepEqual(lines.sort(), ['one', 'two']);
  await handle.dispose();
});

// The host is killed in every phase of an execution, many times, each time a little later:
// the tree is as it was, soon and without anybody's help. Each phase is hit by its own
// progress events, so that no time has to be guessed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import {
  host, localSkill, newPlan, oldPlan, picture, put, returns, sidecar, skill, skills, until, world,
} from './world.js';

const ROUNDS = Number(process.env.CALLSHEET_ROUNDS ?? 20);
/** How many hosts there are at once. */
const WIDTH = 4;

const FILES = Object.fromEntries(Array.from({ length: 60 }, (_, place) => [`src/${place % 6}/${place}.txt`, `${place}`]));
const ORIGINALS = { ...FILES, 'AGENTS.md': 'mine\n', 'opencode.json': '{"mine":true}\n', 'secrets/key': 'k' };
const PARTS = {
  sidecars: [sidecar('AGENTS.md', 'persona', 'extend')],
  configFiles: [{ path: 'opencode.json', contents: '{}' }, { path: '.new/dir/x', contents: 'x' }],
};
const MOUNT = { ignoredPatterns: ['secrets/'], readonlyPatterns: ['src/0/'] };
const LINE = 'mkdir -p .skills/slow; echo half > .skills/slow/SKILL.md; sleep 0.01; echo whole >> .skills/slow/SKILL.md';

function plans(edition, place) {
  if (edition === 'persona-kit-4') {
    const plan = oldPlan({ ...PARTS, skills: skills(skill('slow', LINE)) });
    return { inplace: plan, mount: { ...plan, mount: MOUNT } };
  }
  const file = path.join(place.outside, 'small.md');
  put(file, '# A skill');
  const privateFiles = [{ path: 'prompt.md', document: { format: 'text', value: 'You test.' } }];
  const parts = { ...PARTS, privateFiles, localSkills: [localSkill('small', file)] };
  return { inplace: newPlan(parts), mount: newPlan({ ...parts, mount: MOUNT }) };
}

/** Kills itself after some milliseconds in which nothing of JavaScript runs. */
const KILL = (event, delay) => `
  const die = () => {
    const end = process.hrtime.bigint() + ${BigInt(Math.round(delay * 1e6))}n;
    // Nothing is sent meanwhile, but the executor works on.
    while (process.hrtime.bigint() < end);
    ready(${JSON.stringify(event)});
    process.kill(process.pid, 'SIGKILL');
  };`;

function source(phase, delay) {
  if (phase === 'ready') {
    return `${KILL(phase, delay)} await executePersonaSpawnPlan(plan, { cwd }); die();`;
  }
  if (phase === 'disposing') {
    return `${KILL(phase, delay)}
      const handle = await executePersonaSpawnPlan(plan, { cwd });
      handle.dispose();
      setImmediate(die);`;
  }
  return `${KILL(phase, delay)}
    await executePersonaSpawnPlan(plan, { cwd, onProgress: (heard) => {
      if (heard.phase === ${JSON.stringify(phase)}) die();
    } });`;
}

async function dies(edition, phase, delay) {
  const place = world(ORIGINALS);
  const before = picture(place.project);
  const { inplace, mount } = plans(edition, place);
  const program = host(place, source(phase, delay), { plan: phase === 'mount' ? mount : inplace });
  const end = await program.gone;
  assert.equal(end.signal, 'SIGKILL', program.problems());
  await until(() => program.lines().length > 0, 'the phase is told');
  assert.deepEqual(program.lines(), [phase]);
  await returns(place.project, before);
  const runs = path.join(place.state, 'runs');
  // Of an installer that was stopped its log is kept, in a run that is over.
  const open = () => fs.readdirSync(runs).filter((name) => name !== '.gate' && !isClosed(path.join(runs, name)));
  await until(() => open().length === 0, `no run is left: ${open()}`);
  fs.rmSync(place.root, { recursive: true, force: true });
}

/** The last record of a run that is taken back says so. */
function isClosed(run) {
  try {
    const journal = fs.readdirSync(run).find((name) => name.startsWith('journal'));
    return fs.readFileSync(path.join(run, journal), 'utf8').includes('"runClosed"');
  } catch {
    // It is being removed, or has no name yet that stays.
    return !fs.existsSync(run);
  }
}

const PHASES = {
  'persona-kit-4': ['mount', 'skills', 'config-files', 'sidecars', 'ready', 'disposing'],
  2026: ['mount', 'stage', 'skills', 'sidecars', 'config-files', 'ready', 'disposing'],
};

test('killed in every phase', { concurrency: WIDTH }, async (t) => {
  const each = [];
  for (const [edition, phases] of Object.entries(PHASES)) {
    for (const phase of phases) {
      each.push(
        t.test(`${edition}: ${phase}, ${ROUNDS} times`, async () => {
          for (let round = 0; round < ROUNDS; round++) {
            // The first kill comes at once. An installer takes longer than everything else.
            const most = phase === 'skills' ? 20 : 4;
            await dies(edition, phase, round === 0 ? 0 : Math.random() * most);
          }
        }),
      );
    }
  }
  await Promise.all(each);
});

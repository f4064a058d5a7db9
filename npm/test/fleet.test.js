// Fleets are planned in JavaScript as they are natively.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CallsheetError, drawFleet, fleetStatus, planFleet, provisionFleet } from 'callsheet/plan';

const PROFILE = `id: team
title: Team
description: A team
lead: planner
floor: [planner]
roster:
  - class: planner
  - class: code
    reports_to: planner
    multiplicity: 2
`;
const ROLES = [
  { name: 'code.md', text: 'You write.\n' },
  { name: 'planner.md', text: 'You plan. (`model: opus`)\n' },
];
const POLICY = 'version: 1\nrules:\n  - class: code\n    runtime: codex\n';
const profile = { name: 'team.yaml', text: PROFILE };
const homes = [];
after(() => {
  for (const home of homes) rmSync(home, { recursive: true, force: true });
});

test('a profile becomes a roster, byte for byte', () => {
  const made = provisionFleet({ profile, roles: ROLES });
  assert.equal(
    made.roster,
    `version: 1
transport: tmux
tmux:
  socket_name: mosaic-fleet
  holder_session: _holder
defaults:
  working_directory: "~"
runtimes:
  claude:
    reset_command: /clear
  pi:
    reset_command: /new
agents:
  - name: planner
    runtime: claude
    class: planner
    persistent_persona: true
`,
  );
  assert.equal(
    made.summary,
    'Topology (1 seat(s)):\n  - planner\tclass=planner\truntime=claude\treports_to=- (lead)\tpersona=baseline',
  );
});

test('the plan of a home is that of the native program', () => {
  const home = mkdtempSync(join(tmpdir(), 'callsheet-fleet-'));
  homes.push(home);
  const write = (path, text) => {
    mkdirSync(join(home, path, '..'), { recursive: true });
    writeFileSync(join(home, path), text);
  };
  write('fleet/profiles/team.yaml', PROFILE);
  for (const role of ROLES) write(`fleet/roles/${role.name}`, role.text);
  write('fleet/policy.yaml', POLICY);
  const args = ['fleet', 'plan', '--home', home, '--profile', 'team', '--full', '--json'];
  const env = { ...process.env, CALLSHEET_STATE_HOME: join(home, 'state'), TMUX_TMPDIR: home };
  const { data } = JSON.parse(
    execFileSync(process.env.CALLSHEET_BIN, [...args, '--transport', 'process'], { env }),
  );
  const plan = planFleet({
    fleet: data.fleet,
    profile,
    full: true,
    roles: ROLES,
    policy: POLICY,
    observed: { paused: false, sessions: [] },
  });
  assert.deepEqual(plan, data);
  assert.equal(readFileSync(join(home, 'fleet/policy.yaml'), 'utf8'), POLICY);
});

test('what runs is compared with what should', () => {
  const observed = { paused: false, sessions: [] };
  const plan = planFleet({ profile, full: true, roles: ROLES, observed });
  assert.deepEqual(
    plan.actions.filter((action) => action.kind === 'seat.start').map((action) => action.seat),
    ['planner', 'code0', 'code1'],
  );
  const status = fleetStatus(plan, observed);
  assert.equal(status.in_sync, false);
  assert.deepEqual(
    status.rows.map((row) => [row.name, row.state]),
    [
      ['planner', 'missing'],
      ['code0', 'missing'],
      ['code1', 'missing'],
    ],
  );
  assert.equal(
    drawFleet(plan),
    'planner (claude)\n├─ code0 (code, claude)\n└─ code1 (code, claude)\n',
  );
  assert.match(drawFleet(plan, 'mermaid'), /^graph TD\n/);
});

test('a problem names file, line and column', () => {
  const bad = { name: 'team.yaml', text: PROFILE.replace('class: code', 'class: cde') };
  assert.throws(
    () => planFleet({ profile: bad, roles: ROLES }),
    (error) => {
      assert.ok(error instanceof CallsheetError);
      const [found] = error.diagnostics;
      assert.equal(found.code, 'profile.class-unknown');
      assert.equal(found.help, 'did you mean `code`?');
      assert.deepEqual(
        [found.place.file, found.place.line, found.place.column],
        ['team.yaml', 8, 12],
      );
      return true;
    },
  );
});

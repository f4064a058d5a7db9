// The measuring half of mount.sh: runs both sides in turn, each in a fresh process, and
// prints medians. `mount.mjs peer MODULE PROJECT MOUNT` is one run of the peer.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const round = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

async function measured(act) {
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  const value = await act();
  const used = process.cpuUsage(cpu);
  return [value, { wall: performance.now() - wall, cpu: (used.user + used.system) / 1000 }];
}

// What persona-kit asks for.
const asked = { ignoredPatterns: [], readonlyPatterns: [], excludeDirs: [], agentName: 'bench', includeGit: true };

async function peer(module, project, mount) {
  const { createMount } = await import(module);
  const [handle, create] = await measured(() => createMount(project, mount, asked));
  const rss = process.resourceUsage().maxRSS;
  writeFileSync(join(mount, 'added'), 'work');
  const [, detect] = await measured(() => handle.syncBack());
  rmSync(join(project, 'added'));
  const [, dispose] = await measured(() => handle.cleanup());
  console.log(JSON.stringify({ create, detect, dispose, rss }));
}

const json = (...command) => JSON.parse(execFileSync(command[0], command.slice(1), { encoding: 'utf8' }));

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const pick = (runs, name, what) => median(runs.map((run) => (what ? run[name][what] : run[name])));

function row(...cells) {
  console.log(`| ${cells.join(' | ')} |`);
}

function head(...cells) {
  row(...cells);
  row(...cells.map(() => '---'));
}

function compare(name, act, peers, ours) {
  const cells = ['wall', 'cpu'].flatMap((what) => {
    const [theirs, own] = [pick(peers, act, what), pick(ours, act, what)];
    return [round(theirs), round(own), `**${(theirs / own).toFixed(1)}×**`];
  });
  row(name, ...cells);
}

// The time until `callsheet execute` says that it is ready, then its end.
async function ready(callsheet, plan, project, state, view) {
  const args = ['-q', 'execute', plan, '--view', view, '--json', '-C', project];
  const started = performance.now();
  const env = { ...process.env, CALLSHEET_STATE_HOME: state, CALLSHEET_BIN: callsheet };
  const child = spawn(callsheet, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const wall = await new Promise((resolve) => {
    child.stdout.once('data', () => resolve(performance.now() - started));
    child.on('close', () => resolve(NaN));
  });
  child.stdin.end();
  await ended;
  return wall;
}

async function main(options) {
  const { place, reps } = options;
  const bench = join(options.ours, 'bench_mount');
  const callsheet = join(options.ours, 'callsheet');
  const [state, mount] = [join(place, 'tmp', 'state'), join(place, 'tmp', 'mount')];
  const self = process.argv[1];
  const repos = readdirSync(join(place, 'repos')).sort((a, b) => parseInt(a) - parseInt(b) || a.length - b.length);
  const results = new Map();
  for (const repo of repos) {
    const project = join(place, 'repos', repo);
    const [peers, ours] = [[], []];
    // The first round warms the caches.
    for (let round = 0; round <= reps; round += 1) {
      const theirs = json(process.execPath, self, 'peer', options.peer, project, mount);
      rmSync(mount, { recursive: true, force: true });
      const own = json(bench, 'copy', project, state);
      if (round > 0) {
        peers.push(theirs);
        ours.push(own);
      }
    }
    results.set(repo, [peers, ours]);
  }
  console.log(`Node ${process.version}; medians of ${reps} runs in turn, each in a fresh process.\n`);
  for (const [act, title] of [
    ['create', 'copy view, ready: `createMount` / ours'],
    ['detect', 'change detection: `syncBack` / ours'],
    ['dispose', 'dispose without changes: `cleanup` / ours, which looks for changes first'],
  ]) {
    head(title, 'wall ms', 'ours', 'ratio', 'CPU ms', 'ours', 'ratio');
    for (const [repo, [peers, ours]] of results) compare(repo, act, peers, ours);
    console.log('');
  }
  head('peak memory while the copy is made', '`createMount` MiB', 'ours MiB', 'ratio');
  for (const [repo, [peers, ours]] of results) {
    const [theirs, own] = [pick(peers, 'rss') / 1024, pick(ours, 'rss') / 1024];
    row(repo, round(theirs), round(own), `**${(theirs / own).toFixed(1)}×**`);
  }
  console.log('');
  const help = execFileSync(callsheet, ['execute', '--help'], { encoding: 'utf8' });
  if (help.includes('--view')) {
    const plan = join(place, 'plan.json');
    head('`callsheet execute --view …`: start of the process to its ready line', 'overlay ms', 'copy ms', '`createMount` ms', 'overlay against it');
    for (const [repo, [peers]] of results) {
      const project = join(place, 'repos', repo);
      const walls = { overlay: [], copy: [] };
      for (let round = 0; round < reps * 2; round += 1) {
        walls.overlay.push(await ready(callsheet, plan, project, state, 'overlay'));
        if (round < reps) walls.copy.push(await ready(callsheet, plan, project, state, 'copy'));
      }
      const [theirs, overlay] = [pick(peers, 'create', 'wall'), median(walls.overlay)];
      row(repo, round(overlay), round(median(walls.copy)), round(theirs), `**${(theirs / overlay).toFixed(0)}×**`);
    }
    console.log('');
  }
  const small = join(place, 'tmp', 'small');
  mkdirSync(small);
  head('two files written and restored, p50', 'execute ms', 'dispose ms', 'CPU ms', 'flushes');
  for (const [name, durability] of [['flushed to the storage', ''], ['`CALLSHEET_DURABILITY=relaxed`', 'relaxed']]) {
    const env = { ...process.env, CALLSHEET_DURABILITY: durability };
    const text = execFileSync(bench, ['edit', small, state, '1000'], { env, encoding: 'utf8' });
    const { execute, dispose, cpu, flushes } = JSON.parse(text);
    row(name, execute.toFixed(3), dispose.toFixed(3), cpu.toFixed(3), flushes);
  }
}

const [command, ...rest] = process.argv.slice(2);
if (command === 'peer') {
  await peer(...rest);
} else {
  const options = { reps: 5 };
  for (let index = 2; index < process.argv.length; index += 2) {
    options[process.argv[index].slice(2)] = process.argv[index + 1];
  }
  options.reps = Number(options.reps);
  await main(options);
}

// Runs persona-kit's own test suite, unmodified, against this package.
//
//   npm run build && node test/peer-suite.mjs [FILE…]
//
// The published package is downloaded once, into .cache/bench/. Each of its modules is put
// in a directory as a module that passes on what callsheet/persona-kit exports; its tests
// stand beside them. A line for each file, then "peer suite: N passed, M failed". With names
// of files it prints all that they say. The program is CALLSHEET_BIN.
//
// Some tests cannot pass: those that read files of the original's repository, which are not
// published, and those that want a directory of the user's to be gone or replaced.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const VERSION = '4.1.59';
const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const cache = path.join(PACKAGE, '../.cache/bench');
const archive = path.join(cache, `agentworkforce-persona-kit-${VERSION}.tgz`);
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'callsheet-peer-suite-'));

function fetchPeer() {
  if (fs.existsSync(archive)) return;
  fs.mkdirSync(cache, { recursive: true });
  execFileSync('npm', ['pack', '--silent', `@agentworkforce/persona-kit@${VERSION}`], { cwd: cache });
}

function lay() {
  execFileSync('tar', ['-xzf', archive, '-C', work]);
  const dist = path.join(work, 'package/dist');
  for (const name of fs.readdirSync(dist)) {
    if (!name.endsWith('.js') || name.endsWith('.test.js')) continue;
    const entry = path.join(PACKAGE, 'persona-kit', name === 'spec.js' ? 'spec.js' : 'index.js');
    const from = JSON.stringify(pathToFileURL(entry).href);
    fs.writeFileSync(path.join(dist, name), `export * from ${from};\n`);
  }
  return dist;
}

// The A2A schema that one file checks cards with is a dependency of the original only.
function standIns() {
  const directory = path.join(work, 'package/node_modules/@relaycast/a2a');
  fs.mkdirSync(directory, { recursive: true });
  const manifest = { name: '@relaycast/a2a', type: 'module', exports: './index.js' };
  fs.writeFileSync(path.join(directory, 'package.json'), JSON.stringify(manifest));
  const schema = 'export const A2aAgentCardSchema = { parse: (card) => structuredClone(card) };\n';
  fs.writeFileSync(path.join(directory, 'index.js'), schema);
}

fetchPeer();
const dist = lay();
standIns();
const wanted = process.argv.slice(2);
let [passed, failed] = [0, 0];
for (const file of fs.readdirSync(dist).filter((name) => name.endsWith('.test.js')).sort()) {
  if (wanted.length > 0 && !wanted.includes(file)) continue;
  const state = fs.mkdtempSync(path.join(work, 'state-'));
  const env = { ...process.env, CALLSHEET_STATE_HOME: state, HOME: state };
  const run = spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], { cwd: dist, env, encoding: 'utf8' });
  const number = (word) => Number(new RegExp(`^# ${word} (\\d+)`, 'm').exec(run.stdout)?.[1] ?? 0);
  const bad = number('fail') + number('cancelled');
  console.log(`${file}: ${number('pass')} passed, ${bad} failed`);
  if (bad > 0 && wanted.length > 0) console.log(run.stdout);
  else for (const line of run.stdout.match(/^ *not ok .*$/gm) ?? []) console.log(`  ${line.trim()}`);
  passed += number('pass');
  failed += bad;
}
fs.rmSync(work, { recursive: true, force: true });
console.log(`peer suite: ${passed} passed, ${failed} failed`);

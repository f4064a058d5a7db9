// A world for one case: a home, a project, a place for temporary files and callsheet's state of its
// own, an environment built from nothing, and `callsheet run` in it with everything that can be
// seen from outside: its outcome, the requests that the model got, files and processes.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { startModel } from './model.js';
import { MARK, commandLines, gone, watch } from './processes.js';

const { CALLSHEET, CALLSHEET_HARNESS_BIN, CALLSHEET_HARNESS_WORK } = process.env;
export const here = fileURLToPath(new URL('.', import.meta.url));
const model = await startModel();

/** No argument of any process may be longer than this altogether. */
const ARGUMENTS = 4096;

/** Values that must not show up on a command line or in a file that stays. */
export const SECRETS = { MODEL_KEY: 'key-5f0c1e7a9d2b', ECHO_TOKEN: 'token-81c44be02f6d' };

/** Fails when a program wanted to leave this machine. */
export const nobodyOutside = () => assert.deepEqual([...new Set(model.outside)], [], 'somebody asks for the world outside');

let worlds = 0;

/** Writes files below a directory. */
export function put(directory, files) {
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    fs.writeFileSync(path.join(directory, name), text);
  }
}

/** A new world for a harness of harnesses.js, with a script of the model. */
export function world(harness, steps) {
  worlds += 1;
  const name = `${harness.id}-${process.pid}-${worlds}`;
  const root = path.join(CALLSHEET_HARNESS_WORK, name);
  const at = (...parts) => path.join(root, ...parts);
  for (const directory of ['home', 'tmp', 'state', 'project']) fs.mkdirSync(at(directory), { recursive: true });
  const { url, log } = model.script(name, { steps });
  const env = {
    PATH: `${CALLSHEET_HARNESS_BIN}:${path.dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: at('home'),
    TMPDIR: at('tmp'),
    CALLSHEET_STATE_HOME: at('state'),
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    // Whoever wants to leave this machine comes by here, and is noted.
    HTTPS_PROXY: model.address,
    HTTP_PROXY: model.address,
    NO_PROXY: '127.0.0.1,localhost',
    [MARK]: name,
    ...SECRETS,
    ...harness.env?.(url),
  };
  put(at('home'), harness.home?.(url) ?? {});
  put(at('project'), { 'README.md': '# A project\n' });
  const git = (...args) => execFileSync('git', args, { cwd: at('project'), env, encoding: 'utf8' });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('-c', 'user.name=t', '-c', 'user.email=t@example.com', 'commit', '--quiet', '-m', 'Start');
  watch(name);
  return new World({ name, harness, root, at, env, log, git });
}

class World {
  constructor(fields) {
    Object.assign(this, fields);
  }

  /** The requests of the agent itself, without those that make up a title. */
  get requests() {
    return this.log.filter(({ auxiliary }) => !auxiliary);
  }

  persona(more = {}) {
    const { id, model: name } = this.harness;
    const persona = {
      id: 'tester', intent: 'review', tags: ['testing'], description: 'Tests a harness.', harness: id, model: name,
      systemPrompt: 'You are the tester of the blue house.', harnessSettings: { reasoning: 'low', timeoutSeconds: 100 },
      skills: [], ...more,
    };
    put(this.root, { 'persona.json': JSON.stringify(persona, null, 2) });
    return this.at('persona.json');
  }

  /** Starts callsheet; what is answered has its process, and `ended` with what it printed. */
  start(args, { input } = {}) {
    const child = spawn(CALLSHEET, args, { cwd: this.at('project'), env: this.env, stdio: 'pipe' });
    const printed = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) {
      child[stream].setEncoding('utf8').on('data', (text) => (printed[stream] += text));
    }
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    const ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal, ...printed }));
    });
    return { child, ended };
  }

  /** Starts a one-shot run. */
  begin(task, persona = {}, more = []) {
    const [first, ...rest] = more;
    const own = first === '--' ? [] : more;
    const behind = first === '--' ? ['--', ...rest] : [];
    const args = ['run', this.persona(persona), '--task', '-', '--json', '--view', 'inplace', ...own, ...behind];
    return this.start(args, { input: task });
  }

  /** Runs a task once and looks at everything that holds of every run. */
  async run(task, persona = {}, more = []) {
    return this.judge(await this.begin(task, persona, more).ended);
  }

  /** Looks at everything that holds of every run, and answers what it printed. */
  async judge(result) {
    await this.check(result);
    let answer;
    try {
      answer = JSON.parse(result.stdout);
    } catch {
      assert.fail(`no JSON: ${result.stdout}\n${result.stderr}`);
    }
    const told = JSON.stringify(answer, null, 1);
    assert.ok(answer.data?.outcome, `${told}\n${result.stderr}`);
    return { ...result, ...answer.data, ...answer.data.outcome, told: `${told}\n${result.stderr}` };
  }

  /** What holds of every run, however it ended. */
  async check({ stdout, stderr }) {
    await gone(this.name);
    for (const words of commandLines(this.name)) {
      const line = words.join(' ');
      this.withoutSecrets('a command line', line);
      const bytes = this.harness.own?.test(line) ? 0 : Buffer.byteLength(line);
      assert.ok(bytes <= ARGUMENTS, `${bytes} bytes of arguments: ${line.slice(0, 200)}…`);
    }
    this.withoutSecrets('what callsheet prints', `${stdout}${stderr}`);
    for (const place of ['state', 'project']) {
      for (const entry of fs.readdirSync(this.at(place), { recursive: true, withFileTypes: true })) {
        assert.notEqual(entry.name, 'stage', `the private files of the run are left in ${entry.parentPath ?? entry.path}`);
        if (!entry.isFile()) continue;
        const file = path.join(entry.parentPath ?? entry.path, entry.name);
        this.withoutSecrets(file, fs.readFileSync(file, 'latin1'));
      }
    }
  }

  withoutSecrets(where, text) {
    for (const [name, value] of Object.entries(SECRETS)) {
      assert.ok(!text.includes(value), `the value of ${name} is in ${where}: ${text.slice(0, 300)}`);
    }
  }

  /** What git says is new or changed in the project. */
  get changed() {
    return this.git('status', '--short', '--untracked-files=all').trim();
  }

  /** A file of the project, or nothing. */
  file(name) {
    const file = this.at('project', name);
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
  }
}

// What the tests share: the tarballs, projects that have them installed, the personas that
// every host plans, and programs that are run to their end.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const packed = process.env.CALLSHEET_PACKED;
export const root = fileURLToPath(new URL('../..', import.meta.url));
export const here = fileURLToPath(new URL('.', import.meta.url));

function only(directory) {
  const [name] = fs.readdirSync(path.join(packed, directory));
  return path.join(packed, directory, name);
}

/** The tarball of the package, and of the program of this platform. */
export const tarball = only('callsheet');
export const program = only('program');

/** Runs a program to its end and answers its output; a failure shows all of it. */
export function run(argv, options = {}) {
  const [name, ...rest] = argv;
  try {
    return execFileSync(name, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26, ...options });
  } catch (error) {
    throw new Error(`${error.message}\n${error.stdout ?? ''}`);
  }
}

/** A tool of this directory's lock file. */
export const tool = (name) => path.join(here, 'node_modules/.bin', name);

/** Writes files below a directory. */
export function put(directory, files) {
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    fs.writeFileSync(path.join(directory, name), text);
  }
}

/**
 * A new project with the package installed from its tarball by `npm install`, without the
 * network. `source` is a directory to start from; what its package.json asks for besides is left out.
 */
export function project({ files = {}, type = 'module', source, packages = [tarball] } = {}) {
  const directory = fs.mkdtempSync(path.join(packed, 'project-'));
  const skipped = new Set(['node_modules', 'dist', 'package-lock.json', '.wrangler']);
  if (source) {
    fs.cpSync(source, directory, { recursive: true, filter: (from) => !skipped.has(path.basename(from)) });
  }
  put(directory, { ...files, 'package.json': JSON.stringify({ name: 'project', private: true, type }) });
  const install = ['npm', 'install', '--offline', '--no-audit', '--no-fund', '--silent'];
  run([...install, '--cache', path.join(packed, 'npm-cache'), ...packages], { cwd: directory });
  return directory;
}

const personas = path.join(root, 'examples/personas');
const names = ['bug-fixer', 'careful-reviewer', 'docs-keeper', 'release-notes', 'scout', 'triage'];

/** The personas that every host plans: the text of their files, by the same made-up path. */
export const cases = names.map((name) => ({ name, text: fs.readFileSync(path.join(personas, `${name}.json`), 'utf8') }));

/** The source of `proof`, which every host runs on the same cases; its answers must be Node's. */
export const proof = fs.readFileSync(path.join(here, 'proof.js'), 'utf8');
export const files = { 'proof.js': proof, 'cases.js': `export default ${JSON.stringify(cases)};\n` };

/** What the proof answers in Node, from the package as it is installed. */
export async function expected() {
  const directory = project({ files });
  const main = "import * as callsheet from 'callsheet/plan'; import { proof } from './proof.js';"
    + "import cases from './cases.js'; console.log(JSON.stringify(proof(callsheet, cases)));";
  return JSON.parse(run([process.execPath, '--input-type=module', '-e', main], { cwd: directory }));
}

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.wasm': 'application/wasm',
};

/** Serves a directory on a port of its own, with more headers if asked. */
export async function serve(directory, headers = {}) {
  const server = http.createServer((request, response) => {
    const name = new URL(request.url, 'http://localhost').pathname;
    // Browsers ask for it by themselves.
    if (name === '/favicon.ico') return response.writeHead(204).end();
    const file = path.join(directory, name.endsWith('/') ? `${name}index.html` : name);
    if (!fs.existsSync(file)) return response.writeHead(404).end();
    const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, ...headers }).end(fs.readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  });
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}

/** The program of Deno or of Bun, if it is one for this system. */
export function runtime(name) {
  const file = path.join(here, 'node_modules', { deno: '@deno/linux-x64-glibc/deno', bun: '@oven/bun-linux-x64/bin/bun' }[name]);
  try {
    run([file, '--version'], { timeout: 60_000 });
    return file;
  } catch {
    return undefined;
  }
}

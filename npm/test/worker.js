// A Worker in workerd, without compatibility flags.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import workerd from 'workerd';

import { world } from './world.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

// `modules` has the files by the names that the main one, `worker.js`, imports them by.
export async function startWorker(t, modules) {
  const home = path.join(world().root, 'home');
  const kind = (name) => (name.endsWith('.wasm') ? 'wasm' : 'esModule');
  const entries = Object.entries(modules).map(([name, file], place) => {
    fs.copyFileSync(file, path.join(home, `module${place}`));
    return `(name = ${JSON.stringify(name)}, ${kind(name)} = embed "module${place}")`;
  });
  const config = path.join(home, 'config.capnp');
  fs.writeFileSync(config, `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (modules = [${entries.join(', ')}], compatibilityDate = "2026-01-01");
`);
  const child = spawn(workerd.default, ['serve', config, '--control-fd=3'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  t.after(() => child.kill());
  const [line] = await Promise.race([
    createInterface({ input: child.stdio[3] })[Symbol.asyncIterator]().next().then(({ value }) => [value]),
    new Promise((_, fail) => child.on('exit', (code) => fail(new Error(`workerd ended: ${code}`)))),
  ]);
  const { port } = JSON.parse(line);
  return async (name, body = '') => {
    const response = await fetch(`http://127.0.0.1:${port}/${name}`, { method: 'POST', body });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text === '' ? undefined : JSON.parse(text);
  };
}

// What the package has for Workers, under the names that it has in the package.
export function packaged() {
  const others = /node\.js$|index\.js$|\/spec\.js$|inline|edge-light|url/;
  const of = (directory) => fs.readdirSync(path.join(PACKAGE, directory)).map((name) => `${directory}/${name}`);
  const names = ['errors.js', ...of('plan'), ...of('persona-kit')]
    .filter((name) => /\.(js|wasm)$/.test(name) && !others.test(name));
  return Object.fromEntries(names.map((name) => [name, path.join(PACKAGE, name)]));
}

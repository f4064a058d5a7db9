// Lays the packages out as they are published:
//
//   node pack.mjs OUT [PLATFORM=BINARY…]
//
// writes OUT/callsheet and, for each platform such as linux-x64, OUT/@callsheet/linux-x64
// with that binary, on which `callsheet` depends optionally: npm installs the one that fits.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const LICENSES = ['LICENSE-APACHE', 'LICENSE-MIT'];
const [out, ...platforms] = process.argv.slice(2);
const { devDependencies, scripts, ...manifest } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));

function write(directory, content) {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(content, null, 2)}\n`);
  for (const name of LICENSES) cpSync(join(here, '..', name), join(directory, name));
}

const optionalDependencies = {};
for (const argument of platforms) {
  const [platform, binary] = argument.split('=');
  const [os, cpu] = platform.split('-');
  const name = `@callsheet/${platform}`;
  const file = os === 'win32' ? 'bin/callsheet.exe' : 'bin/callsheet';
  const { version, license } = manifest;
  const description = `The callsheet program for ${platform}.`;
  write(join(out, name), { name, version, description, license, os: [os], cpu: [cpu], files: ['bin/', 'LICENSE-*'] });
  cpSync(binary, join(out, name, file), { dereference: true });
  chmodSync(join(out, name, file), 0o755);
  optionalDependencies[name] = version;
}
write(join(out, 'callsheet'), { ...manifest, optionalDependencies });
const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: here, encoding: 'utf8' });
for (const { path } of JSON.parse(packed)[0].files) {
  if (path !== 'package.json') cpSync(join(here, path), join(out, 'callsheet', path));
}

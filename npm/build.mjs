// Builds the package in place: TypeScript from src/ becomes the files that package.json
// exports. What an earlier build left goes first.
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
for (const name of readdirSync(here)) {
  if (name === 'execute' || /^index\.(d\.)?c?[jt]s$/.test(name)) {
    rmSync(here + name, { recursive: true });
  }
}
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', here], { stdio: 'inherit' });

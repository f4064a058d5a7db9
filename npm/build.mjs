// Builds the package in place: TypeScript from src/ becomes the files that package.json
// exports, and plan-wasm becomes plan/plan.wasm. What an earlier build left goes first.
//
//   node build.mjs            everything
//   node build.mjs --no-wasm  leaves plan/plan.wasm as it is
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { buildSync } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const require = createRequire(import.meta.url);
const generated = new Set(readdirSync(`${here}src`).map((name) => name.replace(/\.c?ts$/, '')));
for (const name of readdirSync(here)) {
  const stem = name.replace(/(\.d)?\.c?[jt]s$/, '');
  if (!generated.has(stem) || name === 'build.mjs') continue;
  if (stem !== 'plan') rmSync(here + name, { recursive: true });
  else for (const file of readdirSync(here + name)) if (!file.startsWith('plan.wasm')) rmSync(`${here}plan/${file}`);
}
execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', here], { stdio: 'inherit' });
if (!process.argv.includes('--no-wasm')) {
  execFileSync(`${here}../plan-wasm/build.sh`, [`${here}plan`], { stdio: 'inherit' });
}

// Hosts other than Node get modules of one piece without a `require`.
buildSync({
  entryPoints: [`${here}src/plan/api.cts`],
  outfile: `${here}plan/api.js`,
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
});
// The compiler passes declarations by.
copyFileSync(`${here}src/plan/plan.wasm.d.ts`, `${here}plan/plan.wasm.d.ts`);
const wasm = readFileSync(`${here}plan/plan.wasm`);
writeFileSync(`${here}plan/wasm-inline.js`, `export const base64 = '${wasm.toString('base64')}';\n`);

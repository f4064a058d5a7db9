// Builds the package in place: TypeScript from src/ becomes the files that package.json
// exports, and plan-wasm becomes plan/plan.wasm. What an earlier build left goes first.
//
//   node build.mjs            everything
//   node build.mjs --no-wasm  leaves plan/plan.wasm as it is
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { build, buildSync } from 'esbuild';

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

// In Node one file is loaded quicker than many. What it shares with the other entries stays
// outside; declarations stay as they are.
const kit = `${here}persona-kit/`;
const specNames = Object.keys(require(`${kit}spec.cjs`));
for (const name of readdirSync(kit)) if (name.endsWith('.cjs')) rmSync(kit + name);
buildSync({
  entryPoints: [`${here}src/persona-kit/kit.cts`],
  outfile: `${kit}kit.cjs`,
  bundle: true,
  external: ['../errors.cjs', '../execute/index.cjs', '../plan/door.cjs'],
  format: 'cjs',
  platform: 'node',
  target: 'node20',
});
// Node looks for names in the text of what a module imports, which takes its time.
for (const [entry, names] of [['index', Object.keys(require(`${kit}kit.cjs`))], ['spec-node', specNames]]) {
  const list = `{\n  ${names.join(',\n  ')},\n}`;
  writeFileSync(`${kit}${entry}.cjs`, `'use strict';\nconst ${list} = require('./kit.cjs');\nmodule.exports = ${list};\n`);
}

// Hosts other than Node get modules without a `require`. What the entries share is there once.
const shared = {
  name: 'shared',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.\/errors\.cjs$|\/door\.cjs$/ }, ({ path }) => ({ path: path.replace('.cjs', '.js'), external: true }));
  },
};
await build({
  entryPoints: ['errors', 'plan/door', 'plan/api', 'persona-kit/web'].map((name) => `${here}src/${name}.cts`),
  outbase: `${here}src`,
  outdir: here,
  bundle: true,
  plugins: [shared],
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
});
writeFileSync(`${kit}spec-web.js`, `export {\n  ${specNames.join(',\n  ')},\n} from './web.js';\n`);
// The compiler passes declarations by.
copyFileSync(`${here}src/plan/plan.wasm.d.ts`, `${here}plan/plan.wasm.d.ts`);
// The schemas are the core's own.
cpSync(`${here}../plan-core/src/persona/schema`, `${here}schemas`, { recursive: true, filter: (path) => !path.endsWith('.rs') });
const wasm = readFileSync(`${here}plan/plan.wasm`);
writeFileSync(`${here}plan/wasm-inline.js`, `export const base64 = '${wasm.toString('base64')}';\n`);

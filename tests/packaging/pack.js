// Makes the tarballs of the package and of this platform's program in CALLSHEET_PACKED, with
// `npm pack`, from the layout that is published.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const out = process.env.CALLSHEET_PACKED;
const npm = fileURLToPath(new URL('../../npm/', import.meta.url));
const platform = `${process.platform}-${process.arch}`;
const layout = join(out, 'layout');
const binary = join(out, 'callsheet');

mkdirSync(layout);
copyFileSync(process.env.CALLSHEET_BIN, binary);
try {
  // A debug build is ten times as large with its symbols.
  execFileSync('strip', [binary], { stdio: 'ignore' });
} catch {
  console.log('strip is not installed: the program is packed with its symbols');
}
execFileSync(process.execPath, [join(npm, 'pack.mjs'), layout, `${platform}=${binary}`], { stdio: ['ignore', 'inherit', 'ignore'] });
rmSync(binary);
for (const [name, directory] of [['callsheet', 'callsheet'], ['program', `@callsheet/${platform}`]]) {
  mkdirSync(join(out, name));
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', join(out, name)];
  execFileSync('npm', pack, { cwd: join(layout, directory), stdio: ['ignore', 'ignore', 'inherit'] });
}

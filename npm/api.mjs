// Writes what each entry of the package declares to api/, one file an entry, so that a change
// of the public interface is seen in the diff:
//
//   node api.mjs            rewrites what differs
//   node api.mjs --check    fails when something differs
//
// The declarations are made from src/ for the purpose; nothing has to be built before.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

const here = fileURLToPath(new URL('.', import.meta.url));
const require = createRequire(import.meta.url);
const check = process.argv.includes('--check');
const printer = ts.createPrinter({ removeComments: true });

/** The declaration files that the conditions of an entry name. */
function typesOf(target) {
  if (typeof target === 'string') return /\.d\.c?ts$/.test(target) ? [target] : [];
  return [...new Set(Object.values(target).flatMap(typesOf))];
}

/** The text of a declaration without comments, `export` and `declare`. */
function print(declaration) {
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  const text = printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile());
  return text.replace(/^(export |default |declare )+/, '');
}

/** Everything that a declaration file exports, and what those declarations name besides. */
function report(checker, source, inside) {
  const module = checker.getSymbolAtLocation(source);
  const real = (symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
  const exported = new Map();
  for (const symbol of checker.getExportsOfModule(module)) exported.set(symbol.name, real(symbol));
  const known = new Set(exported.values());
  const hidden = new Map();
  const visit = (node) => {
    if (ts.isIdentifier(node)) {
      const found = checker.getSymbolAtLocation(node);
      const symbol = found && real(found);
      const [declaration] = symbol?.declarations ?? [];
      const named = declaration?.parent && ts.isSourceFile(declaration.parent) && inside(declaration.getSourceFile().fileName);
      if (named && !known.has(symbol)) {
        known.add(symbol);
        hidden.set(symbol.name, symbol);
        symbol.declarations.forEach(visit);
      }
    }
    ts.forEachChild(node, visit);
  };
  for (const symbol of exported.values()) symbol.declarations?.forEach(visit);
  const list = (symbols) =>
    [...symbols]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, symbol]) => {
        const texts = symbol.declarations.map(print);
        const other = name !== symbol.name && name !== 'default' ? `// as ${name}\n` : '';
        return other + texts.join('\n');
      })
      .join('\n\n');
  return { exported: list(exported), hidden: list(hidden) };
}

const out = mkdtempSync(join(tmpdir(), 'callsheet-api-'));
const problems = [];
try {
  // Beside node_modules' types, as the package is.
  const tsc = [require.resolve('typescript/bin/tsc'), '-p', here, '--emitDeclarationOnly', '--outDir', out];
  execFileSync(process.execPath, tsc, { stdio: 'inherit' });
  writeFileSync(join(out, 'plan/plan.wasm.d.ts'), readFileSync(`${here}src/plan/plan.wasm.d.ts`));
  const { exports } = JSON.parse(readFileSync(`${here}package.json`, 'utf8'));
  const entries = Object.entries(exports).map(([name, target]) => [name, typesOf(target)]);
  const files = entries.flatMap(([, types]) => types.map((type) => join(out, type)));
  const options = {
    module: ts.ModuleKind.Node16,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'],
    typeRoots: [`${here}node_modules/@types`],
  };
  const program = ts.createProgram(files, options);
  const checker = program.getTypeChecker();
  const inside = (file) => !relative(out, file).startsWith('..');

  const wanted = new Map();
  const seen = new Map();
  for (const [name, types] of entries.filter(([, types]) => types.length > 0)) {
    const entry = name.replace('.', 'callsheet');
    const reports = types.map((type) => report(checker, program.getSourceFile(join(out, type)), inside));
    const [first, ...others] = reports.map((one) => JSON.stringify(one));
    if (others.some((other) => other !== first)) problems.push(`${entry}: ${types.join(', ')} declare different things`);
    const { exported, hidden } = reports[0];
    const same = seen.get(first);
    const file = `${name === '.' ? 'index' : name.slice(2).replaceAll('/', '-')}.api.md`;
    const more = hidden ? `\nNot exported, but named above:\n\n\`\`\`ts\n${hidden}\n\`\`\`\n` : '';
    const body = same ? `The same as \`${same}\`.\n` : `\`\`\`ts\n${exported}\n\`\`\`\n${more}`;
    seen.set(first, same ?? entry);
    wanted.set(file, `# ${entry}\n\nMade by \`npm run api\`.\n\n${body}`);
  }

  mkdirSync(`${here}api`, { recursive: true });
  for (const file of new Set([...readdirSync(`${here}api`), ...wanted.keys()])) {
    const path = `${here}api/${file}`;
    const text = wanted.get(file);
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    if (check) problems.push(`npm/api/${file} is stale: \`npm run api\` in npm/ renews it`);
    else if (text === undefined) rmSync(path);
    else writeFileSync(path, text);
  }
} finally {
  rmSync(out, { recursive: true });
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;

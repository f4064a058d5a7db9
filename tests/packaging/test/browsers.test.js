// Bundlers for browsers, and pages in a real one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after } from 'node:test';

import * as esbuild from 'esbuild';
import { chromium } from 'playwright-core';
import * as vite from 'vite';

import { expected, files, project, root, run, serve } from '../world.js';

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const executablePath = process.env.CHROMIUM;
const why = executablePath ? false : 'no browser: neither CHROMIUM, nor a system Chromium, nor a download';
if (why) console.log(why);
const browser = executablePath ? await chromium.launch({ executablePath, args: FLAGS }) : undefined;
after(() => browser?.close());

const wanted = await expected();
const POLICY = (script) => ({ 'content-security-policy': `default-src 'self'; script-src 'self' ${script}` });
const COMPILES = POLICY("'wasm-unsafe-eval'");
const page = (script) => `<!doctype html><html lang="en"><title>proof</title>${script}</html>`;
const main = (entry, before = '') => `import * as callsheet from '${entry}';
import { proof } from './proof.js';
import cases from './cases.js';
${before}
globalThis.answer = proof(callsheet, cases);
`;

/** Opens a page and gives it to a function, with what it complained about. */
async function visit(directory, headers, use, options = {}) {
  const { url, close } = await serve(directory, headers);
  const context = await browser.newContext(options);
  const view = await context.newPage();
  const complaints = [];
  view.on('pageerror', (error) => complaints.push(error.message));
  view.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  try {
    await view.goto(url);
    return await use(view, complaints);
  } finally {
    await context.close();
    await close();
  }
}

async function answers(directory, headers = COMPILES) {
  const found = await visit(directory, headers, async (view, complaints) => {
    await view.waitForFunction(() => globalThis.answer, undefined, { timeout: 10_000 }).catch((error) => {
      throw new Error(`${error.message}\n${complaints.join('\n')}`);
    });
    assert.deepEqual(complaints, []);
    return view.evaluate(() => globalThis.answer);
  });
  // What the error has no value for does not come over.
  assert.deepEqual(JSON.parse(JSON.stringify(found)), wanted);
}

for (const format of ['esm', 'iife']) {
  test(`esbuild for browsers, ${format}`, async (t) => {
    const directory = project({ files: { ...files, 'main.js': main('callsheet/plan') } });
    const { metafile, outputFiles } = await esbuild.build({
      entryPoints: [path.join(directory, 'main.js')], absWorkingDir: directory, bundle: true, minify: true, format,
      platform: 'browser', metafile: true, write: false, logLevel: 'silent',
    });
    const inputs = Object.keys(metafile.inputs).sort();
    assert.deepEqual(inputs.filter((name) => name.startsWith('node_modules/')), [
      'node_modules/callsheet/errors.js', 'node_modules/callsheet/plan/api.js', 'node_modules/callsheet/plan/door.js',
      'node_modules/callsheet/plan/inline.js', 'node_modules/callsheet/plan/wasm-inline.js',
    ]);
    for (const { imports } of [...Object.values(metafile.inputs), ...Object.values(metafile.outputs)]) {
      assert.deepEqual(imports.filter(({ external }) => external), []);
    }
    const [{ text }] = outputFiles;
    assert.ok(!text.includes('node:') && !text.includes('require('), 'something of Node is left');
    if (why) return t.skip(why);
    const dist = path.join(directory, 'dist');
    fs.mkdirSync(dist);
    fs.writeFileSync(path.join(dist, 'main.js'), text);
    const kind = format === 'esm' ? 'type="module" ' : '';
    fs.writeFileSync(path.join(dist, 'index.html'), page(`<script ${kind}src="main.js"></script>`));
    await answers(dist);
  });
}

const SLIM = `import source from 'callsheet/plan/plan.wasm?url';
callsheet.initSync(await WebAssembly.compileStreaming(fetch(source)));`;
const entries = [['callsheet/plan'], ['callsheet/plan/url'], ['callsheet/plan/slim', SLIM]];

for (const [entry, before] of entries) {
  test(`vite and Chromium: ${entry}`, async (t) => {
    const html = page('<script type="module" src="/main.js"></script>');
    const directory = project({ files: { ...files, 'main.js': main(entry, before), 'index.html': html } });
    const assets = await viteBuild(directory);
    assert.equal(assets.filter((name) => name.endsWith('.wasm')).length, entry === 'callsheet/plan' ? 0 : 1);
    if (why) return t.skip(why);
    await answers(path.join(directory, 'dist'));
  });
}

async function viteBuild(directory) {
  await vite.build({ root: directory, logLevel: 'error', build: { target: 'es2022' } });
  return fs.readdirSync(path.join(directory, 'dist/assets'));
}

test("a page whose policy lacks 'wasm-unsafe-eval' is told so", { skip: why }, async () => {
  const html = page('<script type="module" src="/main.js"></script>');
  const directory = project({ files: { ...files, 'main.js': main('callsheet/plan'), 'index.html': html } });
  await viteBuild(directory);
  await visit(path.join(directory, 'dist'), POLICY(''), async (view, complaints) => {
    await view.waitForTimeout(0);
    for (let left = 100; left > 0 && complaints.length === 0; left--) await view.waitForTimeout(50);
    assert.match(complaints.join('\n'), /Content Security Policy/);
    assert.equal(await view.evaluate(() => globalThis.answer), undefined);
  });
});

const example = path.join(root, 'examples/browser');

test('examples/browser: types and build', () => {
  const directory = project({ source: example });
  const tsc = [process.execPath, path.join(root, 'npm/node_modules/typescript/bin/tsc'), '--strict', '--noEmit', '--target', 'es2022',
    '--lib', 'es2022,dom,dom.iterable', '--module', 'esnext', '--moduleResolution', 'bundler'];
  run([...tsc, 'src/main.ts'], { cwd: directory });
});

/** Opens the example as it is built. */
async function open(use, options) {
  const directory = project({ source: example });
  await vite.build({ root: directory, logLevel: 'error' });
  // The page has a policy of its own.
  await visit(path.join(directory, 'dist'), {}, async (view, complaints) => {
    await view.getByRole('status').getByText(/action|problem/).waitFor({ timeout: 10_000 });
    await use(view);
    assert.deepEqual(complaints, []);
  }, options);
}

test('examples/browser: a persona shows its plan, a broken one what is wrong and where', { skip: why }, async () => {
  await open(async (view) => {
    const status = view.getByRole('status');
    const editor = view.getByRole('textbox', { name: 'Persona' });
    const problems = view.getByRole('list', { name: 'Problems and warnings' }).getByRole('listitem');
    assert.equal(await status.textContent(), '5 actions, 0 warnings.');
    assert.equal(await view.locator('#effects li').count(), 5);
    assert.match(await view.locator('#effects').textContent(), /write CLAUDE\.md in \{\{mount\}\}/);

    const text = fs.readFileSync(path.join(root, 'examples/personas/bug-fixer.json'), 'utf8');
    await editor.fill(text);
    assert.match(await view.locator('#summary').textContent(), /Command.*codex.*interactive.*sha256:[0-9a-f]{64}/);
    assert.equal(JSON.parse(await view.locator('#json').textContent()).cli, 'codex');
    await view.getByLabel('Task').fill('Fix it');
    assert.match(await view.locator('#summary').textContent(), /one-shot/);
    await view.getByLabel('Edition').selectOption('persona-kit-4');
    assert.match(await view.locator('#summary').textContent(), /Editionpersona-kit-4/);

    await editor.fill(text.replace('"codex"', '"codeks"'));
    assert.equal(await status.textContent(), 'No plan: 1 problem.');
    assert.match(await problems.textContent(), /harness must be one of.*line 6, column 14/);
    assert.equal(await view.locator('#plan').isHidden(), true);
    assert.equal(await editor.getAttribute('aria-invalid'), 'true');

    // By keyboard to the problem and into the text.
    await view.getByRole('button', { name: 'line 6, column 14' }).focus();
    await view.keyboard.press('Enter');
    const [focused, selected] = await view.evaluate(() => {
      const { id, value, selectionStart } = document.activeElement;
      return [id, value.slice(selectionStart, selectionStart + 8)];
    });
    assert.deepEqual([focused, selected], ['persona', '"codeks"']);

    await editor.fill('{\n  "id": oops\n}');
    assert.match(await problems.textContent(), /not JSON.*line 2, column 9/);
    await editor.fill('{}');
    assert.match(await status.textContent(), /No plan: \d+ problems?\./);
  });
});

test('examples/browser: the development server', { skip: why }, async () => {
  const directory = project({ source: example });
  // The settings of the file, and a port of its own.
  const server = await vite.createServer({
    root: directory, logLevel: 'error', server: { host: '127.0.0.1', port: 0, strictPort: false },
  });
  try {
    await server.listen();
    const view = await browser.newPage();
    const { port } = server.httpServer.address();
    await view.goto(`http://127.0.0.1:${port}/`);
    await view.getByRole('status').getByText('5 actions, 0 warnings.').waitFor({ timeout: 20_000 });
    await view.close();
  } finally {
    await server.close();
  }
});

test('examples/browser: every field has a label, both themes are readable, small screens fit', { skip: why }, async () => {
  const colours = {};
  for (const colorScheme of ['light', 'dark']) {
    await open(async (view) => {
      const unnamed = await view.$$eval('input, select, textarea', (fields) =>
        fields.filter((field) => field.labels.length === 0).map((field) => field.id));
      assert.deepEqual(unnamed, []);
      const shown = await view.evaluate(() => {
        const { color, backgroundColor } = getComputedStyle(document.body);
        return [color, backgroundColor, document.documentElement.scrollWidth <= innerWidth];
      });
      colours[colorScheme] = shown;
      assert.equal(shown[2], true, 'the page is wider than the screen');
      await view.keyboard.press('Tab');
      assert.equal(await view.evaluate(() => document.activeElement.textContent), 'Skip to the plan');
    }, { colorScheme, viewport: { width: 360, height: 800 } });
  }
  const light = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
  assert.ok(light(colours.light[1]) - light(colours.light[0]) > 400);
  assert.ok(light(colours.dark[0]) - light(colours.dark[1]) > 400);
});

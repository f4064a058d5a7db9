// The module's memory stays as large as the largest call needs, whatever came before.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

const module = new WebAssembly.Module(readFileSync(new URL('../plan/plan.wasm', import.meta.url)));
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const COMPAT = 1;

/** An instance, called as `door.cts` does. */
function start() {
  const wasm = new WebAssembly.Instance(module).exports;
  const bytes = () => new Uint8Array(wasm.memory.buffer);
  const ask = (operation, numbers, ...texts) => {
    const parts = texts.map((text) => encoder.encode(text));
    let at = wasm.reserve(parts.reduce((sum, part) => sum + part.length, 0));
    for (const part of parts) {
      bytes().set(part, at);
      at += part.length;
    }
    assert.equal(wasm[operation](...numbers, ...parts.map(({ length }) => length)), 0);
    const answer = wasm.answerAt();
    return decoder.decode(bytes().slice(answer, answer + wasm.answerLength()));
  };
  return { ask, release: wasm.release, pages: () => wasm.memory.buffer.byteLength >> 16 };
}

const persona = (systemPrompt) =>
  JSON.stringify({
    personaId: 'p',
    harness: 'claude',
    model: 'm',
    systemPrompt,
    harnessSettings: { reasoning: 'low', timeoutSeconds: 60 },
    skills: [],
  });

test('thousands of plans and large prompts leave no memory behind', () => {
  const { ask, pages } = start();
  const plans = (count, size) => {
    for (let place = 0; place < count; place++) ask('plan', [COMPAT], persona('x\n'.repeat((place * 39_989) % size)), '{}');
    return pages();
  };
  const small = plans(500, 700);
  assert.equal(plans(5000, 700), small);
  const large = plans(10, 400_000);
  assert.ok(large > small);
  assert.equal(plans(40, 400_000), large);
});

test('a compiled persona stays whole among others that come and go', () => {
  const { ask, release, pages } = start();
  const live = [];
  const cycle = (from, to) => {
    for (let place = from; place < to; place++) {
      const prompt = `${place} ${'x'.repeat((place * 37) % 900)}`;
      live.push({ number: Number(ask('compile', [], persona(prompt))), prompt });
      if (live.length > 40) release(live.splice((place * 7) % live.length, 1)[0].number);
      const { number, prompt: own } = live[(place * 13) % live.length];
      assert.ok(ask('planCompiled', [COMPAT, number], '{}').includes(JSON.stringify(own)));
    }
    return pages();
  };
  const first = cycle(0, 500);
  assert.equal(cycle(500, 5000), first);
});

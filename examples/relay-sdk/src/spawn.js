/** Starting personas. */

import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startAgent } from './agent.js';
import { getPersonaSpawnPlan } from './plan.js';
import { attach } from './remote.js';
import { readMessages, unpack } from './sockets.js';

export { attach };

const HOST = fileURLToPath(new URL('host.js', import.meta.url));

/**
 * Starts a persona's agent in a terminal. Whose the run is, says `custody`:
 *
 * - `process`, the default: when this process ends, in whatever way, the agent is ended and
 *   everything is taken back.
 * - `agent`: the agent goes on when this process ends, and its run is taken back when the
 *   agent ends. `attach(id)` finds it again, from any process.
 *
 * @param {string | object} persona The id of a persona, or a plan.
 * @param {object} options `cwd`, `task`, `onData`, `cols`, `rows`, `env`, `custody`, `mount`, `view`,
 *   `waitMs`, `signal`, `onProgress`; of a persona by its id also `planOptions`.
 */
export async function spawnPersona(persona, options) {
  const { custody = 'process', planOptions, ...rest } = options;
  const cwd = resolve(options.cwd);
  const plan =
    typeof persona === 'string'
      ? await getPersonaSpawnPlan(persona, { ...planOptions, cwd })
      : persona;
  const all = { ...rest, cwd };
  if (custody === 'process') return await startAgent(plan, all);
  const { onData, onProgress, signal, ...plain } = all;
  const id = await startHost({ plan, options: plain, progress: Boolean(onProgress) }, { onProgress, signal });
  return await attach(id, { onData });
}

async function startHost(request, { onProgress, signal }) {
  signal?.throwIfAborted();
  const host = spawn(process.execPath, [HOST], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // Its end tells the host that we are gone, until the agent runs.
  host.stdin.on('error', () => {});
  host.stdin.write(`${JSON.stringify(request)}\n`);
  const stop = () => host.stdin.end();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise((settle, fail) => {
      readMessages(host.stdout, ({ ok, error, event }) => {
        if (event) onProgress?.(event);
        if (ok) settle(ok.id);
        if (error) fail(signal?.aborted ? signal.reason : unpack(error));
      });
      host.once('error', fail);
      host.once('close', (code, by) => fail(new Error(`the host of the terminal ended (${by ?? code})`)));
    });
  } finally {
    signal?.removeEventListener('abort', stop);
    host.stdin.destroy();
    host.stdout.destroy();
    host.unref();
  }
}

/**
 * The host of one terminal: a process of its own, which outlives whoever started it. It is
 * given a plan on standard input, says on standard output whether the agent runs, and
 * then serves the terminal on a socket until the agent has ended.
 *
 * It holds the terminal and nothing else: the run is held by the native executor. When this
 * process dies, the agent loses its terminal, and whenever it ends, the run is taken back.
 */

import { rmSync } from 'node:fs';
import { createServer } from 'node:net';

import { startAgent } from './agent.js';
import { pack, readMessages, socketOf } from './sockets.js';

/** How much of the terminal's past somebody who comes later is shown. */
const PAST = 256 * 1024;

const tell = (stream, message) => stream.write(`${JSON.stringify(message)}\n`);
const clients = new Set();
const disposals = [];
let past = '';
let last;

const abort = new AbortController();
const asked = await new Promise((resolve) => {
  readMessages(process.stdin, resolve);
  // Whoever asked is gone before the agent runs: it is of no use to anybody.
  process.stdin.once('end', () => abort.abort());
});
try {
  const agent = await startAgent(asked.plan, {
    ...asked.options,
    custody: 'agent',
    signal: abort.signal,
    onProgress: asked.progress ? (event) => tell(process.stdout, { event }) : undefined,
    onData(data) {
      past = (past + data).slice(-PAST);
      for (const client of clients) tell(client, { data });
    },
  });
  await serve(agent);
} catch (error) {
  tell(process.stdout, { error: pack(error) });
}

async function serve(agent) {
  const socket = socketOf(agent.id);
  const { id, cwd, view, pid } = agent;
  const server = createServer((client) => {
    clients.add(client);
    client.on('error', () => {});
    client.on('close', () => clients.delete(client));
    tell(client, { hello: { id, cwd, view, pid } });
    if (past) tell(client, { data: past });
    if (last) client.end(`${JSON.stringify(last)}\n`);
    readMessages(client, (message) => obey(agent, client, message));
  });
  try {
    await new Promise((resolve, reject) => server.once('error', reject).listen(socket, resolve));
  } catch (error) {
    await agent.dispose();
    throw error;
  }
  tell(process.stdout, { ok: { id } });
  // Nobody reads what we say from now on.
  process.stdout.on('error', () => {});
  process.stdin.destroy();
  const { disposeError, ...exit } = await agent.exited;
  await Promise.all(disposals);
  last = { exit: { ...exit, ...(disposeError ? { disposeError: pack(disposeError) } : {}) } };
  rmSync(socket, { force: true });
  for (const client of clients) client.end(`${JSON.stringify(last)}\n`);
  server.close();
}

function obey(agent, client, { write, resize, kill, dispose }) {
  if (write !== undefined) agent.write(write);
  if (resize) agent.resize(...resize);
  if (kill) agent.kill(kill);
  if (dispose) {
    const answer = (message) => tell(client, { disposed: dispose, ...message });
    const disposal = agent.dispose().then(
      (report) => answer({ report }),
      (error) => answer({ error: pack(error) }),
    );
    disposals.push(disposal);
  }
}

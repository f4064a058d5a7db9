/** An agent in a terminal that another process holds. */

import { createConnection } from 'node:net';

import { dispose, list } from 'callsheet/execute';

import { readMessages, socketOf, unpack } from './sockets.js';

/** Finds an agent by its run's id, from whatever process. */
export async function attach(id, { onData } = {}) {
  const socket = createConnection(socketOf(id));
  try {
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED') throw error;
    return await withoutTerminal(id);
  }
  socket.on('error', () => {});
  return await follow(id, socket, onData);
}

async function follow(id, socket, onData) {
  const listeners = new Set(onData ? [onData] : []);
  const calls = new Map();
  let greet;
  let ended;
  const greeted = new Promise((resolve) => (greet = resolve));
  const exited = new Promise((resolve) => (ended = resolve));
  readMessages(socket, ({ hello, data, exit, disposed, report, error }) => {
    if (hello) greet(hello);
    if (data !== undefined) for (const listener of listeners) listener(data);
    if (exit?.disposeError) exit.disposeError = unpack(exit.disposeError);
    if (exit) ended(exit);
    if (disposed) calls.get(disposed)?.(error ? Promise.reject(unpack(error)) : report);
  });
  socket.once('close', () => {
    greet();
    // The host died: the agent has lost its terminal, and its run ends with it.
    ended(gone(id));
    for (const settle of calls.values()) settle(gone(id).then(() => undefined));
  });
  const hello = await greeted;
  if (!hello) return await withoutTerminal(id);
  const say = (message) => {
    if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
  };
  return {
    ...hello,
    exited,
    onData(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    write: (write) => say({ write }),
    resize: (cols, rows) => say({ resize: [cols, rows] }),
    kill: (kill = 'SIGTERM') => say({ kill }),
    /** Leaves the agent alone. */
    detach: () => void socket.end(),
    dispose: () =>
      new Promise((resolve) => {
        const number = calls.size + 1;
        calls.set(number, resolve);
        say({ dispose: number });
      }),
  };
}

/** A run whose terminal nobody holds any more. */
async function withoutTerminal(id) {
  const run = await find(id);
  if (run?.state !== 'live') throw new Error(`run ${id} is over, or there is no such run`);
  const none = () => {
    throw new Error(`nobody holds the terminal of run ${id}`);
  };
  return {
    id,
    cwd: run.cwd,
    exited: gone(id),
    onData: () => () => {},
    write: none,
    resize: none,
    kill: none,
    detach() {},
    dispose: () => dispose(id),
  };
}

const find = async (id) => (await list()).find((run) => run.id === id);

/** Waits for the end of a run. */
async function gone(id) {
  for (;;) {
    const run = await find(id);
    if (run?.state !== 'live') return {};
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

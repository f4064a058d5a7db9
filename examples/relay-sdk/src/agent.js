/** An agent in a terminal that this process holds. */

import pty from '@lydell/node-pty';
import { preparePersonaLaunch } from 'callsheet/execute';

import { argumentsFor } from './plan.js';

/** How long an agent gets to end by itself before it is killed. */
const GRACE_MS = 2000;

/**
 * Carries a plan out and starts its agent. The run is taken back when the agent ends.
 *
 * @param {object} plan
 * @param {object} options
 */
export async function startAgent(plan, options) {
  const { task, cols = 80, rows = 24, onData, env = process.env, ...rest } = options;
  const handle = await preparePersonaLaunch(plan, { ...rest, env });
  const { launch } = handle;
  let terminal;
  try {
    if (launch.stdin != null) throw new TypeError('a plan for one task has no terminal: plan without `task`');
    terminal = pty.spawn(launch.command, argumentsFor(plan, launch.args, task), {
      name: 'xterm-256color',
      cols,
      rows,
      cwd: launch.cwd,
      env: { ...env, ...launch.env },
    });
  } catch (error) {
    // Why it could not start matters more than what could not be taken back.
    await handle.dispose().catch((more) => (error.cause ??= more));
    throw error;
  }
  return watch(handle, terminal, onData);
}

function watch(handle, terminal, onData) {
  const listeners = new Set(onData ? [onData] : []);
  terminal.onData((text) => {
    for (const listener of listeners) listener(text);
  });
  let over = false;
  let ended;
  const end = new Promise((resolve) => (ended = resolve));
  terminal.onExit(({ exitCode, signal }) => {
    over = true;
    ended({ exitCode, signal: signal || undefined });
  });
  const exited = end.then(async (exit) => {
    try {
      return { ...exit, report: await handle.dispose() };
    } catch (disposeError) {
      return { ...exit, disposeError };
    }
  });
  const kill = (signal = 'SIGTERM') => {
    if (!over) signalGroup(terminal.pid, signal);
  };
  return {
    id: handle.id,
    cwd: handle.cwd,
    view: handle.view,
    pid: terminal.pid,
    /** How the agent ended, once its run is taken back; `disposeError` if that failed. */
    exited,
    onData(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    write: (text) => {
      if (!over) terminal.write(text);
    },
    resize: (cols, rows) => {
      if (!over) terminal.resize(cols, rows);
    },
    kill,
    changes: (options) => handle.changes(options),
    apply: (options) => handle.apply(options),
    /** Ends the agent and takes the run back. */
    async dispose() {
      kill('SIGHUP');
      kill('SIGTERM');
      await Promise.race([end, new Promise((resolve) => setTimeout(resolve, GRACE_MS).unref())]);
      return await handle.dispose();
    },
  };
}

/** A terminal's program leads a session, and so a group. */
function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

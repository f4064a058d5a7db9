/**
 * The native executor of this process: started when it is first needed, spoken to in lines
 * of JSON over its pipes. When this process ends, in whatever way, the pipes close, and the
 * executor takes back everything that it did for us. Nothing here has to run for that.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { parse } from 'node:path';

import { findBinary } from './binary.cjs';
import { CallsheetError, type WireError, toError } from '../errors.cjs';
import type { ProgressEvent } from './types.cjs';

const PROTOCOL = 1;

/** What goes with a request. */
export interface Call {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
}

interface Pending {
  settle(answer: Answer): void;
  onProgress: Call['onProgress'];
}

type Answer = { readonly ok: unknown } | { readonly error: CallsheetError };

let current: Executor | undefined;

/**
 * Asks the executor for something. A call whose signal is raised rejects with the signal's
 * reason once everything is taken back.
 */
export async function ask(
  op: string,
  members: object,
  call: Call = {},
  executor?: Executor,
): Promise<unknown> {
  call.signal?.throwIfAborted();
  const asked = executor ?? (current ??= new Executor(findBinary()));
  return await asked.request(op, members, call);
}

/** Starts an executor for one run, which may outlive this process. */
export function another(): Executor {
  return new Executor(findBinary());
}

/** One executor process. */
export class Executor {
  readonly #child: ChildProcess;
  readonly #input: Socket;
  readonly #output: Socket;
  readonly #pending = new Map<number, Pending>();
  #next = 1;
  #rest = '';
  #end: CallsheetError | undefined;

  constructor(program: string) {
    this.#child = spawn(program, ['serve', '--stdio'], {
      // Nobody may have to wait for us to remove it.
      cwd: parse(program).root,
      // A session of its own: what ends this process's group must not end the undoing.
      detached: true,
      env: { ...process.env, CALLSHEET_BIN: program },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#input = this.#child.stdin as Socket;
    this.#output = this.#child.stdout as Socket;
    this.#child.on('error', (error) => this.#fail(`cannot be started: ${error.message}`, error));
    // Not its exit: the last answers may come behind that.
    this.#child.on('close', (code, signal) => this.#fail(`ended (${signal ?? `exit ${code}`})`));
    // That it is gone is told by its end.
    this.#input.on('error', () => {});
    this.#output.on('error', () => {});
    this.#output.setEncoding('utf8');
    this.#output.on('data', (text: string) => this.#read(text));
    // A handle that is open does not keep this process alive.
    this.#child.unref();
    this.#input.unref?.();
    this.#output.unref?.();
    this.request('hello', {}, {}).then(
      (hello) => this.#check(hello as { protocol: number; version: string }),
      () => {},
    );
  }

  async request(op: string, members: object, { signal, onProgress }: Call): Promise<unknown> {
    if (this.#end) throw this.#end;
    const id = this.#next++;
    const cancel = () => this.#write({ id: this.#next++, op: 'cancel', target: id });
    const answer = await new Promise<Answer>((settle) => {
      this.#pending.set(id, { settle, onProgress });
      if (this.#pending.size === 1) this.#hold(true);
      this.#write({ ...members, id, op });
      signal?.addEventListener('abort', cancel, { once: true });
    });
    signal?.removeEventListener('abort', cancel);
    if ('ok' in answer) return answer.ok;
    const { error } = answer;
    if (!signal?.aborted || error.code !== 'cancelled') throw error;
    if (error.undoErrors.length === 0) throw signal.reason;
    error.cause = signal.reason;
    throw error;
  }

  /** Says that nothing will be asked any more. */
  close(): void {
    this.#input.end();
  }

  /** Decides whether the executor keeps this process alive. */
  #hold(holds: boolean): void {
    const verb = holds ? 'ref' : 'unref';
    this.#child[verb]();
    this.#output[verb]?.();
  }

  #write(request: object): void {
    this.#input.write(`${JSON.stringify(request)}\n`);
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      let message;
      try {
        message = JSON.parse(line);
      } catch {
        this.#fail('answered what is no JSON');
        return;
      }
      this.#hear(message);
    }
  }

  #hear(message: { id?: number; ok?: unknown; error?: WireError; for?: number }): void {
    if (message.for !== undefined) {
      const { for: id, ...event } = message;
      tell(this.#pending.get(id)?.onProgress, event as unknown as ProgressEvent);
    } else if (message.id !== undefined) {
      const { error, ok } = message;
      this.#settle(message.id, error ? { error: toError(error) } : { ok });
    }
  }

  #settle(id: number, answer: Answer): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#hold(false);
    pending.settle(answer);
  }

  #check({ protocol, version }: { protocol: number; version: string }): void {
    if (protocol === PROTOCOL) return;
    this.#fail(`is version ${version}, which does not fit this package`);
    this.#input.end();
  }

  /** The executor is of no use any more; the next call starts another one. */
  #fail(why: string, cause?: unknown): void {
    if (this.#end) return;
    const message = `the callsheet executor ${why}`;
    const hints = ['`recover()` takes back what it had done'];
    const error = new CallsheetError({ code: 'executor', message, hints }, { cause });
    this.#end = error;
    if (current === this) current = undefined;
    for (const id of [...this.#pending.keys()]) this.#settle(id, { error });
  }
}

/** An error of the listener is the program's own, as with any event. */
function tell(listener: Call['onProgress'], event: ProgressEvent): void {
  try {
    listener?.(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

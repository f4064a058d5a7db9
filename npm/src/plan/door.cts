/**
 * The module's door: one text goes in, one comes out, and nothing but numbers crosses in
 * calls. The module is synchronous and single-threaded, so one buffer serves every call.
 */

import { CallsheetError, type Diagnostic } from '../errors.cjs';

/** A failure as the module tells it. */
export interface Problem {
  /** The name of the error class that persona-kit throws, or `CallsheetError`. */
  readonly name?: string;
  readonly message: string;
  readonly code?: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly [field: string]: unknown;
}

/** Turns a failure into what is thrown. */
export function toError(problem: Problem, cause?: unknown): CallsheetError {
  const { message, code = 'failed', diagnostics } = problem;
  const hints = diagnostics.flatMap(({ help }) => (help === undefined ? [] : [help]));
  const wire = { code, message, hints, diagnostics };
  return new CallsheetError(wire, cause === undefined ? {} : { cause });
}

/** What the module exports. */
export interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  reserve(bytes: number): number;
  answerAt(): number;
  answerLength(): number;
  forget(): void;
  hasReplacement(bytes: number): number;
  partAnswer(): number;
  release(number: number): void;
  readonly [operation: string]: unknown;
}

/** What carries a request out takes three numbers at most. */
type Operation = (one?: number, two?: number, three?: number) => number;

/** A compiled module, or its bytes where the host may compile. */
export type Source = object;

/** The part of the host's `WebAssembly` that is used; not every host declares its types. */
interface Host {
  readonly Module: new (bytes: object) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

declare const WebAssembly: Host;

const DONE = 0;
const NOTHING = 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Stand in answers for a run of other characters, and for a text of the request. */
const RUN = '\u0001';
const MARK = '\u0002';

/** Texts that are shorter together cross as one: each encoding costs as much as 2 kB. */
const JOINED = 4096;

/** Answers longer than this are forgotten at once, so that no memory is held for them. */
const KEPT = 1 << 20;

let compiled: object | undefined;
let provided: (() => Source) | undefined;
let wasm: Exports | undefined;
let bytes = new Uint8Array(0);
/** The room in the module's memory. */
let free = bytes;
let room = 0;
let at = 0;

/** How many instances were given up: what they kept is gone with them. */
export let generation = 0;

/** Takes the compiled module, or its bytes. The first one stays. */
export function initSync(source: Source): void {
  if (compiled) return;
  compiled = source instanceof WebAssembly.Module ? source : new WebAssembly.Module(source);
}

/** Says where the module comes from, so that who only imports a function does not pay for it. */
export function provide(source: () => Source): void {
  provided ??= source;
}

/** Makes an instance when the first call comes: most of its cost is compiling. */
function start(): Exports {
  if (!compiled && provided) initSync(provided());
  if (!compiled) throw new Error('callsheet: initSync was not called');
  // The module imports nothing.
  wasm = new WebAssembly.Instance(compiled).exports as Exports;
  return wasm;
}

/** Makes room for texts of so many UTF-16 units; UTF-8 takes at most three bytes a unit. */
function reserve(module: Exports, units: number): void {
  if (units * 3 > room || bytes.length === 0) {
    const wanted = Math.max(units * 3, 4096);
    at = module.reserve(wanted);
    room = wanted;
    look(module);
  }
}

/** Looks at the module's memory anew where it may have grown, which leaves old views empty. */
function look(module: Exports): void {
  if (bytes.length !== 0 && free.byteOffset === at && free.length === room) return;
  bytes = new Uint8Array(module.memory.buffer);
  free = bytes.subarray(at, at + room);
}

/** Puts a text into the request, and refuses one that UTF-8 cannot carry. */
function write(module: Exports, text: string, offset: number): number {
  const place = offset === 0 ? free : free.subarray(offset);
  const { written } = encoder.encodeInto(text, place);
  // As many bytes as units: all is ASCII. Looking at every unit costs as much as encoding.
  if (written !== text.length && module.hasReplacement(offset + written)) check(text);
  return written;
}

/**
 * Puts the texts into the request as one. Where not all is ASCII, the texts behind the first
 * are encoded once more, behind the request, to learn their lengths: the first is the longest.
 */
function putJoined(module: Exports, texts: readonly string[], units: number, all: number[]): void {
  let joined = '';
  for (const text of texts) joined += text;
  const { written } = encoder.encodeInto(joined, free);
  if (written === units) {
    for (const text of texts) all.push(text.length);
    return;
  }
  const replaced = module.hasReplacement(written);
  // Halves of two texts would have become one character.
  for (const text of texts) if (replaced || (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800) check(text);
  const first = all.length;
  all.push(written);
  for (const text of texts.slice(1)) {
    const length = encoder.encodeInto(text, free.subarray(written)).written;
    all[first] = (all[first] as number) - length;
    all.push(length);
  }
}

/** Puts the texts into the request, one behind the other, and their lengths behind `all`. */
function put(module: Exports, texts: readonly string[], all: number[]): void {
  let units = 0;
  for (const text of texts) units += text.length;
  // Twice, for texts that are encoded once more.
  reserve(module, units < JOINED ? units * 2 : units);
  if (units < JOINED && texts.length > 1) {
    putJoined(module, texts, units, all);
    return;
  }
  let offset = 0;
  for (const text of texts) {
    const written = write(module, text, offset);
    all.push(written);
    offset += written;
  }
}

/** Looks at the answer where it stands; it must be used before the next call. */
function answer(module: Exports): Uint8Array {
  look(module);
  const start = module.answerAt();
  return bytes.subarray(start, start + module.answerLength());
}

/** Calls an operation; a trap leaves an instance that nobody should use again. */
function invoke(module: Exports, operation: string, numbers: readonly number[]): number {
  const call = module[operation] as Operation;
  try {
    // Spreading them costs more than the call. What is not there is 0, which nobody reads.
    return call(numbers[0], numbers[1], numbers[2]);
  } catch (cause) {
    wasm = undefined;
    bytes = new Uint8Array(0);
    room = 0;
    generation += 1;
    throw toError(
      { code: 'internal', message: 'the planner failed; this is a mistake in callsheet', diagnostics: [] },
      cause,
    );
  }
}

/** Refuses texts that UTF-8 cannot carry: half of a surrogate pair is no character. */
function check(text: string): void {
  const half = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.exec(text);
  if (!half) return;
  const message = `the text has half of a surrogate pair, which is no character (at ${half.index})`;
  throw toError({ code: 'document.malformed', message, diagnostics: [] });
}

/**
 * Decodes the answer, in two parts where it is mostly ASCII: the host is quick with that.
 * Where the module left a mark for `own`, it is put in.
 */
function read(module: Exports, own: string | undefined): string {
  const length = module.partAnswer();
  const found = answer(module);
  if (length === 0) return fill(decoder.decode(found), own);
  const plain = decoder.decode(found.subarray(0, length)).split(RUN);
  const runs = decoder.decode(found.subarray(length)).split(RUN);
  // Before the pieces are joined: looking into joined text would make it anew.
  let text = fill(plain[0] as string, own);
  for (let place = 0; place < runs.length; place++) {
    text += (runs[place] as string) + fill(plain[place + 1] as string, own);
  }
  return text;
}

/** Puts a text where the module left a mark for it. */
function fill(piece: string, text: string | undefined): string {
  const place = text === undefined ? -1 : piece.indexOf(MARK);
  return place < 0 ? piece : piece.slice(0, place) + text + piece.slice(place + 1);
}

function finish(module: Exports, status: number, fail: Fail, own?: string): string | undefined {
  if (status === NOTHING) return undefined;
  const text = read(module, own);
  if (module.answerLength() > KEPT) module.forget();
  if (status === DONE) return text;
  throw fail(JSON.parse(text) as Problem);
}

/** Makes the error of a failure. */
type Fail = (problem: Problem) => Error;

/**
 * Calls an operation with texts behind its numbers; `undefined` is an answer as well. Where
 * the module leaves a mark in the answer, `own` takes its place.
 */
export function call(
  operation: string,
  numbers: readonly number[],
  texts: readonly string[],
  fail: Fail = toError,
  own?: string,
): string | undefined {
  const module = wasm ?? start();
  const all = [...numbers];
  put(module, texts, all);
  return finish(module, invoke(module, operation, all), fail, own);
}

/** Calls an operation with texts as UTF-8; the answer is a copy of its bytes. */
export function callBytes(
  operation: string,
  numbers: readonly number[],
  texts: readonly Uint8Array[],
): Uint8Array {
  const module = wasm ?? start();
  let size = 0;
  for (const text of texts) size += text.length;
  reserve(module, Math.ceil(size / 3));
  const all = [...numbers];
  let offset = 0;
  for (const text of texts) {
    bytes.set(text, at + offset);
    all.push(text.length);
    offset += text.length;
  }
  const status = invoke(module, operation, all);
  if (status !== DONE) {
    finish(module, status, toError);
    return new Uint8Array(0);
  }
  return answer(module).slice();
}

/** Gives a compiled persona back. */
export function release(number: number): void {
  wasm?.release(number);
}

/** Forgets what the last call left in the module's memory. */
export function forget(): void {
  wasm?.forget();
}

/** Where hosts of terminals are found. */

import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The socket of a run's host. Its directory is the user's alone. */
export function socketOf(id) {
  if (!/^r-[a-z0-9-]{1,40}$/.test(id)) throw new TypeError(`${id} is not the name of a run`);
  const own = process.getuid();
  const base = process.env.XDG_RUNTIME_DIR || tmpdir();
  const directory = process.env.RELAY_SDK_SOCKETS || join(base, `relay-sdk-${own}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const meta = lstatSync(directory);
  if (!meta.isDirectory() || meta.uid !== own || meta.mode & 0o077) {
    throw new Error(`${directory} must be a directory of yours alone (mode 0700)`);
  }
  return join(directory, `${id}.sock`);
}

/** Calls back with each message of a stream: a line of JSON. */
export function readMessages(stream, hear) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) hear(JSON.parse(line));
  });
}

/** An error as a message. */
export function pack(error) {
  const { name, message, code, run, hints, report, undoErrors } = error;
  return { name, message, code, run, hints, report, undoErrors: undoErrors?.map(pack) };
}

/** The error of a message. */
export function unpack({ name, message, ...more }) {
  return Object.assign(new Error(message), { name }, more);
}

// Which processes belong to which world, seen from /proc: by the variable that marks a world, by the
// parent, or because they did a moment ago. Every command line that shows up is kept.
import fs from 'node:fs';

export const MARK = 'CALLSHEET_TEST_WORLD';
const EVERY_MS = 20;

const owners = new Map(); // process id → { world, born }, world undefined for others
const worlds = new Map(); // world → { seen: Set of command lines }
let timer;

const read = (id, file) => {
  try {
    return fs.readFileSync(`/proc/${id}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
};

/** State, parent and time of birth; nothing for a process that is gone or dead. */
function stat(id) {
  const fields = read(id, 'stat')?.split(') ').at(-1).split(' ');
  return fields && fields[0] !== 'Z' && fields[0] !== 'X' ? { parent: +fields[1], born: fields[19] } : undefined;
}

function owner(id, { parent, born }) {
  const known = owners.get(id);
  if (known?.born === born) return known.world;
  const marked = read(id, 'environ')?.split('\0').find((entry) => entry.startsWith(`${MARK}=`));
  const world = marked?.slice(MARK.length + 1) ?? owners.get(parent)?.world;
  owners.set(id, { world, born });
  return world;
}

function look() {
  const living = new Set();
  const found = [];
  for (const name of fs.readdirSync('/proc')) {
    const id = +name;
    const at = id && id !== process.pid && stat(id);
    if (!at) continue;
    living.add(id);
    const world = worlds.get(owner(id, at));
    if (!world) continue;
    const line = read(id, 'cmdline')?.split('\0').filter(Boolean);
    if (!line?.length) continue;
    world.seen.add(JSON.stringify(line));
    found.push({ id, world, line });
  }
  for (const id of owners.keys()) if (!living.has(id)) owners.delete(id);
  return found;
}

/** Begins to watch a world. */
export function watch(name) {
  worlds.set(name, { seen: new Set() });
  timer ??= setInterval(look, EVERY_MS).unref();
}

/** The command lines of a world so far, each as a list of words. */
export const commandLines = (name) => [...worlds.get(name).seen].map((line) => JSON.parse(line));

/** The processes of a world that live now. */
export const living = (name) => look().filter(({ world }) => world === worlds.get(name));

/** Waits until something holds, and answers it. */
export async function until(what, holds, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

/** Waits until no process of a world is left. */
export async function gone(name, seconds = 10) {
  let left = [];
  try {
    await until('no process is left', () => (left = living(name)).length === 0, seconds);
  } catch {
    const lines = left.map(({ id, line }) => `${id}: ${line.join(' ').slice(0, 300)}`);
    throw new Error(`these processes are left:\n${lines.join('\n')}`);
  }
}

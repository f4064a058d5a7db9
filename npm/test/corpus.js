// Replays recordings of persona-kit through a package that has its functions. Nothing of a
// host is used but what all of them have, so that it runs in each of them.

export const FILES = ['parse', 'plan', 'functions', 'harness-specs', 'parse-mutations'];

const isMissing = (value) => value?.$undefined === true;

// `{"$undefined": true}` stands for `undefined`, also as a member.
function revive(value) {
  if (isMissing(value)) return undefined;
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== 'object' || value === null) return value;
  const copy = {};
  for (const [name, member] of Object.entries(value)) {
    const descriptor = { value: revive(member), writable: true, enumerable: true, configurable: true };
    Object.defineProperty(copy, name, descriptor);
  }
  return copy;
}

function mutated(base, line) {
  const input = structuredClone(base);
  const parents = line.path.slice(0, -1);
  const last = line.path.at(-1);
  if (last === undefined) return line.set;
  const parent = parents.reduce((object, name) => object[name], input);
  if ('set' in line) parent[last] = line.set;
  else if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else delete parent[last];
  return input;
}

function call(kit, file, line, bases) {
  if (file === 'plan') return kit.buildPersonaSpawnPlan(line.selection, line.options);
  if (file === 'parse') return kit.parsePersonaSpec(line.input, line.expectedIntent);
  if (file !== 'parse-mutations') return kit[line.fn](...line.args.map(revive));
  const input = revive(mutated(bases[line.fn], line));
  return line.fn === 'parsePersonaSpec' ? kit.parsePersonaSpec(input, 'review') : kit[line.fn](input);
}

async function sha256(text) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function failure(error) {
  const { name, message, ...fields } = error;
  return { name: error.name, message: error.message, ...fields };
}

/** How many lines of a file came out as they were recorded, and which did not. */
export async function replay(kit, file, text, bases) {
  const report = { passed: 0, wrong: [] };
  for (const [place, source] of text.split('\n').entries()) {
    if (source === '') continue;
    const line = JSON.parse(source);
    let came;
    let digest;
    try {
      const result = call(kit, file, line, bases);
      came = JSON.stringify(result);
      if (line.planJsonSha256) digest = await sha256(came);
    } catch (error) {
      came = JSON.stringify(failure(error));
    }
    const recorded = JSON.stringify(line.ok ? line.value : line.error);
    const same = line.planJsonSha256 ? digest === line.planJsonSha256 : came === recorded;
    if (same) report.passed += 1;
    else report.wrong.push(`${file}:${place + 1}: recorded ${recorded?.slice(0, 400)}, came ${came?.slice(0, 400)}`);
  }
  return report;
}

// What `plan-js.sh` measures, the same in Node and in workerd: the peer and ours, from the
// same inputs to the same results.
export const EDITION = 'persona-kit-4';
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytes = (text) => encoder.encode(text);
const read = (text) => JSON.parse(decoder.decode(text));

/** Makes every form of a case that an operation starts from. Parsing makes strings flat. */
export function prepare(ours, { name, document, options }) {
  const value = JSON.parse(document);
  const valueOptions = JSON.parse(options);
  return {
    name, document, options, value, valueOptions,
    documentBytes: bytes(document),
    optionsBytes: bytes(options),
    ownOptions: { ...JSON.parse(options), edition: EDITION },
    compiled: ours.compilePersona(JSON.parse(document)),
  };
}

/** Each operation by the peer and by ours; `text` makes the results comparable. */
export function operations(peer, ours) {
  const plan = peer.buildPersonaSpawnPlan;
  const print = (it) => JSON.stringify(plan(it.value, it.valueOptions));
  const same = (result) => result;
  return {
    'text → text': {
      peer: (it) => JSON.stringify(plan(JSON.parse(it.document), JSON.parse(it.options))),
      ours: (it) => ours.planText(it.document, it.options, EDITION),
      text: same,
    },
    'bytes → bytes': {
      peer: (it) => bytes(JSON.stringify(plan(read(it.documentBytes), read(it.optionsBytes)))),
      ours: (it) => ours.planBytes(it.documentBytes, it.optionsBytes, EDITION),
      text: (result) => decoder.decode(result),
    },
    'object → object': {
      peer: (it) => plan(it.value, it.valueOptions),
      ours: (it) => ours.buildPersonaSpawnPlan(it.value, it.ownOptions),
      text: JSON.stringify,
    },
    'compiled persona → text': { peer: print, ours: (it) => it.compiled.planText(it.ownOptions), text: same },
    'compiled persona → object': {
      peer: (it) => plan(it.value, it.valueOptions),
      ours: (it) => it.compiled.plan(it.ownOptions),
      text: JSON.stringify,
    },
  };
}

// Compares our emitter and reader of YAML with npm's `yaml`, which is what Mosaic uses: random
// scalars, documents and rosters. The program that answers for us is the first argument; SEED and
// ROUNDS (100,000 scalars by default) change what is tried. The last line is
// "yaml: N passed, M failed".
//
// Outside the strict part of YAML that we read, and so left out of the comparison:
// - a text with a line break: npm's emitter makes a block of it, ours writes `\n`;
// - lines longer than 80 columns: npm's folds them unless `lineWidth` is 0, ours never does;
// - a byte order mark inside: npm's emitter leaves it bare, which YAML forbids; ours quotes it;
// - control characters that are written as they are: npm's reader takes them, ours does not;
// - anchors, aliases, tags, merge keys, a second document, directives, keys that are empty or no
//   scalar, a text that begins like a block, tabs for indentation, carriage returns that end no line, more than 64 levels: ours
//   refuses them with the code `yaml.unsupported`;
// - a quote that is still open at the end but for a doubled one: npm's reader takes it for closed.
"use strict";
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const readline = require("node:readline");
const yaml = require("yaml");

const ROUNDS = Number(process.env.ROUNDS ?? 100000);
const ROSTERS = Math.max(20, Math.round(ROUNDS / 50));

// A generator with a seed (mulberry32), so that every run tries the same.
let state = Number(process.env.SEED ?? 20260624) >>> 0;
function random() {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
}
const below = (limit) => Math.floor(random() * limit);
const pick = (list) => list[below(list.length)];
const times = (count, make) => Array.from({ length: count }, make);

const MARKS = [..." :#-?,[]{}&*!|>'\"%@`\\/~=<+._$^;()\t"];
const WORDS = ["a", "b", "code", "null", "Null", "~", "true", "False", "yes", "no", "on", "0", "1",
    "7", "014", "0o17", "0x1F", "1_000", "1e3", "12:30", "2026-01-01", ".inf", ".NaN", "---", "...",
    "<<", "é", "日本", "😀", "  ", "claude", "/clear", "~/src", "reset_command"];
const ODD = ["\0", "\x07", "\b", "\v", "\f", "\r", "\x1b", "\x01", "\x1f", "\x7f", "\x80", "\x85", "\x9f",
    "\xa0", "\u2028", "\u2029", "\ufeff", "\ufffd", "\ue000"];
function token() {
    const choice = random();
    if (choice < 0.48) return pick(MARKS);
    if (choice < 0.97) return pick(WORDS);
    return pick(ODD);
}
const text = () => times(random() < 0.02 ? 20 + below(20) : 1 + below(6), token).join("");

// --- What is known of a node, as our program prints it. ---
function digits(number) {
    return Object.is(number, -0) ? "-0" : String(number);
}
function plain(node) {
    if (node === null || node === undefined) return null;
    if (yaml.isSeq(node)) return node.items.map(plain);
    if (yaml.isMap(node)) return { map: node.items.flatMap(({ key, value }) => [name(key), plain(value)]) };
    const { value } = node;
    return typeof value === "number" ? { number: digits(value) } : value;
}
// The name that JavaScript's object would have.
function name(key) {
    const value = yaml.isScalar(key) ? key.value : key;
    return value === null ? "" : String(value);
}
function theirs(document) {
    const documents = yaml.parseAllDocuments(document, { logLevel: "silent" });
    if (!Array.isArray(documents) || documents.length === 0) return { value: null };
    if (documents.length > 1) return { error: "several documents" };
    const error = documents[0].errors[0];
    return error ? { error: error.message } : { value: plain(documents[0].contents) };
}

// --- Our half. ---
const ours = spawn(process.argv[2], [], { stdio: ["pipe", "pipe", "inherit"] });
const answers = readline.createInterface({ input: ours.stdout })[Symbol.asyncIterator]();
async function ask(requests) {
    const written = (async () => {
        for (let at = 0; at < requests.length; at += 2000) {
            const part = requests.slice(at, at + 2000).map((request) => JSON.stringify(request) + "\n");
            if (!ours.stdin.write(part.join(""))) await once(ours.stdin, "drain");
        }
    })();
    const got = [];
    while (got.length < requests.length) {
        const line = await answers.next();
        if (line.done) throw new Error("our program ended: " + JSON.stringify(requests[got.length]));
        got.push(JSON.parse(line.value));
    }
    await written;
    return got;
}

let passed = 0;
const failed = [];
function compare(what, input, own, other) {
    const [one, two] = [own, other].map((side) => JSON.stringify(side));
    if (one === two) passed++;
    else failed.push(`${what} ${JSON.stringify(input)}\n  ours:   ${one}\n  theirs: ${two}`);
}

const UNFOLDED = { lineWidth: 0 };
function emitted(value) {
    return yaml.stringify(value, UNFOLDED);
}

/** Texts as a value, an element and a key: the bytes, and what is read back. */
async function scalars() {
    const texts = times(ROUNDS, text);
    const lines = texts.filter((one) => !one.includes("\n"));
    const answers = await ask(lines.map((emit) => ({ emit })));
    const documents = [];
    for (const [at, [value, item, key]] of answers.entries()) {
        const one = lines[at];
        documents.push([one, value]);
        if (one.includes("\ufeff")) continue;
        const other = emitted({ k: one });
        compare("value", one, value, other);
        compare("item", one, item, emitted([one]));
        compare("key", one, key, emitted({ k: { [one]: 1 } }));
        if (other !== value) documents.push([one, other]);
    }
    const read = await ask(documents.map(([, document]) => ({ read: document })));
    for (const [at, [one, document]] of documents.entries()) {
        const wanted = { value: { map: ["k", one] } };
        compare("read back", document, read[at], wanted);
        compare("read back by npm's", document, theirs(document), wanted);
    }
    return lines.length;
}

const FORBIDDEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\ufeff]/;

/** What people type: our reader has the same value, or refuses what theirs refuses. */
async function documents() {
    const made = times(ROUNDS / 2, () => {
        const shape = below(8);
        if (shape === 0) return text() + pick(["", "\n"]);
        if (shape === 1) return `k: ${text()}\n`;
        if (shape === 2) return `- ${text()}\n- ${text()}\n`;
        if (shape === 3) return `${text()}: ${text()}\nb: 1\n`;
        const [quote, deep] = [pick(["'", '"', ""]), pick(["", " ", "  ", "   "])];
        if (shape === 6) return `a:\n- ${quote}${text()}\n${deep}${text()}${quote}\nb: 1\n`;
        if (shape === 7) return `a:\n  - k: ${quote}${text()}\n ${deep}${text()}${quote}\n  - ${text()}\n`;
        if (shape === 4) return `k: ${pick(["'", '"', "[", "{", ""])}${text()}${pick(["'", '"', "]", "}", ""])}\n`;
        return `a:\n  b: ${text()}\n  ${text()}\nc: ${text()} # ${text()}\n`;
    });
    const read = await ask(made.map((document) => ({ read: document })));
    const counts = { same: 0, refused: 0, outside: 0 };
    for (const [at, document] of made.entries()) {
        const own = read[at];
        if (own.code === "yaml.unsupported" || (own.code && FORBIDDEN.test(document))) {
            counts.outside++;
            continue;
        }
        if (own.code && own.message.endsWith("found unexpected end of stream") && /''\s*$/.test(document)) {
            counts.outside++;
            continue;
        }
        const other = theirs(document);
        counts[own.code ? "refused" : "same"]++;
        compare("document", document, own.code ? "refused: " : own, other.error ? "refused: " : other);
        if (own.code && !other.error) failed[failed.length - 1] += `\n  ${own.message}`;
        if (!own.code && other.error) failed[failed.length - 1] += `\n  ${other.error}`;
    }
    return counts;
}

const word = () => (random() < 0.6 ? pick(["ceo", "code0", "a-b", "x_1", "null", "1", "true", "014"]) : text().replace(/[\n\r\ufeff]/g, "") || "x");
function roster() {
    const seats = times(1 + below(5), (_, at) => {
        const seat = { name: `${pick(["a", "code", "7", "null"])}${at || ""}`, runtime: word(), class: word() };
        if (random() < 0.4) seat.persistent_persona = random() < 0.5;
        if (random() < 0.3) seat.model_hint = word();
        if (random() < 0.4) seat.reset_between_tasks = true;
        if (random() < 0.2) seat.working_directory = word();
        if (random() < 0.1) seat.host = word();
        if (random() < 0.1) seat.ssh = word();
        if (random() < 0.1) seat.socket = word();
        return seat;
    });
    const runtimes = Object.fromEntries(times(below(3), () => [pick(["claude", "pi", "codex", "a b", "~"]), word()]));
    return { tmux: { socket_name: pick(["", "mosaic-fleet", word()]), holder_session: word() },
        working_directory: word(), runtimes, agents: seats };
}
/** The document that Mosaic's own code makes of a roster. */
function document({ tmux, working_directory, runtimes, agents }) {
    const sorted = Object.keys(runtimes).sort();
    return { version: 1, transport: "tmux", tmux, defaults: { working_directory },
        runtimes: Object.fromEntries(sorted.map((key) => [key, { reset_command: runtimes[key] }])), agents };
}
const STYLES = [{}, { indent: 4 }, { indentSeq: false }, { collectionStyle: "flow" },
    { defaultStringType: "QUOTE_SINGLE" }, { defaultStringType: "QUOTE_DOUBLE" }, { defaultKeyType: "QUOTE_DOUBLE" }];

/** Whole rosters: our bytes are theirs, and each reads the other's in every style. */
async function rosters() {
    const made = times(ROSTERS, roster);
    const emittedByUs = await ask(made.map((one) => ({ roster: one })));
    const styled = made.map((one) => yaml.stringify(document(one), { ...UNFOLDED, ...pick(STYLES) }));
    const parsed = await ask(styled.map((one) => ({ parse: one })));
    for (const [at, one] of made.entries()) {
        const wanted = document(one);
        compare("roster", one, emittedByUs[at], emitted(wanted));
        compare("roster read by npm's", one, yaml.parse(emittedByUs[at]), wanted);
        const sorted = { ...one, runtimes: Object.fromEntries(Object.keys(one.runtimes).sort().map((key) => [key, one.runtimes[key]])) };
        const seats = one.agents.map((seat) => ordered(seat));
        if (parsed[at].code === "yaml.unsupported") continue;
        compare("roster read", styled[at], parsed[at], { roster: { ...sorted, agents: seats } });
    }
    return made.length;
}
const ORDER = ["name", "runtime", "class", "persistent_persona", "model_hint", "reset_between_tasks",
    "working_directory", "host", "ssh", "socket"];
function ordered(seat) {
    return Object.fromEntries(ORDER.filter((key) => key in seat).map((key) => [key, seat[key]]));
}

async function main() {
    // A set is one test, however many comparisons it makes.
    let sets = 0;
    let good = 0;
    const run = async (set) => {
        const before = failed.length;
        const answer = await set();
        sets++;
        if (failed.length === before) good++;
        return answer;
    };
    const scalarCount = await run(scalars);
    const { same, refused, outside } = await run(documents);
    const rosterCount = await run(rosters);
    ours.stdin.end();
    for (const difference of failed.slice(0, Number(process.env.SHOWN ?? 20))) console.log(difference);
    console.log(`${scalarCount} scalars; ${same + refused + outside} documents (${same} read, ${refused} refused by both, ${outside} outside the strict part); ${rosterCount} rosters; ${passed} comparisons, ${failed.length} differences`);
    console.log(`yaml: ${good} passed, ${sets - good} failed`);
    process.exitCode = failed.length === 0 ? 0 : 1;
}
main();

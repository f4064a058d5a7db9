// A scripted model server on loopback: Anthropic Messages, OpenAI Responses and OpenAI chat on one
// port. A script is chosen by the path (`/s/NAME/…`), its step by how many tool results the
// conversation holds already, so a request that is tried again gets the same answer; steps may also be
// a function of what was asked and of that number. It is also
// the proxy of the programs under test: whoever asks for the world outside is noted and refused.
import http from 'node:http';

import { wire } from './wire.js';

const PROTOCOLS = [
  [/\/v1\/messages$/, 'messages'],
  [/\/v1\/responses$/, 'responses'],
  [/\/v1\/chat\/completions$/, 'chat'],
];

/** Starts a server; `script` gives it a scenario and answers its address. */
export async function startModel() {
  const scenarios = new Map();
  const outside = [];
  const server = http.createServer((request, response) => {
    answer(scenarios, outside, request, response).catch((error) => response.destroy(error));
  });
  server.on('connect', (request, socket) => {
    outside.push(request.url);
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  // A request that hangs must not keep the tests from ending.
  server.unref();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${server.address().port}`;
  return {
    address,
    outside,
    script(name, { steps, aux = 'A title' }) {
      const scenario = { steps, aux, log: [], faults: new Map() };
      scenarios.set(name, scenario);
      return { url: `${address}/s/${name}`, log: scenario.log };
    },
    close: () => server.closeAllConnections(),
  };
}

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const text = Buffer.concat(parts).toString('utf8');
  return text && JSON.parse(text);
}

/** The headers, with keys too short to be of use. */
function trimmed(headers) {
  const secret = ['authorization', 'x-api-key'];
  return Object.fromEntries(Object.entries(headers).map(([name, value]) =>
    [name, secret.includes(name) ? `${value}`.slice(0, 12) : value]));
}

async function answer(scenarios, outside, request, response) {
  if (/^https?:/.test(request.url)) {
    // A plain request for somebody else, by way of the proxy.
    outside.push(request.url);
    return send(response, 403, {});
  }
  const { pathname } = new URL(request.url, 'http://model');
  const [, name, rest] = pathname.match(/^\/s\/([^/]+)(\/.*)?$/) ?? [];
  const scenario = scenarios.get(name);
  if (request.method !== 'POST') {
    return send(response, 200, pathname.endsWith('/models') ? { object: 'list', data: [] } : {});
  }
  const body = await read(request);
  if (rest?.endsWith('/count_tokens')) return send(response, 200, { input_tokens: 123 });
  const [, protocol] = PROTOCOLS.find(([path]) => path.test(rest)) ?? [];
  if (!scenario || !protocol) return send(response, 404, { error: { message: `no script for ${pathname}` } });

  const speak = wire[protocol];
  const tools = speak.tools(body);
  const auxiliary = tools.length === 0;
  const { steps } = scenario;
  const done = speak.results(body).length;
  const at = typeof steps === 'function' ? done : Math.min(done, steps.length - 1);
  const asked = JSON.stringify(body.messages ?? body.input);
  const step = auxiliary ? { text: scenario.aux } : steps[at] ?? steps(asked, at);
  const entry = { protocol, system: speak.system(body), headers: trimmed(request.headers), body, auxiliary, step: at, tools };
  scenario.log.push(entry);
  const fault = !auxiliary && due(scenario, at, step.fault);
  if (fault?.status) {
    entry.status = fault.status;
    const { status, type = 'api_error', message = `scripted ${status}`, headers } = fault;
    return send(response, status, { type: 'error', error: { type, message } }, headers);
  }
  if (fault?.hang) {
    entry.hangs = true;
    return undefined;
  }
  entry.status = 200;
  const lines = speak.stream(body, { usage: { in: 100, out: 10, cached: 0 }, ...step }, tools);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  for (const line of lines) {
    response.write(line);
    // The connection is dropped after the first part of the answer.
    if (fault?.cut) return setTimeout(() => response.destroy(), 20);
  }
  return response.end();
}

/** The fault of a step, until it has happened as often as the script says. */
function due(scenario, at, fault) {
  const happened = scenario.faults.get(at) ?? 0;
  if (!fault || happened >= (fault.times ?? Infinity)) return undefined;
  scenario.faults.set(at, happened + 1);
  return fault;
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

// An MCP server on its standard streams with one tool, `ping`. It writes the names and values of
// its variables to the file that its first argument names, so that a test can see what it was given.
import fs from 'node:fs';
import readline from 'node:readline';

const [, , report] = process.argv;
fs.writeFileSync(report, JSON.stringify(process.env));

const TOOL = {
  name: 'ping',
  description: 'Answers with what it was given.',
  inputSchema: { type: 'object', properties: { word: { type: 'string' } }, required: ['word'] },
};

const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'echo', version: '1.0.0' },
  }),
  'tools/list': () => ({ tools: [TOOL] }),
  'tools/call': ({ arguments: { word } }) => ({ content: [{ type: 'text', text: `pong ${word}` }] }),
  ping: () => ({}),
};

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const result = answers[method]?.(params);
  const error = { code: -32601, message: `unknown method ${method}` };
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...(result ? { result } : { error }) })}\n`);
});

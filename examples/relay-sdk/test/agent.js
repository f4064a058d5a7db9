#!/usr/bin/env node
// Plays an interactive agent: says what it got, then does what it is told line by line.
import fs from 'node:fs';
import readline from 'node:readline';

const say = (word, value) => console.log(`${word} ${JSON.stringify(value)}`);
const size = () => say('SIZE', [process.stdout.columns, process.stdout.rows]);
const file = (option) => {
  const place = process.argv.indexOf(option);
  return place < 0 ? null : fs.readFileSync(process.argv[place + 1], 'utf8');
};

say('ARGS', process.argv.slice(2));
say('SYSTEM', file('--append-system-prompt-file'));
say('MCP', file('--mcp-config'));
say('TTY', process.stdout.isTTY === true);
say('CWD', process.cwd());
say('TOKEN', process.env.AGENT_TOKEN ?? null);
size();
process.stdout.on('resize', size);
say('READY', process.pid);
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [word, ...rest] = line.split(' ');
  if (word === 'exit') process.exit(Number(rest[0]));
  if (word === 'deaf') for (const signal of ['SIGHUP', 'SIGTERM']) process.on(signal, () => {});
  if (word === 'read') say('FILE', fs.readFileSync(rest[0], 'utf8'));
  if (word === 'write') fs.writeFileSync(rest[0], rest.slice(1).join(' '));
  say('DONE', line);
});
// Whoever took the terminal away has not ended us by that, when we are deaf.
process.stdin.on('end', () => {});
process.stdout.on('error', () => {});
setInterval(() => {}, 1000);

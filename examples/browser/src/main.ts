/** The page: what is typed on the left is planned at once on the right. */
import { look, type Note, type Outcome } from './planner';

const SAMPLE = `{
  "id": "reviewer",
  "intent": "review",
  "description": "Reads a change and says what is wrong with it.",
  "harness": "claude",
  "model": "claude-sonnet-4-5",
  "systemPrompt": "You review changes to $PROJECT. Find what is wrong and say how you know.",
  "harnessSettings": { "reasoning": "high", "timeoutSeconds": 900 },
  "inputs": { "PROJECT": { "description": "What is reviewed.", "default": "this project" } },
  "skills": [],
  "permissions": { "deny": ["Edit", "Write"], "mode": "plan" },
  "mount": { "ignoredPatterns": ["secrets/", "*.pem"] },
  "claudeMdContent": "# House rules\\nSmall steps."
}
`;

const find = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const persona = find<HTMLTextAreaElement>('persona');
const lines = find('lines');
const task = find<HTMLInputElement>('task');
const edition = find<HTMLSelectElement>('edition');

/** An element with a class, if any, and what is in it. */
function make(tag: string, name: string, ...inside: (Node | string)[]): HTMLElement {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...inside);
  return element;
}

/** Puts the cursor where a problem is. */
function go({ line, column }: { line: number; column: number }): void {
  const before = persona.value.split('\n').slice(0, line - 1);
  const start = before.reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
  persona.focus();
  persona.setSelectionRange(start, start + 1);
  const height = persona.scrollHeight / persona.value.split('\n').length;
  persona.scrollTop = Math.max(0, (line - 4) * height);
}

function showNote({ level, code, message, help, place }: Note): HTMLElement {
  const item = make('li', level, make('strong', '', level === 'error' ? 'Problem' : 'Warning'), ` ${message} `);
  if (place) {
    const button = make('button', 'place', `line ${place.line}, column ${place.column}`);
    button.setAttribute('type', 'button');
    button.addEventListener('click', () => go(place));
    item.append(button);
  }
  if (help) item.append(make('span', 'help', help));
  item.append(make('code', 'code', code));
  return item;
}

function summary({ plan }: Outcome): HTMLElement[] {
  if (!plan) return [];
  const { cli, args, mode, digest, edition: named } = plan;
  const rows: [string, string | undefined][] = [
    ['Command', [cli, ...args].map((word) => (/^[\w./:=@-]+$/.test(word) ? word : JSON.stringify(word))).join(' ')],
    ['Mode', mode],
    ['Edition', named ?? 'persona-kit-4'],
    ['Digest', digest],
  ];
  return rows.flatMap(([name, value]) => (value ? [make('dt', '', name), make('dd', '', make('code', '', value))] : []));
}

function status({ notes, effects }: Outcome): string {
  const count = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`;
  if (!effects) return `No plan: ${count(notes.length, 'problem')}.`;
  return `${count(effects.length, 'action')}, ${count(notes.length, 'warning')}.`;
}

function show(): void {
  const outcome = look(persona.value, edition.value as '2026' | 'persona-kit-4', task.value);
  const { notes, plan, effects = [] } = outcome;
  lines.textContent = persona.value.split('\n').map((_, index) => index + 1).join('\n');
  persona.setAttribute('aria-invalid', String(!plan));
  find('status').textContent = status(outcome);
  find('status').className = plan ? 'good' : 'bad';
  find('problems').replaceChildren(...notes.map(showNote));
  find('plan').hidden = !plan;
  find('summary').replaceChildren(...summary(outcome));
  find('effects').replaceChildren(
    ...effects.map(({ phase, line }) => make('li', '', make('span', 'phase', phase), make('code', '', line))),
  );
  find('json').textContent = JSON.stringify(plan, null, 2) ?? '';
}

persona.addEventListener('scroll', () => (lines.scrollTop = persona.scrollTop));
for (const field of [persona, task, edition]) field.addEventListener('input', show);
find('options').addEventListener('submit', (event) => event.preventDefault());
persona.value = SAMPLE;
show();

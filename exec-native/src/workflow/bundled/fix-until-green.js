export const meta = {
  name: 'fix-until-green',
  description:
    'Runs a check, fixes what fails, and goes on until it passes; at the end another agent makes sure that the check was not weakened',
  phases: [
    { title: 'Check', detail: 'run the command' },
    { title: 'Fix', detail: 'one cause at a time' },
    { title: 'Review', detail: 'was it repaired, or only silenced?' },
  ],
  parameters: {
    command: { type: 'string', required: true, description: 'The command that must pass, such as `npm test`' },
    goal: { type: 'string', default: '', description: 'What else the fixer should know or must not touch' },
    attempts: { type: 'integer', default: 6, description: 'How many fixes to try at most' },
    patience: { type: 'integer', default: 2, description: 'How often the very same failures may come back' },
  },
};

const { command, goal, attempts, patience } = args;

const CHECK = {
  type: 'object',
  required: ['green', 'failures'],
  properties: {
    green: { type: 'boolean', description: 'whether the command ended with 0' },
    failures: { type: 'array', items: { type: 'string' }, description: 'each failure with its message and place' },
  },
};
const REVIEW = {
  type: 'object',
  required: ['honest'],
  properties: {
    honest: { type: 'boolean' },
    objections: { type: 'array', items: { type: 'string' } },
  },
};

const check = (number) => {
  phase('Check');
  return agent(
    `Run \`${command}\` and report how it ended. Do not change any file. List each failure once, with its message, `
      + 'the file and the line.',
    { label: `check ${number}`, schema: CHECK },
  );
};
const list = (lines) => lines.map((line) => `- ${line}`).join('\n');

let fixes = 0;
let same = 0;
let before = '';
let objections = [];
const history = [];

for (;;) {
  const state = await check(fixes);
  if (state === null) return { green: false, fixes, reason: 'the check could not be run', history };
  let wanted = state.failures;
  if (state.green) {
    if (fixes === 0) return { green: true, fixes, reason: 'nothing to fix', history };
    phase('Review');
    const review = await agent(
      `Look at what was changed here (git diff HEAD) to make \`${command}\` pass. Say whether it repairs the causes. `
        + 'It is not honest to delete, skip or loosen a test or a check, to special-case its input, or to swallow an error. '
        + 'Change nothing.',
      { label: `review ${fixes}`, schema: REVIEW },
    );
    if (review === null) return { green: true, fixes, reason: 'not reviewed: the reviewer failed', history };
    if (review.honest) return { green: true, fixes, reason: 'passes, and was reviewed', history };
    objections = review.objections ?? ['the check was weakened'];
    wanted = objections;
    log(`the reviewer objects: ${objections.join('; ')}`);
  }
  if (fixes >= attempts) return { green: false, fixes, reason: `${attempts} fixes were not enough`, history, left: wanted };
  const now = wanted.join('\n');
  same = now === before ? same + 1 : 0;
  before = now;
  if (same >= patience) return { green: false, fixes, reason: 'the same failures come back', history, left: wanted };

  phase('Fix');
  fixes += 1;
  const done = await agent(
    `\`${command}\` must pass. Find the cause of the first of these failures and repair it, with the others that have the `
      + 'same cause. Never weaken a test to make it pass. Say in one sentence what you changed and why.'
      + `\n\nFailures:\n${list(wanted)}`
      + (objections.length > 0 ? `\n\nA reviewer objected to earlier fixes:\n${list(objections)}` : '')
      + (history.length > 0 ? `\n\nTried before:\n${list(history)}` : '')
      + (goal === '' ? '' : `\n\nKeep in mind: ${goal}`),
    { label: `fix ${fixes}` },
  );
  history.push(done === null ? `fix ${fixes} failed` : String(done));
}

export const meta = {
  name: 'codebase-audit',
  description:
    'Goes through a whole code base, part by part: maps it, looks for trouble in every part until nothing new turns up, checks each finding, and sums up',
  phases: [
    { title: 'Map', detail: 'which parts there are' },
    { title: 'Audit', detail: 'each part by itself, found and checked' },
    { title: 'Sum up' },
  ],
  parameters: {
    dir: { type: 'string', default: '.', description: 'Where the code is, below the workspace' },
    focus: {
      type: 'string',
      default: 'defects, security holes, data loss, races, and errors that nobody handles',
      description: 'What to look for',
    },
    parts: { type: 'integer', default: 8, description: 'Into how many parts to split it at most' },
    rounds: { type: 'integer', default: 3, description: 'How often a part is looked at, at most' },
    reviewers: { type: 'integer', default: 2, description: 'How many agents check a finding' },
  },
};

const { dir, focus, parts, rounds, reviewers } = args;
const reading = { effect: 'pure', retries: 1 };

const PARTS = {
  type: 'object',
  required: ['parts'],
  properties: {
    parts: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'files', 'does'],
        properties: {
          name: { type: 'string' },
          files: { type: 'array', items: { type: 'string' } },
          does: { type: 'string' },
        },
      },
    },
  },
};

const FINDINGS = {
  type: 'object',
  required: ['findings'],
  properties: {
    findings: {
      type: 'array',
      items: {
        type: 'object',
        required: ['file', 'title', 'why', 'severity'],
        properties: {
          file: { type: 'string' },
          line: { type: 'integer' },
          title: { type: 'string' },
          why: { type: 'string' },
          severity: { enum: ['high', 'medium', 'low'] },
        },
      },
    },
  },
};

const map = await agent(
  `Look at the code in ${dir} and split it into at most ${parts} parts that can be judged one by one. `
    + 'Every source file belongs to exactly one part; leave out what is generated or copied from elsewhere. '
    + 'Name the files or directories of each part, and say in one sentence what it does.',
  { ...reading, label: 'map', schema: PARTS },
);
if (map === null) throw new Error('there is no map: the agent that looks at the code failed');
log(`${map.parts.length} parts`);

phase('Audit');
const audited = await pipeline(
  map.parts.slice(0, parts),
  async (part) => {
    const told = [];
    const findings = await loopUntilDry({
      consecutiveEmpty: 1,
      maxRounds: rounds,
      key: ({ file, line, title }) => (line === undefined ? `${file} ${title}` : `${file}:${line}`),
      round: async (number) => {
        const answer = await agent(
          `Look for ${focus} in this part of the code: ${part.name}: ${part.does}\nFiles: ${part.files.join(', ')}`
            + '\n\nRead every one of them, and those that they call where it matters. Report only what you can show to go '
            + 'wrong. Change nothing. An empty list is an answer.'
            + (told.length > 0 ? `\n\nKnown already, do not report again:\n${told.map((one) => `- ${one}`).join('\n')}` : ''),
          { ...reading, label: `audit ${part.name} ${number + 1}`, schema: FINDINGS },
        );
        const new_ = answer?.findings ?? [];
        told.push(...new_.map(({ file, title }) => `${file}: ${title}`));
        return new_;
      },
    });
    return { part, findings };
  },
  async ({ part, findings }) => ({
    part: part.name,
    findings: (await pipeline(findings, async (finding) => {
      const verdict = await verify(
        `${finding.title} (${finding.file}${finding.line ? `:${finding.line}` : ''})\n${finding.why}`,
        { reviewers, lens: ['does the code do what the finding says', 'does it matter in use'] },
      );
      return verdict.real ? finding : null;
    })).filter(Boolean),
  }),
);

phase('Sum up');
const whole = audited.filter(Boolean);
if (whole.length < audited.length) console.warn(`${audited.length - whole.length} parts could not be audited`);
const findings = whole.flatMap(({ part, findings: of }) => of.map((finding) => ({ part, ...finding })));
const lines = findings.map((one) => `- [${one.severity}] ${one.part}: ${one.file}: ${one.title}. ${one.why}`);
const summary = await agent(
  `Sum up an audit of the code in ${dir} for its maintainers: the worst first, what findings have in common, `
    + `what to do first. Use nothing but this list.\n\n${lines.join('\n') || '(nothing was found)'}`,
  { label: 'summary', effect: 'pure' },
);
return { parts: whole.length, findings, summary };

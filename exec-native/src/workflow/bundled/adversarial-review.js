export const meta = {
  name: 'adversarial-review',
  description:
    'Reviews a change from several sides at once; each finding must survive reviewers who try to refute it',
  phases: [
    { title: 'Find', detail: 'one reviewer a side, all at once' },
    { title: 'Refute', detail: 'others try to show that a finding is wrong' },
  ],
  parameters: {
    target: {
      type: 'string',
      default: 'the changes of this repository that are not committed (git diff HEAD)',
      description: 'What to review, in words',
    },
    sides: {
      type: 'array',
      default: [
        'correctness: wrong results, edge cases, broken invariants',
        'failure: errors, crashes, races, what happens half way',
        'security: input that is trusted, secrets, rights',
        'tests: what could break without a test noticing',
      ],
      description: 'What each reviewer looks for',
    },
    reviewers: { type: 'integer', default: 3, description: 'How many try to refute a finding' },
    threshold: { type: 'number', default: 0.5, description: 'Which part of them must fail to' },
  },
};

const { target, sides, reviewers, threshold } = args;
const RANK = { high: 0, medium: 1, low: 2 };

const FINDINGS = {
  type: 'object',
  required: ['findings'],
  properties: {
    findings: {
      type: 'array',
      items: {
        type: 'object',
        required: ['title', 'file', 'why', 'severity'],
        properties: {
          title: { type: 'string' },
          file: { type: 'string' },
          line: { type: 'integer' },
          why: { type: 'string', description: 'how it goes wrong, step by step, with the input that does it' },
          fix: { type: 'string' },
          severity: { enum: ['high', 'medium', 'low'] },
        },
      },
    },
  },
};

const seen = new Set();
const isNew = ({ file, line, title }) => {
  const key = line === undefined ? `${file} ${title}` : `${file}:${line}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
};

const told = await parallel(
  sides.map((side, place) => () =>
    agent(
      `Review ${target}. You look for one thing only: ${side}.`
        + '\n\nRead the code around it before you judge. Report what you can show to go wrong, with the input that does it; '
        + 'no matters of taste, nothing that you only suspect. Change nothing. An empty list is an answer.',
      { label: `find ${place + 1}`, schema: FINDINGS, effect: 'pure', retries: 1 },
    )),
);
const silent = told.filter((one) => one === null).length;
if (silent > 0) console.warn(`${silent} of ${sides.length} reviewers gave no answer`);
const found = told.flatMap((one) => one?.findings ?? []).filter(isNew);
log(`${found.length} findings`);

phase('Refute');
const judged = await pipeline(found, async (finding) => ({
  finding,
  verdict: await verify(
    `In ${target}:\n${finding.title} (${finding.file}${finding.line ? `:${finding.line}` : ''})\n${finding.why}`,
    {
      reviewers,
      threshold,
      lens: ['can the input ever arrive there', 'is it prevented elsewhere', 'is that what the code is meant to do'],
    },
  ),
}));

const confirmed = judged
  .filter((one) => one?.verdict.real)
  .map(({ finding, verdict }) => ({ ...finding, votes: `${verdict.realCount} of ${verdict.total}` }))
  .sort((left, right) => RANK[left.severity] - RANK[right.severity]);
const dismissed = judged
  .filter((one) => one && !one.verdict.real)
  .map(({ finding, verdict }) => ({ title: finding.title, why: verdict.votes.find((vote) => !vote.real)?.reason }));
return { confirmed, dismissed };

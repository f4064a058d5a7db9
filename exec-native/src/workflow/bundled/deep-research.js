export const meta = {
  name: 'deep-research',
  description:
    'Answers a question from many sources: looks from several sides at once, has every claim checked by others, and writes a report that names its sources',
  phases: [
    { title: 'Plan', detail: 'split the question into sides that can be looked at apart' },
    { title: 'Search', detail: 'one agent a side, all at once' },
    { title: 'Verify', detail: 'others try to refute each claim' },
    { title: 'Report', detail: 'what held, with its sources, and what stayed open' },
  ],
  parameters: {
    question: { type: 'string', required: true, description: 'What to find out' },
    sides: { type: 'integer', default: 4, description: 'From how many sides to look at it' },
    rounds: { type: 'integer', default: 2, description: 'How often to go back for what is missing' },
    reviewers: { type: 'integer', default: 2, description: 'How many agents check a claim' },
    claims: { type: 'integer', default: 24, description: 'How many claims are checked at most' },
  },
};

const { question, sides, rounds, reviewers, claims: most } = args;

// Nobody here writes a file, so an answer stands whatever happened beside it.
const reading = { effect: 'pure', retries: 1 };

const SIDES = {
  type: 'object',
  required: ['sides'],
  properties: {
    sides: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'ask'],
        properties: { name: { type: 'string' }, ask: { type: 'string' } },
      },
    },
  },
};

const CLAIMS = {
  type: 'object',
  required: ['claims'],
  properties: {
    claims: {
      type: 'array',
      items: {
        type: 'object',
        required: ['claim', 'source'],
        properties: {
          claim: { type: 'string' },
          source: { type: 'string', description: 'an address, or a file and a line' },
          quote: { type: 'string', description: 'the words of the source' },
        },
      },
    },
  },
};

const plan = await agent(
  `Split this question into at most ${sides} sides that can be looked at independently of one another. `
    + 'Together they must cover all of it. Give each a short name and one precise question.'
    + `\n\nQuestion: ${question}`,
  { label: 'plan', schema: SIDES, effect: 'pure' },
);
if (plan === null) throw new Error('there is no plan: the agent that splits the question failed');

const known = new Map();
let open = plan.sides.slice(0, sides);

for (let round = 1; round <= rounds && open.length > 0; round += 1) {
  phase('Search');
  const found = await parallel(
    open.map((side) => () =>
      agent(
        'Look for the answer in sources that you can name: documents, pages, code, data. Prefer primary sources. '
          + 'Report single claims, each with its source and the words it rests on. Report nothing that you cannot source; '
          + 'an empty list is an answer.'
          + `\n\nThe whole question: ${question}\nYour side of it: ${side.name}: ${side.ask}`,
        { ...reading, label: `search ${side.name}`, schema: CLAIMS },
      )),
  );
  for (const one of found.flatMap((side) => side?.claims ?? [])) {
    if (!known.has(one.claim)) known.set(one.claim, one);
  }
  if (round === rounds) break;
  const critic = await completenessCheck(question, [...known.values()]);
  open = critic === null || critic.complete ? [] : (critic.missing ?? [])
    .slice(0, sides)
    .map((missing, place) => ({ name: `gap ${round}.${place + 1}`, ask: missing }));
  if (open.length > 0) log(`going back for ${open.length} gaps`);
}

const all = [...known.values()];
if (all.length > most) log(`${all.length} claims were found; the first ${most} are checked`);

phase('Verify');
const checked = await pipeline(all.slice(0, most), async (one) => ({
  ...one,
  ...(await verify(
    `Claim: ${one.claim}\nSource: ${one.source}${one.quote ? `\nIts words: ${one.quote}` : ''}`,
    { reviewers, lens: ['does the source exist and say so', 'is it true beyond that source'] },
  )),
}));
const held = checked.filter((one) => one?.real);
const fell = checked.filter((one) => one && !one.real);

phase('Report');
const lines = held.map((one) => `- ${one.claim} [${one.source}] (${one.realCount} of ${one.total} agree)`);
const report = await agent(
  'Write a report that answers the question from these claims alone. Begin with the answer. Name the source of '
    + 'everything. Say plainly what stays open or is contested.'
    + `\n\nQuestion: ${question}\n\nClaims that held:\n${lines.join('\n') || '(none)'}`
    + `\n\nClaims that did not hold:\n${fell.map((one) => `- ${one.claim}`).join('\n') || '(none)'}`,
  { label: 'report', effect: 'pure' },
);
return { question, report, claims: held.map(({ claim, source }) => ({ claim, source })), refuted: fell.length };

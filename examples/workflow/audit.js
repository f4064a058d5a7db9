export const meta = {
  name: 'audit',
  description: 'Looks at every file for trouble, verifies each finding, and sums up',
  phases: [{ title: 'Look' }, { title: 'Sum up' }],
  parameters: {
    files: {
      type: 'array',
      default: ['a.txt', 'b.txt', 'c.txt', 'd.txt'],
      description: 'The files to look at',
    },
  },
};

const { files } = args;

// Each file goes through both stages by itself: a slow one holds nobody up.
const findings = await pipeline(
  files,
  (file) => agent(`Look for trouble in ${file}`, { label: `look at ${file}` }),
  (finding, file) =>
    agent(`Is this true of ${file}? ${finding}`, { label: `verify ${file}`, retries: 1 }),
);

phase('Sum up');
const summary = await agent(`Sum up:\n${findings.filter(Boolean).join('\n')}`, { label: 'summary' });
return { files: files.length, findings: findings.filter(Boolean).length, summary };

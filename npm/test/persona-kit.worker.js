// The recordings in a Worker: a POST to /FILE with its text answers the report.
import * as kit from './persona-kit/workerd.js';
import * as spec from './persona-kit/spec-workerd.js';
import { replay } from './corpus.js';

let bases;

export default {
  async fetch(request) {
    const file = new URL(request.url).pathname.slice(1);
    const text = await request.text();
    if (file === 'bases') {
      bases = JSON.parse(text);
      return new Response('');
    }
    if (file === 'names') return Response.json([Object.keys(kit), Object.keys(spec)]);
    if (file === 'refusals') return Response.json(await refusals(JSON.parse(text)));
    return Response.json(await replay(kit, file, text, bases));
  },
};

async function refusals(names) {
  const refused = {};
  for (const name of names) {
    try {
      await kit[name]({}, {});
      refused[name] = null;
    } catch (error) {
      refused[name] = [error.name, error.message, error instanceof kit.SkillInstallError];
    }
  }
  return refused;
}

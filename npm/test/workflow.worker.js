// Workflows in a Worker: a POST of a journal, a script or a call's content answers what it is.
import { agentContentKey, parseWorkflow } from './plan/workerd.js';
import { call } from './plan/door.js';

export default {
  async fetch(request) {
    const what = new URL(request.url).pathname.slice(1);
    const text = await request.text();
    if (what === 'replay') return Response.json(call('replayJournal', [], [text]));
    if (what === 'script') return Response.json(parseWorkflow(text));
    return Response.json(agentContentKey(JSON.parse(text)));
  },
};

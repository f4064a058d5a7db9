/**
 * A planner for hosts that have none: POST a persona selection, or `{ persona, options }`, and get
 * the plan. The plan never becomes an object here: bytes go in and bytes come out.
 */
import { CallsheetError, planBytes, type Bytes, type Edition } from 'callsheet/plan';

const HELP = 'POST a persona selection, or { "persona": …, "options": … }, as JSON; the answer is its plan.\n';
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

/** A document larger than this is no persona. */
const LIMIT = 1 << 20;

type Envelope = { persona: unknown; options?: unknown };

function isEnvelope(document: unknown): document is Envelope {
  return typeof document === 'object' && document !== null && 'persona' in document;
}

/** The plan of a request's body. A selection as it came need not be printed again. */
function plan(body: Uint8Array): Bytes {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder().decode(body));
  } catch {
    // The planner says where the mistake is.
    return planBytes(body);
  }
  if (!isEnvelope(document)) return planBytes(body);
  const { persona, options = {} } = document;
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  // The planner refuses what is no object.
  if (typeof options !== 'object' || options === null) return planBytes(bytes(persona), bytes(options));
  const { edition, ...others } = options as { edition?: Edition };
  return planBytes(bytes(persona), bytes(others), edition);
}

function refuse(status: number, error: { code: string; message: string; diagnostics?: unknown }): Response {
  return Response.json({ error }, { status });
}

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method === 'GET') return new Response(HELP);
    if (request.method !== 'POST') {
      return new Response(HELP, { status: 405, headers: { allow: 'GET, POST' } });
    }
    const body = new Uint8Array(await request.arrayBuffer());
    if (body.length > LIMIT) {
      return refuse(413, { code: 'usage', message: `the body is larger than ${LIMIT} bytes` });
    }
    try {
      return new Response(plan(body), { headers: JSON_TYPE });
    } catch (error) {
      if (!(error instanceof CallsheetError)) throw error;
      const { code, message, diagnostics } = error;
      return refuse(code === 'internal' ? 500 : 400, { code, message, diagnostics });
    }
  },
};

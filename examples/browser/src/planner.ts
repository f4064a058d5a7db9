/** From the text of a persona to what the page shows. Nothing here knows the page. */
import {
  CallsheetError,
  buildPersonaSpawnPlan,
  lintPersona,
  locate,
  parsePersonaFile,
  planEffects,
  resolvePersona,
  type Action,
  type Diagnostic,
  type Edition,
  type PersonaSpawnPlan,
  type PersonaSpec,
  type Position,
} from 'callsheet/plan/url';

export interface Note {
  readonly level: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly help?: string | undefined;
  readonly place?: Position | undefined;
}

export interface Outcome {
  readonly notes: readonly Note[];
  readonly plan?: PersonaSpawnPlan;
  readonly effects?: readonly Action[];
}

/** A persona of a page lies nowhere; relative paths need a place to start from. */
const FOLDER = '/personas/';

/** The page has no other files, so whatever the persona refers to counts as there. */
function referred(spec: PersonaSpec): string[] {
  const skills = Array.isArray(spec.skills) ? spec.skills.map((skill: { source?: unknown }) => skill.source) : [];
  const paths = [...skills, spec.agentsMd, spec.claudeMd].filter((path) => typeof path === 'string');
  return paths.filter((path) => !path.includes(':')).map((path) => decodeURI(new URL(path, `file://${FOLDER}`).pathname));
}

/** Where a problem is: by its pointer, or as the message of a text that is no JSON says it. */
function place(text: string, { pointer, message = '' }: Diagnostic): Position | undefined {
  const said = /\(line (\d+), column (\d+)\)/.exec(message);
  if (said) return { line: Number(said[1]), column: Number(said[2]) };
  try {
    return pointer === undefined ? undefined : locate(text, pointer);
  } catch {
    // The text is no JSON, so nothing can be found in it.
    return undefined;
  }
}

function note(text: string, found: Diagnostic, level: Note['level'] = found.severity ?? 'error'): Note {
  const { code = 'failed', message = '', help } = found;
  return { level, code, message, help, place: place(text, found) };
}

/** Parses, resolves and plans a persona; problems and warnings come with their places. */
export function look(text: string, edition: Edition, task: string): Outcome {
  try {
    const spec = parsePersonaFile(text, { edition });
    const files = [{ path: `${FOLDER}persona.json`, text }];
    const facts = { layers: [{ source: 'page', files }], existing: referred(spec) };
    const { selection, warnings } = resolvePersona(spec.id, facts, { edition });
    const plan = buildPersonaSpawnPlan(selection, { edition, ...(task ? { task } : {}) });
    const hints = lintPersona(spec, { edition });
    const notes = [...(plan.warnings ?? []), ...warnings.map(({ diagnostic }) => diagnostic), ...hints];
    return { notes: notes.map((found) => note(text, found, 'warning')), plan, effects: planEffects(plan) };
  } catch (error) {
    if (!(error instanceof CallsheetError)) throw error;
    const { code, message, diagnostics } = error;
    const found: readonly Diagnostic[] = diagnostics.length > 0 ? diagnostics : [{ code, message }];
    return { notes: found.map((one) => note(text, one)) };
  }
}

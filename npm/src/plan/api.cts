/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Planning of coding agents: personas in, plans out, as pure functions. Nothing is read,
 * written or started. Before the first call the module must have been given to
 * [`initSync`]; every entry but `callsheet/plan/slim` does that itself.
 */

import { call, callBytes, forget, generation, initSync, release, toError } from './door.cjs';
import type {
  Action,
  AgentSpec,
  Bytes,
  Edition,
  EditionOptions,
  Facts,
  FleetObserved,
  FleetPlan,
  FleetProvision,
  FleetRequest,
  FleetStatus,
  Issue,
  Listed,
  PersonaSelection,
  PersonaSpawnPlan,
  PersonaSpec,
  Places,
  PlanOptions,
  Position,
  ProvisionRequest,
  Resolution,
  WorkflowAgentContent,
  WorkflowReplay,
  WorkflowScript,
} from './types.cjs';

export { CallsheetError } from '../errors.cjs';
export type { Diagnostic } from '../errors.cjs';
export type * from './types.cjs';
export { forget, initSync };

const COMPAT = 1;
const MARKED = 4;

/** The number that tells the module which edition is meant. */
function flags(edition: Edition | undefined): number {
  if (edition === undefined || edition === '2026') return 0;
  if (edition === 'persona-kit-4') return COMPAT;
  const message = `options.edition must be one of: persona-kit-4, 2026; got ${JSON.stringify(edition)}`;
  throw toError({ code: 'persona.option-invalid', message, diagnostics: [] });
}

/** The text of a document. What JSON cannot hold is refused, never dropped in silence. */
function print(what: string, document: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(document);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `${what} cannot be written as JSON: ${why}`;
    throw toError({ code: 'document.malformed', message, diagnostics: [] }, cause);
  }
  if (text !== undefined) return text;
  const message = `${what} must be an object, not ${typeof document}`;
  throw toError({ code: 'document.malformed', message, diagnostics: [] });
}

/** Options without the edition, which crosses as a number. */
function split(options: PlanOptions | undefined): { number: number; text: string } {
  if (options === undefined) return { number: 0, text: '' };
  const { edition, ...rest } = options;
  if (rest.includeProcessEnv === true && rest.processEnv === undefined) {
    const host = globalThis as { process?: { env?: Record<string, string | undefined> } };
    rest.processEnv = host.process?.env ?? {};
  }
  return { number: flags(edition), text: print('options', rest) };
}

function ask<T>(operation: string, numbers: readonly number[], ...texts: readonly string[]): T {
  return JSON.parse(call(operation, numbers, texts) ?? 'null') as T;
}

/**
 * Builds the plan that starts a persona's agent.
 *
 * @throws CallsheetError with a diagnostic for every problem.
 */
export function buildPersonaSpawnPlan(
  persona: PersonaSelection,
  options?: PlanOptions,
): PersonaSpawnPlan {
  const { number, text } = split(options);
  return ask('plan', [number], print('persona', persona), text);
}

/** What became of one persona of a batch. */
export type BatchResult =
  | { readonly ok: true; readonly plan: PersonaSpawnPlan }
  | { readonly ok: false; readonly error: ReturnType<typeof toError> };

/** Builds the plans of many personas with the same options; one failure stops no other. */
export function buildPersonaSpawnPlans(
  personas: readonly PersonaSelection[],
  options?: PlanOptions,
): BatchResult[] {
  const { number, text } = split(options);
  type Wire = { ok: true; plan: PersonaSpawnPlan } | { ok: false; error: Parameters<typeof toError>[0] };
  const answers = ask<Wire[]>('planAll', [number], print('personas', personas), text);
  return answers.map((answer) =>
    answer.ok ? answer : { ok: false, error: toError(answer.error) },
  );
}

/** Plans from JSON text to JSON text: the quickest way where plans cross a wire. */
export function planText(persona: string, options = '', edition?: Edition): string {
  return call('plan', [flags(edition) | MARKED], [persona, options], toError, persona) ?? '';
}

/** Plans from UTF-8 to UTF-8, for the body of a request. */
export function planBytes(
  persona: Uint8Array,
  options: Uint8Array = new Uint8Array(0),
  edition?: Edition,
): Bytes {
  return callBytes('plan', [flags(edition)], [persona, options]) as Bytes;
}

/** A persona that was read once, for repeated planning. */
export interface CompiledPersona {
  /** Builds a plan. */
  plan(options?: PlanOptions): PersonaSpawnPlan;
  /** Builds a plan as JSON text. */
  planText(options?: PlanOptions): string;
  /** Gives the memory back; a persona that is forgotten about is given back in time. */
  dispose(): void;
  [Symbol.dispose](): void;
}

const forgotten =
  typeof FinalizationRegistry === 'undefined'
    ? undefined
    : new FinalizationRegistry<{ number: number; generation: number }>((held) => {
        if (held.generation === generation) release(held.number);
      });

/** Reads a persona once, so that each plan costs only what differs. */
export function compilePersona(persona: PersonaSelection): CompiledPersona {
  const source = print('persona', persona);
  const compile = () => ({ number: ask<number>('compile', [], source), generation });
  let held: ReturnType<typeof compile> | undefined = compile();
  const text = (options?: PlanOptions): string => {
    if (!held) {
      const message = 'the compiled persona was disposed of';
      throw toError({ code: 'usage', message, diagnostics: [] });
    }
    // After a fault there is another instance, which has never heard of it.
    if (held.generation !== generation) Object.assign(held, compile());
    const { number, text } = split(options);
    return call('planCompiled', [number, held.number], [text]) ?? '';
  };
  const dispose = (): void => {
    if (held && held.generation === generation) release(held.number);
    held = undefined;
    forgotten?.unregister(compiled);
  };
  const compiled: CompiledPersona = {
    plan: (options) => JSON.parse(text(options)) as PersonaSpawnPlan,
    planText: text,
    dispose,
    [Symbol.dispose ?? Symbol.for('Symbol.dispose')]: dispose,
  } as CompiledPersona;
  forgotten?.register(compiled, held, compiled);
  return compiled;
}

/**
 * Checks that a plan is whole and was not changed since it was built.
 *
 * @throws CallsheetError with code `plan.corrupt` or `record.invalid`.
 */
export function checkPlan(plan: object): void {
  call('checkPlan', [], [print('plan', plan)]);
}

/** Lists the actions that carry a plan out, in order; the run's own paths are placeholders. */
export function planEffects(plan: object, places: Places = {}): Action[] {
  return ask('planEffects', [], print('plan', plan), print('places', places));
}

/**
 * Parses the text of a persona file.
 *
 * @throws CallsheetError with a diagnostic for every problem.
 */
export function parsePersonaFile(
  text: string,
  options: EditionOptions & { readonly intent?: string | undefined } = {},
): PersonaSpec {
  return ask('parsePersona', [flags(options.edition)], text, options.intent ?? '');
}

/** Parses the text of an agent file. */
export function parseAgentFile(text: string, options: EditionOptions = {}): AgentSpec {
  return ask('parseAgent', [flags(options.edition)], text);
}

/** Lists the personas of layers of files, the broken ones with their problems. */
export function loadPersonas(facts: Facts, options: EditionOptions = {}): Listed[] {
  return ask('listPersonas', [flags(options.edition)], print('facts', facts));
}

/**
 * Finds a persona by its id in layers of files and merges what it extends.
 *
 * @throws CallsheetError with code `persona.resolution-failed`.
 */
export function resolvePersona(
  reference: string,
  facts: Facts,
  options: EditionOptions = {},
): Resolution {
  return ask('resolvePersona', [flags(options.edition)], reference, print('facts', facts));
}

/**
 * The name that [`resolvePersona`] had while personas came in tiers. A reference with a tier,
 * such as `reviewer@best`, is refused with what to write instead.
 */
export const resolvePersonaTier = resolvePersona;

/** Looks for likely mistakes in a persona's integrations. */
export function lintPersona(persona: object, options: EditionOptions = {}): Issue[] {
  return ask('lintPersona', [flags(options.edition)], print('persona', persona));
}

/** Looks for likely mistakes in an agent's triggers and watch rules. */
export function lintAgent(agent: object, options: EditionOptions = {}): Issue[] {
  return ask('lintAgent', [flags(options.edition)], print('agent', agent));
}

/**
 * Plans a fleet: what is written, started, started again and stopped, and why. Files come as
 * texts, what runs as data; equal inputs give equal plans, in every host and natively.
 *
 * @throws CallsheetError with a diagnostic for every problem, its file, line and column.
 */
export function planFleet(request: FleetRequest): FleetPlan {
  const { aim, terms, ...rest } = request;
  const input = {
    fleet: '',
    roles: [],
    roles_local: [],
    personas: [],
    env: [],
    edits: [],
    ...rest,
    terms: { restore: false, force: [], ...terms },
    aim: { goal: 'up', seats: [], again: false, adopt: [], ...aim },
  };
  return ask('planFleet', [], print('input', input));
}

/** Compares the seats of a fleet's plan with what runs. */
export function fleetStatus(plan: FleetPlan, observed: FleetObserved): FleetStatus {
  return ask('fleetStatus', [], print('plan', plan), print('observed', observed));
}

/** Draws who reports to whom in a fleet: a tree, a Graphviz graph or a Mermaid graph. */
export function drawFleet(plan: FleetPlan, format: 'text' | 'dot' | 'mermaid' = 'text'): string {
  return ask('drawFleet', [], print('plan', plan), format);
}

/**
 * Makes a new roster of a profile, byte for byte as Mosaic's `fleet provision` writes it.
 *
 * @throws CallsheetError when the profile is not sound or a class has no persona.
 */
export function provisionFleet(request: ProvisionRequest): FleetProvision {
  return ask('provisionFleet', [], print('input', request));
}

/**
 * Reads what the script of a workflow says about itself, its first statement. Nothing of the
 * script is run. A fence of Markdown around it must be taken off before.
 *
 * @throws CallsheetError with code `workflow.script-invalid`, line, column and length.
 */
export function parseWorkflow(script: string): WorkflowScript {
  return ask('parseWorkflow', [], script);
}

/** Makes the key of a call of an agent: calls with equal keys may have the same answer. */
export function agentContentKey(content: WorkflowAgentContent): string {
  return ask('agentContentKey', [], print('content', content));
}

/**
 * Replays the text of a workflow's `journal.log`: how the run stands, its calls, what it took,
 * and what is wrong with the journal. Nothing is run; results in files of their own are named.
 */
export function replayJournal(journal: string): WorkflowReplay {
  return ask('replayJournal', [], journal);
}

/** Finds where in a text the value stands that a diagnostic's pointer names. */
export function locate(text: string, pointer: string): Position | undefined {
  return ask<Position | null>('locate', [], text, pointer) ?? undefined;
}

/** Returns the JSON schema of persona or agent files (draft 2020-12). */
export function schema(name: 'persona' | 'agent'): object {
  return ask('schema', [], name);
}

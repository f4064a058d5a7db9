/** What is planned, and what comes of it. */

import type {
  Edition,
  FactsDocument,
  FleetAim,
  FleetInput,
  FleetProvisionInput,
  FleetTerms,
  Listed,
  PlacesDocument,
  Problem,
  WorkflowPhase,
} from '../wire.cjs';

export type * from '../wire.cjs';
export type { Listed, Problem };

/** Bytes with memory of their own, as the body of a response wants them; older TypeScript knows no such type. */
export type Bytes = ReturnType<Uint8Array['slice']>;

/** A persona file that was parsed; members that nobody knows are kept. */
export type PersonaSpec = Record<string, unknown> & {
  readonly id: string;
  readonly intent: string;
  readonly description: string;
};

/** An agent file that was parsed. */
export type AgentSpec = Record<string, unknown>;

/** A resolved persona: what the planner plans. */
export interface PersonaSelection {
  readonly personaId: string;
  readonly harness: string;
  readonly model: string;
  readonly systemPrompt: string;
  readonly harnessSettings: object;
  readonly skills: readonly object[];
  readonly [member: string]: unknown;
}

/** Which dialect is spoken; `2026` by default. */
export interface EditionOptions {
  readonly edition?: Edition | undefined;
}

/** The value of an input; `null` and `undefined` stand for none. */
export type InputValue = string | number | boolean | null | undefined;

/** Options of a plan. */
export interface PlanOptions {
  /** The dialect of the plan; `2026` by default. */
  edition?: Edition | undefined;
  /** A directory to stage skills in, outside the project (edition `persona-kit-4`). */
  installRoot?: string | undefined;
  /** Variables that win over the environment and over inputs. */
  envOverrides?: Readonly<Record<string, string>> | undefined;
  /** The environment that becomes part of the plan and gives inputs their values. */
  processEnv?: Readonly<Record<string, string | undefined>> | undefined;
  /** Takes `processEnv` from the host's own `process.env` where it has one. */
  includeProcessEnv?: boolean | undefined;
  /** Values of inputs. */
  inputValues?: Readonly<Record<string, InputValue>> | undefined;
  /** The environment that gives inputs their values without becoming part of the plan. */
  inputEnv?: Readonly<Record<string, string | undefined>> | undefined;
  /** The directory that relative sidecar and skill paths are resolved against. */
  repoRoot?: string | undefined;
  /** The task of a one-shot run; without it the run is interactive. */
  task?: string | undefined;
  /** A title for the session of a one-shot run. */
  title?: string | undefined;
  /** Whether the harness will run as root. */
  hostIsRoot?: boolean | undefined;
}

/** What is known of persona files. */
export type Facts = FactsDocument;

/** What a fleet's plan follows from. What is left out is empty, or as usual. */
export type FleetRequest = Omit<Partial<FleetInput>, 'aim' | 'terms'> & {
  aim?: Partial<FleetAim>;
  terms?: Partial<FleetTerms>;
};

/** What a new roster is made of. */
export type ProvisionRequest = FleetProvisionInput;

/** What the script of a workflow says about itself. */
export interface WorkflowScript {
  /** Its name. */
  readonly name: string;
  /** What it is for. */
  readonly description: string;
  /** The model of calls that nothing else decides. */
  readonly model?: string;
  /** Its phases, in order. */
  readonly phases: readonly WorkflowPhase[];
  /** Everything that it says, also what nobody knows. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** The bytes of its UTF-8 from and to which it says so; all the rest is the body. */
  readonly statement: readonly [number, number];
}

/** Where a plan would be carried out. */
export type Places = PlacesDocument;

/** A persona that was found and put together. */
export interface Resolution {
  /** The persona with everything that it extends merged in. */
  readonly spec: PersonaSpec;
  /** What the planner plans. */
  readonly selection: PersonaSelection;
  /** The layer that has the persona. */
  readonly source: string;
  /** The file that has the persona; built-ins have none. */
  readonly path?: string;
  /** What went wrong on the way without stopping it. */
  readonly warnings: readonly Problem[];
}

/** One thing to do when a plan is carried out. */
export interface Action {
  readonly id: number;
  readonly phase: string;
  readonly kind: string;
  /** What it does, for people. */
  readonly line: string;
  readonly [member: string]: unknown;
}

/** Something that is allowed and still looks like a mistake. */
export interface Issue {
  readonly level: 'warning';
  readonly code: string;
  readonly provider: string;
  readonly path: string;
  readonly message: string;
  readonly [member: string]: unknown;
}

/** A place in a text as people count, both from 1; columns are characters. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

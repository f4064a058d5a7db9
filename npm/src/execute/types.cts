/// <reference lib="esnext.disposable" preserve="true" />
/** What plans and options look like, and what is answered. */

import type * as wire from '../wire.cjs';

/** A value that is only read. */
export type Given<T> = T extends (infer Item)[]
  ? readonly Given<Item>[]
  : T extends object
    ? { readonly [Member in keyof T]: Given<T[Member]> | ([undefined] extends [T[Member]] ? undefined : never) }
    : T;

export type {
  ConfigFile,
  Edition,
  MountPolicy,
  PersonaSpawnPlan,
  SidecarWrite,
  SkillInstall,
  SkillMaterializationPlan,
} from '../wire.cjs';

/** A plan, of either edition; one that names none is persona-kit 4's. Only what is read here is named. */
export type ExecutablePlan = Given<
  Pick<
    wire.PersonaSpawnPlan,
    'cli' | 'args' | 'configFiles' | 'skills' | 'sidecars' | 'env' | 'mount' | 'edition'
  >
> & { readonly persona: object };

/** How a run sees its project: as a private layer over it, as a copy, or as it is. */
export type ViewChoice = 'auto' | 'overlay' | 'copy' | 'inplace';

/** Something that happens while a plan is carried out. */
export type ProgressEvent =
  | { readonly event: 'phase'; readonly phase: string }
  | {
      readonly event: 'started' | 'done';
      readonly action: number;
      readonly phase: string;
      /** What the action does, for people. */
      readonly line: string;
    }
  | { readonly event: 'note'; readonly action: number; readonly text: string }
  | { readonly event: 'advice'; readonly text: string }
  | { readonly event: 'installing'; readonly skill: string; readonly command: string }
  /** A line that an installer printed; of one for all runs there is no action. */
  | { readonly event: 'output'; readonly action: number | null; readonly line: string }
  | { readonly event: 'recovered'; readonly run: string; readonly report: DisposeReport }
  | { readonly event: 'unreadable'; readonly run: string };

/** Options of everything that takes a while. */
export interface CallOptions {
  /**
   * Stops the call: what it did is taken back, then it rejects with the signal's reason.
   * It has no effect on a handle that was answered already.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Options of everything that changes a directory. */
export interface HelperOptions extends CallOptions {
  /** The directory. A relative one is resolved now; later changes of directory are harmless. */
  readonly cwd: string;
  /** Hears what happens. */
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
  /** How long to wait for other runs that work on the same files, in milliseconds. */
  readonly waitMs?: number | undefined;
}

/** How a project is mirrored. */
export interface MountOptions {
  /** Where the mirror is made; nothing may exist there. By default in the run's directory. */
  readonly mountDir?: string | undefined;
  /** What the run is called in lists. */
  readonly personaId?: string | undefined;
  /** Whether the mirror has `.git` too; it has by default. */
  readonly includeGit?: boolean | undefined;
  /**
   * Brings changes of the mirror into the project as they come, and what the user changes
   * there into the mirror. Deletions come when the handle is disposed. Without it changes
   * stay in the mirror until `apply` brings them back.
   */
  readonly autoSync?: boolean | AutoSyncOptions | undefined;
}

/** How changes are brought back as they come. */
export interface AutoSyncOptions {
  /** How often the mirror is looked at, in milliseconds; every second by default. */
  readonly scanIntervalMs?: number | undefined;
}

/** How installers of skills are run. */
export interface InstallerOptions {
  /** How long one may take, in milliseconds: ten minutes by default, 0 for no limit. */
  readonly commandTimeoutMs?: number | undefined;
  /** Variables that they get besides those that hold no secrets. */
  readonly allowEnv?: readonly string[] | undefined;
  /** Whether skills of edition 2026 that are kept for all runs are installed again. */
  readonly refreshSkills?: boolean | undefined;
}

/** Options of {@link executePersonaSpawnPlan}. */
export interface ExecuteOptions extends HelperOptions, InstallerOptions {
  /** Whether skills go when the run ends; they do by default. */
  readonly cleanupSkillsOnDispose?: boolean | undefined;
  /**
   * How the run sees the project. `auto`, the default, mirrors under a mount policy and
   * works in place without one; see `entered`.
   */
  readonly view?: ViewChoice | undefined;
  /**
   * Whether every program of the run will be started behind the handle's `argvPrefix`.
   * Then `auto` prefers a layer over the project's own path to a copy.
   */
  readonly entered?: boolean | undefined;
  /** Whether the project's `.agentignore` and `.agentreadonly` count. */
  readonly dotfiles?: boolean | undefined;
  readonly mount?: MountOptions | undefined;
}

/** Options of {@link preparePersonaLaunch}. */
export interface LaunchOptions extends ExecuteOptions {
  /**
   * Whose the run is. `process`, the default: when this process ends, the agent is ended and
   * the run is taken back. `agent`: an executor of the run's own holds it until the agent has
   * ended, even when this process is long gone; then it takes it back.
   */
  readonly custody?: 'process' | 'agent' | undefined;
  /** The variables that answer references and say where programs are; this process's by default. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** How the agent of a run is started. It may hold secrets. */
export interface LaunchDescriptor {
  /** The program, which brings the agent into the run's view. */
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Variables that it gets besides those of whoever starts it. */
  readonly env: Readonly<Record<string, string>>;
  /** What it reads, when it is for one task. */
  readonly stdin?: string | null;
  /** When it should be ended. */
  readonly timeoutSeconds?: number | null;
}

/** Options of {@link applyPersonaMount}. */
export interface ApplyMountOptions extends HelperOptions, MountOptions {}

/** Options of {@link runSkillInstalls}. */
export interface SkillInstallOptions extends HelperOptions, InstallerOptions {
  /** Whether the skills go when the handle is disposed; they do by default. */
  readonly cleanupOnDispose?: boolean | undefined;
  /** The dialect of the plan that the skills are from. */
  readonly edition?: wire.Edition | undefined;
}

/** What became of one action. */
export interface DisposeEntry {
  readonly action: number;
  /** What the action did, for people. */
  readonly line: string;
  /** `restored`, `removed`, `kept`, … or `failed`. */
  readonly kind: string;
  readonly path?: string | null;
  /** Where changed content was moved to when the original came back. */
  readonly movedTo?: string | null;
  readonly why?: string | null;
  readonly error?: string;
}

/** What became of everything that a run did. */
export interface DisposeReport {
  readonly run: string;
  /** Whether everything was taken back and nothing had to be kept. */
  readonly clean: boolean;
  /** Whether the run is over. */
  readonly closed: boolean;
  /** The run's directory, when it stays. */
  readonly leftover?: string | null;
  /** What was done about each action, last first. */
  readonly entries: readonly DisposeEntry[];
  /** Those of the entries that were left in place, because somebody changed them. */
  readonly kept: readonly DisposeEntry[];
  /** What `autoSync` came to at the end. */
  readonly live?: LiveReport;
}

/** What bringing changes back as they came led to. */
export interface LiveReport {
  /** Where the project had changed too. */
  readonly conflicts: readonly Conflict[];
  /** Why not everything was brought back; it is still in the view then. */
  readonly error?: string | null;
}

/** A path that was changed in a view and in the project. */
export interface Conflict {
  readonly path: string;
  /** Where the view's version is now, if both were kept. */
  readonly beside?: string | null;
}

/** An entry of a view that is not as it was when the run began. */
export interface Change {
  /** Relative to the project; one that is no text has its bytes in `rawPath`. */
  readonly path: string;
  readonly rawPath?: string;
  readonly kind: 'added' | 'modified' | 'deleted' | 'mode' | 'type';
  readonly what: 'file' | 'symlink' | 'directory' | 'other';
  readonly size?: number | null;
  readonly projectSize?: number | null;
  /** Whether the project's entry has changed too. */
  readonly conflict: boolean;
  /** Why it is not brought back: `hidden`, `read-only`, `generated`, `git`, … */
  readonly blocked?: string | null;
}

/** A commit that only a view has. */
export interface Commit {
  readonly name: string;
  readonly id: string;
  /** What it is called in the project's repository. */
  readonly reference: string;
}

/** What was done in a run's view. */
export interface ChangeSet {
  readonly run: string;
  readonly project: string;
  readonly view: string;
  readonly changes: readonly Change[];
  readonly commits: readonly Commit[];
}

/** How changes are brought into the project. */
export interface ApplyOptions extends CallOptions {
  /** What happens where the project has changed too; both versions stay by default. */
  readonly conflicts?: 'ours' | 'theirs' | 'keep-both' | undefined;
  /** Only these paths and what is below them, relative to the project. */
  readonly paths?: readonly string[] | undefined;
  /** Whether many deletions are meant. */
  readonly confirmDeletions?: boolean | undefined;
  /** Whether edited files of the run itself are put beside the project's. */
  readonly generated?: boolean | undefined;
  /** Whether it is only said what would be done. */
  readonly dryRun?: boolean | undefined;
  readonly waitMs?: number | undefined;
}

/** What became of changes. */
export interface Applied {
  readonly run: string;
  readonly dryRun: boolean;
  /** The run that did it, for `revert`. */
  readonly appliedBy?: string | null;
  readonly applied: readonly { readonly path: string; readonly kind: Change['kind'] }[];
  readonly conflicts: readonly Conflict[];
  /** What stays in the view, and why. */
  readonly left: readonly { readonly path: string; readonly reason: string }[];
  /** What changed meanwhile; another call gets it. */
  readonly missed: readonly { readonly path: string }[];
  readonly commits: readonly string[];
  /** Whether the view had nothing else and is gone. */
  readonly viewRemoved: boolean;
}

/** What was given up. */
export interface Discarded {
  /** The changes that are gone, in a few words. */
  readonly discarded: string;
  readonly references: readonly string[];
}

/** Something that was carried out and can be taken back. */
export interface ExecutionHandle {
  /** The run's id, for `attach` and `callsheet dispose`. */
  readonly id: string;
  /** Where to work: the mirror, or `options.cwd` as it was given. */
  readonly cwd: string;
  /** How the run sees the project. */
  readonly view: Exclude<ViewChoice, 'auto'>;
  /** What holds programs to what the view hides and protects. */
  readonly enforcement: string;
  /** Words that come in front of every command that is to work in the run's view. */
  readonly argvPrefix: readonly string[];
  /** What the user should know although nothing failed. */
  readonly notes: readonly string[];
  /**
   * Takes everything back, last first. Every call answers with the same promise. It
   * rejects when something could not be taken back; `recover` tries again.
   */
  dispose(): Promise<DisposeReport>;
  /** Lists what was done in the run's view, while it lives or after it. */
  changes(options?: CallOptions): Promise<ChangeSet>;
  /** Brings that into the project: all of it or nothing. */
  apply(options?: ApplyOptions): Promise<Applied>;
  /** Disposes the run and gives up what was done in its view. */
  discard(): Promise<Discarded>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A handle that says how the agent of its run is started. */
export interface LaunchHandle extends ExecutionHandle {
  readonly launch: LaunchDescriptor;
}

/** Like a handle; without a policy nothing was carried out and there is no run. */
export type MountHandle = Omit<ExecutionHandle, 'id' | 'changes' | 'apply' | 'discard'> &
  Partial<Pick<ExecutionHandle, 'id' | 'changes' | 'apply' | 'discard'>>;

/** A run in a list. */
export interface RunSummary {
  readonly id: string;
  /** `live`, `dead` (needs recovery), `closed`, `committed` or `damaged`. */
  readonly state: string;
  readonly label?: string | null;
  readonly cwd?: string | null;
  readonly startedMs?: number | null;
  readonly directory: string;
}

/** What recovery did about one run. */
export interface RecoveredRun {
  readonly id: string;
  readonly cwd?: string | null;
  /** Whether everything that the run did is taken back. */
  readonly recovered: boolean;
  readonly report?: DisposeReport;
  /** Why nothing could be tried. */
  readonly error?: string;
}

/** Options of {@link recover}. */
export interface RecoverOptions extends CallOptions {
  /** Only runs about this directory. */
  readonly cwd?: string | undefined;
}

/** Options of {@link gc}. */
export interface GcOptions extends CallOptions {
  /** How old a run must be; a week by default. */
  readonly olderThanMs?: number | undefined;
  /** Removes runs with a damaged journal too, with their backups. */
  readonly damaged?: boolean | undefined;
  /** Only says what would go. */
  readonly dryRun?: boolean | undefined;
}

/** A directory that was looked at. */
export interface Cleared {
  readonly directory: string;
  readonly held: string;
  readonly removed: boolean;
}

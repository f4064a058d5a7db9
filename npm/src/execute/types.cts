/** What plans and options look like, and what is answered. */

/** What of a project its mirror leaves out and protects, in gitignore syntax. */
export interface MountPolicy {
  readonly ignoredPatterns: readonly string[];
  readonly readonlyPatterns: readonly string[];
}

/** A Markdown file that the harness reads from its working directory. */
export interface SidecarWrite {
  readonly filename: string;
  readonly contents?: string | undefined;
  readonly sourcePath?: string | undefined;
  readonly mode: 'overwrite' | 'extend';
}

/** A file below the working directory. */
export interface ConfigFile {
  readonly path: string;
  readonly contents: string;
}

/** How one skill is installed. */
export interface SkillInstall {
  readonly skillId: string;
  readonly source: string;
  readonly sourceKind: string;
  readonly packageRef: string;
  readonly harness: string;
  readonly installCommand: readonly string[];
  readonly installedDir: string;
  readonly installedManifest: string;
  readonly cleanupPaths: readonly string[];
}

/** The skills of a plan. */
export interface SkillMaterializationPlan {
  readonly harness: string;
  readonly installs: readonly SkillInstall[];
  readonly sessionInstallRoot?: string | undefined;
}

/** A dialect of plans. A plan that names none is persona-kit 4's. */
export type Edition = 'persona-kit-4' | '2026';

/** A plan, of either edition. Only what is read here is named. */
export interface PersonaSpawnPlan {
  readonly persona: object;
  readonly cli: string;
  readonly args: readonly string[];
  readonly configFiles: readonly ConfigFile[];
  readonly skills: SkillMaterializationPlan;
  readonly sidecars: readonly SidecarWrite[];
  readonly env: Readonly<Record<string, string>>;
  readonly mount?: MountPolicy | undefined;
  readonly edition?: Edition | undefined;
}

/** How a run sees its project: as a private layer over it, as a copy, or as it is. */
export type View = 'auto' | 'overlay' | 'copy' | 'inplace';

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
  /** Reserved: changes stay in the mirror until they are asked for. */
  readonly autoSync?: boolean | object | undefined;
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
  readonly view?: View | undefined;
  /**
   * Whether every program of the run will be started behind the handle's `argvPrefix`.
   * Then `auto` prefers a layer over the project's own path to a copy.
   */
  readonly entered?: boolean | undefined;
  /** Whether the project's `.agentignore` and `.agentreadonly` count. */
  readonly dotfiles?: boolean | undefined;
  readonly mount?: MountOptions | undefined;
}

/** Options of {@link applyPersonaMount}. */
export interface ApplyMountOptions extends HelperOptions, MountOptions {}

/** Options of {@link runSkillInstalls}. */
export interface SkillInstallOptions extends HelperOptions, InstallerOptions {
  /** Whether the skills go when the handle is disposed; they do by default. */
  readonly cleanupOnDispose?: boolean | undefined;
  /** The dialect of the plan that the skills are from. */
  readonly edition?: Edition | undefined;
}

/** What became of one action. */
export interface DisposeEntry {
  readonly action: number;
  /** What the action did, for people. */
  readonly line: string;
  /** `restored`, `removed`, `kept`, … or `failed`. */
  readonly kind: string;
  readonly path?: string | null;
  /** Where the original lies when something else was kept in its place. */
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
}

/** Something that was carried out and can be taken back. */
export interface ExecutionHandle {
  /** The run's id, for `attach` and `callsheet dispose`. */
  readonly id: string;
  /** Where to work: the mirror, or `options.cwd` as it was given. */
  readonly cwd: string;
  /** How the run sees the project. */
  readonly view: Exclude<View, 'auto'>;
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
  [Symbol.asyncDispose](): Promise<void>;
}

/** Like a handle; without a policy nothing was carried out and there is no run. */
export type MountHandle = Omit<ExecutionHandle, 'id'> & { readonly id?: string };

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

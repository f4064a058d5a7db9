/** Options and handles of what is carried out. */

/** How changes of a mirror are brought back as they come. */
export interface AutoSyncOptions {
  /** How often it is looked at, in milliseconds; 0 and `Infinity` leave the default. */
  scanIntervalMs?: number;
  /** Taken for `scanIntervalMs` where that is missing. */
  healthyScanIntervalMs?: number;
  debounceMs?: number;
  onError?: (error: Error) => void;
}

export interface ApplyPersonaMountOptions {
  cwd: string;
  /** Where the mirror is made; needed when there is a policy. */
  mountDir?: string;
  /** What the run is called; needed when there is a policy. */
  personaId?: string;
  includeGit?: boolean;
  autoSync?: boolean | AutoSyncOptions;
}

export interface PersonaMountHandle {
  readonly cwd: string;
  dispose(): Promise<void>;
}

export interface PersonaSidecarHandle {
  dispose(): Promise<void>;
}

export interface PersonaConfigFilesHandle {
  dispose(): Promise<void>;
}

export interface PersonaSkillsHandle {
  dispose(): Promise<void>;
}

export interface RunSkillInstallsOptions {
  cwd: string;
  /** Whether the skills go when the handle is disposed; they do by default. */
  cleanupOnDispose?: boolean;
}

export interface ExecutionHandle {
  readonly cwd: string;
  dispose(): Promise<void>;
}

export interface ExecuteOptions {
  cwd: string;
  cleanupSkillsOnDispose?: boolean;
  mount?: Omit<ApplyPersonaMountOptions, 'cwd'>;
}

/** The types of persona-kit 4, by its names. */

import type {
  CODEX_APPROVAL_POLICIES,
  CODEX_SANDBOX_MODES,
  HARNESS_VALUES,
  KNOWN_SCOPE_KEY_CATALOG,
  KNOWN_TRIGGER_CATALOG,
  PERMISSION_MODES,
  PERSONA_INTENTS,
  PERSONA_TAGS,
  SIDECAR_MD_MODES,
  SKILL_SOURCE_KINDS,
} from './constants.cjs';

export type Harness = (typeof HARNESS_VALUES)[number];
export type PersonaIntent = (typeof PERSONA_INTENTS)[number];
/** A tag of a parsed persona, which may be any text. */
export type PersonaTag = string;
/** A tag that authors may use. */
export type KnownPersonaTag = (typeof PERSONA_TAGS)[number];
export type CodexSandboxMode = (typeof CODEX_SANDBOX_MODES)[number];
export type CodexApprovalPolicy = (typeof CODEX_APPROVAL_POLICIES)[number];
export type SidecarMdMode = (typeof SIDECAR_MD_MODES)[number];
export type PermissionMode = (typeof PERMISSION_MODES)[number];
export type SkillSourceKind = (typeof SKILL_SOURCE_KINDS)[number];

/** Values of the environment, as `process.env` has them. */
export type Environment = Record<string, string | undefined>;

export interface HarnessSettings {
  reasoning: 'low' | 'medium' | 'high';
  timeoutSeconds: number;
  sandboxMode?: CodexSandboxMode;
  /** @deprecated Codex has no such option any more. */
  approvalPolicy?: CodexApprovalPolicy;
  workspaceWriteNetworkAccess?: boolean;
  webSearch?: boolean;
  /** Excludes the other three that are about the sandbox. */
  dangerouslyBypassApprovalsAndSandbox?: boolean;
  [member: string]: unknown;
}

export interface PersonaSkill {
  id: string;
  source: string;
  description: string;
  [member: string]: unknown;
}

export interface PersonaInputSpec {
  description?: string;
  /** The variable that gives a value; the input's own name by default. */
  env?: string;
  default?: string;
  /** Whether the value may be missing; it is empty then. */
  optional?: boolean;
  picker?: PersonaInputPicker;
  [member: string]: unknown;
}

export interface PersonaInputPicker {
  provider: string;
  resource: string;
  [member: string]: unknown;
}

export interface PersonaPermissions {
  allow?: string[];
  deny?: string[];
  mode?: PermissionMode;
  [member: string]: unknown;
}

export interface PersonaMount {
  enabled?: boolean;
  ignoredPatterns?: string[];
  readonlyPatterns?: string[];
  [member: string]: unknown;
}

export type McpServerSpec =
  | {
      type: 'http' | 'sse';
      url: string;
      headers?: Record<string, string>;
      [member: string]: unknown;
    }
  | {
      type: 'stdio';
      command: string;
      args?: string[];
      env?: Record<string, string>;
      [member: string]: unknown;
    };

export interface PersonaIntegrationTrigger {
  on: string;
  match?: string;
  where?: string;
  paths?: string[];
  maxConcurrency?: number;
  [member: string]: unknown;
}

export type IntegrationSource =
  | { kind: 'deployer_user'; [member: string]: unknown }
  | { kind: 'workspace'; [member: string]: unknown }
  | { kind: 'workspace_service_account'; name: string; [member: string]: unknown };

export interface PersonaIntegrationConfig {
  source?: IntegrationSource;
  scope?: Record<string, string>;
  config?: Record<string, unknown>;
  optional?: boolean;
  enabledByInput?: string;
  [member: string]: unknown;
}

export interface PersonaSchedule {
  name: string;
  cron: string;
  tz?: string;
  [member: string]: unknown;
}

export type WatchEvent = 'created' | 'updated' | 'deleted';

export interface WatchRule {
  paths: string[];
  events: WatchEvent[];
  debounceMs?: number;
  match?: string;
  [member: string]: unknown;
}

export interface AgentSpec {
  launchedBy?: 'team-dispatcher';
  triggers?: Record<string, PersonaIntegrationTrigger[]>;
  schedules?: PersonaSchedule[];
  watch?: WatchRule[];
  [member: string]: unknown;
}

export type PersonaMemoryScope = 'workspace' | 'user' | 'global';

export interface PersonaMemoryConfig {
  enabled?: boolean;
  scopes?: PersonaMemoryScope[];
  ttlDays?: number;
  autoPromote?: boolean;
  dedupMs?: number;
  trajectories?: boolean | PersonaTrajectoryConfig;
  aiMemory?: boolean | PersonaAiMemoryConfig;
  [member: string]: unknown;
}

export interface PersonaTrajectoryConfig {
  enabled?: boolean;
  autoCompact?: boolean;
  [member: string]: unknown;
}

export interface PersonaAiMemoryConfig {
  enabled?: boolean;
  dbPath?: string;
  [member: string]: unknown;
}

export type PersonaMemory = boolean | PersonaMemoryConfig;

export interface PersonaRelayConfig {
  enabled?: boolean;
  agentName?: string;
  channels?: string[];
  inbox?: string[];
  defaultWorkspace?: string;
  [member: string]: unknown;
}

export type PersonaRelay = boolean | PersonaRelayConfig;

export type CapabilityValue = boolean | { enabled?: boolean; [member: string]: unknown };

export interface PersonaHttpReadRule {
  method: 'GET' | 'HEAD';
  urlGlob: string;
}

export type PersonaHttpReadCapability = {
  enabled?: boolean;
  allow?: PersonaHttpReadRule[];
};

export interface ProactiveCapabilities {
  review?: CapabilityValue;
  issueClaim?: CapabilityValue;
  conflictAutofix?: CapabilityValue;
  /** The former name of `review`. */
  pullRequest?: CapabilityValue;
  httpRead?: PersonaHttpReadCapability;
  [capability: string]: CapabilityValue | undefined;
}

/** A persona file that was parsed. */
export interface PersonaSpec {
  id: string;
  intent: string;
  tags?: readonly string[];
  description: string;
  skills: PersonaSkill[];
  inputs?: Record<string, PersonaInputSpec>;
  harness?: Harness;
  model?: string;
  systemPrompt?: string;
  harnessSettings: HarnessSettings;
  env?: Record<string, string>;
  mcpServers?: Record<string, McpServerSpec>;
  permissions?: PersonaPermissions;
  sandbox?: boolean;
  mount?: PersonaMount;
  claudeMd?: string;
  claudeMdMode?: SidecarMdMode;
  agentsMd?: string;
  agentsMdMode?: SidecarMdMode;
  claudeMdContent?: string;
  agentsMdContent?: string;
  cloud?: boolean;
  useSubscription?: boolean;
  integrations?: Record<string, PersonaIntegrationConfig>;
  capabilities?: ProactiveCapabilities;
  memory?: PersonaMemory;
  relay?: PersonaRelay;
  onEvent?: string;
  [member: string]: unknown;
}

/** What the planner plans. */
export interface PersonaSelection {
  personaId: string;
  harness: Harness;
  model: string;
  systemPrompt: string;
  harnessSettings: HarnessSettings;
  skills: PersonaSkill[];
  rationale: string;
  inputs?: Record<string, PersonaInputSpec>;
  inputValues?: Record<string, string>;
  env?: Record<string, string>;
  mcpServers?: Record<string, McpServerSpec>;
  permissions?: PersonaPermissions;
  mount?: PersonaMount;
  memory?: PersonaMemory;
  claudeMd?: string;
  claudeMdContent?: string;
  claudeMdMode?: SidecarMdMode;
  agentsMd?: string;
  agentsMdContent?: string;
  agentsMdMode?: SidecarMdMode;
}

export type ResolvedPersona = PersonaSelection;

export interface HarnessSkillTarget {
  /** What `prpm install --as` is given. */
  asFlag: string;
  /** Where skills land, relative to the project. */
  dir: string;
}

export interface SkillMaterializationOptions {
  /** A directory to stage skills in, outside the project; of claude only. */
  installRoot?: string;
  /** What relative local sources are relative to. */
  repoRoot?: string;
}

export interface SkillInstall {
  skillId: string;
  source: string;
  sourceKind: SkillSourceKind;
  packageRef: string;
  harness: Harness;
  installCommand: readonly string[];
  installedDir: string;
  installedManifest: string;
  cleanupPaths: readonly string[];
}

export interface SkillMaterializationPlan {
  harness: Harness;
  installs: SkillInstall[];
  sessionInstallRoot?: string;
  repoRoot?: string;
}

export interface PersonaInstallContext {
  readonly plan: SkillMaterializationPlan;
  readonly command: readonly string[];
  readonly commandString: string;
  readonly cleanupCommand: readonly string[];
  readonly cleanupCommandString: string;
}

export interface PersonaContext {
  readonly selection: PersonaSelection;
  readonly install: PersonaInstallContext;
}

export type ScopeKeyProvider = keyof typeof KNOWN_SCOPE_KEY_CATALOG;
export type ScopeKey<P extends ScopeKeyProvider = ScopeKeyProvider> =
  (typeof KNOWN_SCOPE_KEY_CATALOG)[P][number];
export type KnownProviderName = keyof typeof KNOWN_TRIGGER_CATALOG;
export type KnownTriggerName<P extends KnownProviderName = KnownProviderName> =
  (typeof KNOWN_TRIGGER_CATALOG)[P][number];

export type TriggerLintLevel = 'warning';
export type TriggerLintCode =
  | 'unknown_provider'
  | 'unknown_trigger'
  | 'watch_path_not_absolute'
  | 'watch_empty_events';

export interface TriggerLintIssue {
  level: TriggerLintLevel;
  code: TriggerLintCode;
  provider: string;
  trigger: string;
  path: string;
  message: string;
}

export type ScopeLintLevel = 'warning';
export type ScopeLintCode =
  | 'scope_empty_value'
  | 'scope_untrimmed'
  | 'scope_trailing_slash'
  | 'scope_mid_path_wildcard'
  | 'scope_traversal_segment'
  | 'scope_provider_root'
  | 'scope_high_cardinality_root';

export interface ScopeLintIssue {
  level: ScopeLintLevel;
  code: ScopeLintCode;
  provider: string;
  resource: string;
  path: string;
  message: string;
}

export type SkillUpstreamRecord =
  | { kind: 'prpm'; packageRef: string; version: string }
  | { kind: 'github-blob'; blobUrl: string; sha: string };

export interface SkillCacheFingerprintInput {
  harness: Harness;
  skills: readonly PersonaSkill[];
  repoRoot?: string;
}

export interface SkillCacheMarkerSkill {
  id: string;
  source: string;
  sourceKind?: SkillSourceKind;
  upstream?: SkillUpstreamRecord;
}

export interface SkillCacheMarker {
  schemaVersion: 2;
  fingerprint: string;
  harness: Harness;
  installedAt: string;
  lastUpstreamCheckAt?: string;
  skills: readonly SkillCacheMarkerSkill[];
}

/** As much of `fetch` as is used. */
export type MinimalFetch = (
  url: string,
  init?: { signal?: AbortSignal; headers?: Record<string, string> },
) => Promise<{ ok: boolean; status: number; json: () => Promise<unknown> }>;

export interface ProbeDeps {
  fetchImpl?: MinimalFetch;
  /** How long one question may take; five seconds by default. */
  timeoutMs?: number;
}

export interface SkillDriftDetail {
  skillId: string;
  source: string;
  kind: SkillUpstreamRecord['kind'];
  drifted: boolean;
  note: string;
}

export interface UpstreamDriftResult {
  drifted: boolean;
  details: SkillDriftDetail[];
}

export type EnvRefResolver = (value: string) => string;
export type LenientResult =
  | { ok: true; value: string }
  | { ok: false; field: string; ref: string };

export interface DroppedRef {
  field: string;
  ref: string;
}

export interface DroppedMcpServer {
  name: string;
  refs: string[];
}

export interface McpResolution {
  servers: Record<string, McpServerSpec> | undefined;
  dropped: DroppedRef[];
  droppedServers: DroppedMcpServer[];
}

export type PersonaInputValues = Record<string, string | number | boolean | null | undefined>;

export interface PersonaInputResolution {
  values: Record<string, string>;
}

export interface RelayMcpConfig {
  apiKey: string;
  agentName: string;
  baseUrl?: string;
  defaultWorkspace?: string;
}

export interface AiHistMcpConfig {
  trajectoryRoot?: string;
  dbPath?: string;
}

export interface InteractiveConfigFile {
  path: string;
  contents: string;
}

export interface BuildInteractiveSpecInput {
  harness: Harness;
  personaId: string;
  model: string;
  systemPrompt: string;
  mcpServers?: Record<string, McpServerSpec>;
  relayMcp?: RelayMcpConfig;
  aiHist?: AiHistMcpConfig;
  permissions?: PersonaPermissions;
  harnessSettings?: HarnessSettings;
  pluginDirs?: readonly string[];
}

export interface InteractiveSpec {
  bin: string;
  args: readonly string[];
  initialPrompt: string | null;
  warnings: string[];
  configFiles: InteractiveConfigFile[];
  mcpServers?: Record<string, McpServerSpec>;
}

export type NonInteractivePrompt =
  | { readonly mode: 'stdin'; readonly contents: string }
  | { readonly mode: 'file'; readonly contents: string; readonly flag: '--prompt-file' };

export interface NonInteractiveSpec {
  bin: string;
  args: readonly string[];
  prompt: NonInteractivePrompt;
  configFiles: readonly InteractiveConfigFile[];
  warnings: readonly string[];
}

export type ResolveRelayMcpResult =
  | { kind: 'disabled' }
  | { kind: 'missing-secret'; reason: string }
  | { kind: 'ready'; config: RelayMcpConfig };

export interface HarnessAvailability {
  harness: Harness;
  available: boolean;
  version?: string;
  path?: string;
  error?: string;
}

export interface ResolvedMountPolicy {
  ignoredPatterns: string[];
  readonlyPatterns: string[];
}

export type ResolvedSidecarWrite = {
  filename: 'CLAUDE.md' | 'AGENTS.md';
  mode: SidecarMdMode;
} & ({ contents: string; sourcePath?: never } | { sourcePath: string; contents?: never });

export interface ResolvedInputBinding {
  name: string;
  envName: string;
  value: string;
}

export interface PersonaSpawnPlan {
  /** The very object that was planned. */
  persona: ResolvedPersona;
  cli: Harness;
  args: string[];
  initialPrompt?: string;
  configFiles: InteractiveConfigFile[];
  skills: SkillMaterializationPlan;
  mount?: ResolvedMountPolicy;
  sidecars: ResolvedSidecarWrite[];
  inputs: ResolvedInputBinding[];
  env: Record<string, string>;
}

export interface PlanOptions {
  installRoot?: string;
  envOverrides?: Record<string, string>;
  /** Becomes part of the plan, secrets included. */
  processEnv?: Environment;
  includeProcessEnv?: boolean;
  inputValues?: PersonaInputValues;
}

/** Deployment facts that a persona does not hold. */
export interface DeriveAgentCardOptions {
  baseUrl: string;
  version: string;
  documentationUrl?: string;
  inputModes?: readonly string[];
  outputModes?: readonly string[];
}

/** A card of the A2A protocol. */
export interface A2aAgentCard {
  name: string;
  description: string;
  url: string;
  version: string;
  skills: { id: string; name: string; description: string; tags: string[] }[];
  provider: Record<string, unknown>;
  capabilities: { streaming: boolean; pushNotifications: boolean };
  default_input_modes: string[];
  default_output_modes: string[];
  documentation_url?: string;
  [member: string]: unknown;
}

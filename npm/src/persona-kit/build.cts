/** Plans and what they are made of: the pure functions of persona-kit 4 beside the parsers. */

import { ask, plan as planned } from './call.cjs';
import type { PersonaDefinition } from './define.cjs';
import { MissingEnvRefError } from './errors.cjs';
import { isObject, read } from './form.cjs';
import type {
  AgentSpec,
  BuildInteractiveSpecInput,
  DroppedMcpServer,
  DroppedRef,
  Environment,
  Harness,
  InteractiveSpec,
  LenientResult,
  McpResolution,
  McpServerSpec,
  NonInteractiveSpec,
  PersonaInputResolution,
  PersonaInputSpec,
  PersonaInputValues,
  PersonaRelay,
  PersonaSelection,
  PersonaSkill,
  PersonaSpawnPlan,
  PersonaSpec,
  PlanOptions,
  ResolveRelayMcpResult,
  ResolvedPersona,
  ScopeLintIssue,
  SkillCacheMarker,
  SkillMaterializationOptions,
  SkillMaterializationPlan,
  SkillSourceKind,
  TriggerLintIssue,
} from './types.cjs';

interface HostProcess {
  readonly env?: Environment;
  readonly platform?: string;
}

/** The process of the host, where it has one. */
function host(): HostProcess {
  return (globalThis as { process?: HostProcess }).process ?? {};
}

/** Returns its argument: all that it does is in its type. */
export function definePersona<const T extends PersonaDefinition>(input: T): T {
  return input;
}

/** Values as texts where JSON would lose them: `NaN` is the text `NaN`. */
function values(given: PersonaInputValues | null | undefined): PersonaInputValues | null | undefined {
  if (!isObject(given)) return given;
  const isPlain = (value: unknown): boolean =>
    value == null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
  if (Object.values(given).every(isPlain)) return given;
  const texts = Object.entries(given).map(([name, value]) => [name, isPlain(value) ? value : String(value)]);
  return Object.fromEntries(texts) as PersonaInputValues;
}

/** Builds the plan that starts a persona's agent. */
export function buildPersonaSpawnPlan(
  persona: ResolvedPersona,
  options: PlanOptions = {},
): PersonaSpawnPlan {
  const { installRoot, envOverrides, processEnv, includeProcessEnv, inputValues } = options;
  const selection = read(persona, 'buildPersonaSpawnPlan') as PersonaSelection;
  if (selection.inputValues) {
    selection.inputValues = values(selection.inputValues) as Record<string, string>;
  }
  const plan = planned(selection, {
    installRoot,
    envOverrides,
    processEnv: processEnv ?? (includeProcessEnv ? host().env : undefined),
    includeProcessEnv,
    inputValues: values(inputValues),
  }) as PersonaSpawnPlan;
  plan.persona = persona;
  freezeLists(plan.skills);
  return plan;
}

function freezeLists(plan: SkillMaterializationPlan): SkillMaterializationPlan {
  for (const install of plan.installs) {
    Object.freeze(install.installCommand);
    Object.freeze(install.cleanupPaths);
  }
  return plan;
}

export function resolveSkillSource(source: string): {
  kind: SkillSourceKind;
  packageRef: string;
  installedName: string;
} {
  return ask('resolveSkillSource', source);
}

/** Tells how skills are installed for a harness and where they land. */
export function materializeSkills(
  skills: readonly PersonaSkill[],
  harness: Harness,
  options: SkillMaterializationOptions = {},
): SkillMaterializationPlan {
  return freezeLists(ask('materializeSkills', skills, harness, options));
}

/** Like `materializeSkills`, for a persona that was resolved. */
export function materializeSkillsFor(
  selection: PersonaSelection,
  options: SkillMaterializationOptions = {},
): SkillMaterializationPlan {
  return freezeLists(
    ask('materializeSkillsFor', read(selection, 'buildPersonaSpawnPlan'), options),
  );
}

export function buildInstallArtifacts(plan: SkillMaterializationPlan): {
  installCommand: readonly string[];
  installCommandString: string;
} {
  const artifacts = ask<ReturnType<typeof buildInstallArtifacts>>('buildInstallArtifacts', plan);
  Object.freeze(artifacts.installCommand);
  return artifacts;
}

export function buildCleanupArtifacts(plan: SkillMaterializationPlan): {
  cleanupCommand: readonly string[];
  cleanupCommandString: string;
} {
  const artifacts = ask<ReturnType<typeof buildCleanupArtifacts>>('buildCleanupArtifacts', plan);
  Object.freeze(artifacts.cleanupCommand);
  return artifacts;
}

/** Says how a harness is started for a session with a person. */
export function buildInteractiveSpec(input: BuildInteractiveSpecInput): InteractiveSpec {
  const spec = ask<InteractiveSpec>('buildInteractiveSpec', input);
  const { mcpServers } = spec;
  const servers = mcpServers && input.mcpServers ? own(mcpServers, input.mcpServers) : mcpServers;
  // The member is there even when there are none.
  return Object.assign(spec, { mcpServers: servers });
}

/** The caller's own servers among those of a spec, or the caller's own map. */
function own(
  merged: Record<string, McpServerSpec>,
  given: Record<string, McpServerSpec>,
): Record<string, McpServerSpec> {
  const names = Object.keys(merged);
  if (names.length === Object.keys(given).length) return given;
  for (const name of names) {
    const server = Object.hasOwn(given, name) ? given[name] : undefined;
    if (server) merged[name] = server;
  }
  return merged;
}

/** Says how a harness is started for one task. */
export function buildNonInteractiveSpec(
  input: BuildInteractiveSpecInput & { task: string; name?: string; workingDirectory?: string },
): NonInteractiveSpec {
  const windows = host().platform === 'win32';
  return ask('buildNonInteractiveSpec', { ...input, windows });
}

export function resolvePersonaRelayMcp(
  relay: PersonaRelay | undefined,
  env: Record<string, string | undefined>,
  fallbackAgentName?: string,
): ResolveRelayMcpResult {
  return ask('resolvePersonaRelayMcp', relay, env, fallbackAgentName);
}

/** Resolves references in texts; what is not set is an error. */
export function makeEnvRefResolver(processEnv: Environment): (value: string, field: string) => string {
  return (value, field) => ask('resolveReference', value, processEnv, field);
}

/** Like `makeEnvRefResolver`, but tells what is not set. */
export function makeLenientResolver(
  processEnv: Environment,
): (value: string, field: string) => LenientResult {
  const resolve = makeEnvRefResolver(processEnv);
  return (value, field) => {
    try {
      return { ok: true, value: resolve(value, field) };
    } catch (error) {
      if (!(error instanceof MissingEnvRefError)) throw error;
      return { ok: false, field, ref: error.ref };
    }
  };
}

export function resolveStringMap(
  map: Record<string, string> | undefined,
  processEnv: Environment,
  fieldPrefix: string,
): Record<string, string> | undefined {
  return ask('resolveStringMap', map, processEnv, fieldPrefix);
}

export function resolveStringMapLenient(
  map: Record<string, string> | undefined,
  processEnv: Environment,
  fieldPrefix: string,
): { value: Record<string, string> | undefined; dropped: DroppedRef[] } {
  const { value, dropped } = ask<ReturnType<typeof resolveStringMapLenient>>(
    'resolveStringMapLenient',
    map,
    processEnv,
    fieldPrefix,
  );
  return { value, dropped };
}

export function resolveMcpServersLenient(
  servers: Record<string, McpServerSpec> | undefined,
  processEnv: Environment,
): McpResolution {
  const resolved = ask<McpResolution>('resolveMcpServersLenient', servers, processEnv);
  return { servers: resolved.servers, dropped: resolved.dropped, droppedServers: resolved.droppedServers };
}

export function formatDropWarnings(
  envDrops: DroppedRef[],
  mcpDrops: DroppedRef[],
  mcpServerDrops: DroppedMcpServer[],
): string[] {
  return ask('formatDropWarnings', envDrops, mcpDrops, mcpServerDrops);
}

export function resolvePersonaInputs(
  inputs: Record<string, PersonaInputSpec> | undefined,
  provided: PersonaInputValues | undefined,
  processEnv: Environment,
): PersonaInputResolution {
  return ask('resolvePersonaInputs', inputs, values(provided), processEnv);
}

export function renderPersonaInputs(systemPrompt: string, values: Record<string, string>): string {
  return ask('renderPersonaInputs', systemPrompt, values);
}

/** Looks for likely mistakes in an agent's triggers and watch rules. */
export function lintTriggers(agent: AgentSpec): TriggerLintIssue[] {
  return ask('lintTriggers', read(agent, 'parseAgentSpec'));
}

/** Looks for likely mistakes in the scopes of a persona's integrations. */
export function lintScopes(persona: PersonaSpec): ScopeLintIssue[] {
  return ask('lintScopes', read(persona, 'parsePersonaSpec'));
}

export function assertSafeRelativePath(relPath: string): void {
  ask('assertSafeRelativePath', relPath);
}

/** Reads how often sources are looked at: milliseconds, `null` for never. */
export function parseCheckInterval(raw: string | undefined): number | null | undefined {
  return ask('parseCheckInterval', raw);
}

export function isUpstreamCheckDue(
  marker: SkillCacheMarker,
  intervalMs: number | null,
  now: number = Date.now(),
): boolean {
  // Whatever the host takes for a time.
  const last = Date.parse(marker.lastUpstreamCheckAt ?? '');
  const times = Number.isNaN(last) ? {} : { lastUpstreamCheckAt: new Date(last).toISOString() };
  const blank = { schemaVersion: 2, fingerprint: '', harness: '', installedAt: '', skills: [] };
  return ask('isUpstreamCheckDue', { ...blank, ...times }, intervalMs, now);
}

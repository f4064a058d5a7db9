/** The parsers, predicates and checks of persona-kit 4. */

import { ask } from './call.cjs';
import { fromWire, isObject, read, toWire } from './form.cjs';
import { FORMS } from './forms.cjs';
import type {
  A2aAgentCard,
  AgentSpec,
  DeriveAgentCardOptions,
  Harness,
  HarnessSettings,
  IntegrationSource,
  McpServerSpec,
  PersonaInputSpec,
  PersonaIntegrationConfig,
  PersonaIntegrationTrigger,
  PersonaIntent,
  PersonaMemory,
  PersonaMount,
  PersonaPermissions,
  PersonaRelay,
  PersonaSchedule,
  PersonaSelection,
  PersonaSkill,
  PersonaSpec,
  PersonaTag,
  ProactiveCapabilities,
  SidecarMdMode,
  WatchRule,
} from './types.cjs';

export { isImplicitIntegrationSource, isObject, isPlainObject } from './form.cjs';

function parsed<T>(name: string, value: unknown, context: string | undefined): T {
  const form = FORMS[name];
  // Messages begin with it, whatever it is.
  const root = context === undefined ? undefined : String(context);
  const result = ask<unknown>(name, toWire(value, form), root);
  return (form ? fromWire(result, value, form) : result) as T;
}

/** A text is no name of anything as soon as it has half of a surrogate pair. */
function holds(name: string, value: unknown): boolean {
  return typeof value === 'string' && ask<boolean>(name, value.replace(/\p{Cs}/gu, '\uFFFD'));
}

export function isHarness(value: unknown): value is Harness {
  return holds('isHarness', value);
}

export function isIntent(value: unknown): value is PersonaIntent {
  return holds('isIntent', value);
}

/** @deprecated Every text that is not blank is a tag; `parseTags` looks at the rest. */
export function isTag(value: unknown): value is PersonaTag {
  return holds('isTag', value);
}

export function isSidecarMode(value: unknown): value is SidecarMdMode {
  return holds('isSidecarMode', value);
}

export function assertInputName(name: string, context: string): void {
  parsed('assertInputName', name, context);
}

export function assertSidecarPath(value: unknown, context: string): void {
  parsed('assertSidecarPath', value, context);
}

export function parseTags(value: unknown, context: string): readonly string[] | undefined {
  return parsed('parseTags', value, context);
}

export function parseHarnessSettings(value: unknown, context: string): HarnessSettings {
  return parsed('parseHarnessSettings', value, context);
}

export function parseSkills(value: unknown, context: string): PersonaSkill[] {
  return parsed('parseSkills', value, context);
}

export function parseStringList(value: unknown, context: string): string[] | undefined {
  return parsed('parseStringList', value, context);
}

export function parseMount(value: unknown, context: string): PersonaMount | undefined {
  return parsed('parseMount', value, context);
}

export function parseInputs(
  value: unknown,
  context: string,
): Record<string, PersonaInputSpec> | undefined {
  return parsed('parseInputs', value, context);
}

export function parsePermissions(value: unknown, context: string): PersonaPermissions | undefined {
  return parsed('parsePermissions', value, context);
}

export function parseStringMap(
  value: unknown,
  context: string,
): Record<string, string> | undefined {
  return parsed('parseStringMap', value, context);
}

export function parseMcpServers(
  value: unknown,
  context: string,
): Record<string, McpServerSpec> | undefined {
  return parsed('parseMcpServers', value, context);
}

export function parseIntegrationTrigger(value: unknown, context: string): PersonaIntegrationTrigger {
  return parsed('parseIntegrationTrigger', value, context);
}

export function parseIntegrationSource(value: unknown, context: string): IntegrationSource {
  return parsed('parseIntegrationSource', value, context);
}

export function parseIntegrationConfig(value: unknown, context: string): PersonaIntegrationConfig {
  return parsed('parseIntegrationConfig', value, context);
}

export function parseIntegrations(
  value: unknown,
  context: string,
): Record<string, PersonaIntegrationConfig> | undefined {
  return parsed('parseIntegrations', value, context);
}

export function parseSchedules(value: unknown, context: string): PersonaSchedule[] | undefined {
  return parsed('parseSchedules', value, context);
}

export function parseWatch(value: unknown, context: string): WatchRule[] | undefined {
  return parsed('parseWatch', value, context);
}

export function parseMemory(value: unknown, context: string): PersonaMemory | undefined {
  return parsed('parseMemory', value, context);
}

export function parseRelay(value: unknown, context: string): PersonaRelay | undefined {
  return parsed('parseRelay', value, context);
}

export function parseCapabilities(
  value: unknown,
  context: string,
): ProactiveCapabilities | undefined {
  return parsed('parseCapabilities', value, context);
}

export function parseOnEvent(value: unknown, context: string): string | undefined {
  return parsed('parseOnEvent', value, context);
}

/** Parses a persona file that is meant to serve an intent. */
export function parsePersonaSpec(value: unknown, expectedIntent: PersonaIntent): PersonaSpec {
  return parsed('parsePersonaSpec', value, expectedIntent);
}

/** Parses an agent file. */
export function parseAgentSpec(value: unknown, context = 'agent'): AgentSpec {
  return parsed('parseAgentSpec', value, context);
}

export function resolveTrajectoryRecording(memory: PersonaMemory | undefined): {
  enabled: boolean;
  autoCompact?: boolean;
} {
  return ask('resolveTrajectoryRecording', toWire(memory, FORMS['parseMemory']));
}

export function resolveAiMemory(memory: PersonaMemory | undefined): {
  enabled: boolean;
  dbPath?: string;
} {
  return ask('resolveAiMemory', toWire(memory, FORMS['parseMemory']));
}

/** The sidecars that a persona asks for. */
export function resolveSidecar(spec: PersonaSpec): {
  claudeMd?: string;
  claudeMdContent?: string;
  claudeMdMode: SidecarMdMode;
  agentsMd?: string;
  agentsMdContent?: string;
  agentsMdMode: SidecarMdMode;
} {
  return ask('resolveSidecar', read(spec, 'parsePersonaSpec'));
}

export function sidecarSelectionFields(
  sidecar: ReturnType<typeof resolveSidecar>,
): Pick<
  PersonaSelection,
  | 'claudeMd'
  | 'claudeMdContent'
  | 'claudeMdMode'
  | 'agentsMd'
  | 'agentsMdContent'
  | 'agentsMdMode'
> {
  return ask('sidecarSelectionFields', sidecar);
}

/**
 * Derives a persona's card of the A2A protocol.
 *
 * @throws an error with the name `ZodError` for a card that the protocol does not allow.
 */
export function deriveAgentCard(
  personaSpec: PersonaSpec,
  options: DeriveAgentCardOptions,
): A2aAgentCard {
  return ask('deriveAgentCard', read(personaSpec, 'parsePersonaSpec'), options);
}

/** Freezes a value with everything in it. */
export function deepFreeze<T>(value: T): T {
  const seen = new Set<unknown>();
  const freeze = (part: unknown): void => {
    if (!isObject(part) || seen.has(part)) return;
    seen.add(part);
    Object.freeze(part);
    for (const member of Object.values(part)) freeze(member);
  };
  freeze(value);
  return value;
}

/** The types that authors write personas and agents against. */

import type {
  Harness,
  HarnessSettings,
  IntegrationSource,
  KnownPersonaTag,
  KnownProviderName,
  KnownTriggerName,
  McpServerSpec,
  PersonaInputSpec,
  PersonaMemory,
  PersonaMount,
  PersonaPermissions,
  PersonaSkill,
  ProactiveCapabilities,
  ScopeKey,
  ScopeKeyProvider,
  SidecarMdMode,
} from './types.cjs';

/** Events of a known provider, and whatever else may come. */
export type TriggerNameFor<P extends string> = P extends KnownProviderName
  ? KnownTriggerName<P> | (string & {})
  : string;

export interface TypedTrigger<P extends string> {
  on: TriggerNameFor<P>;
  match?: string;
  where?: string;
  paths?: string[];
  maxConcurrency?: number;
  [member: string]: unknown;
}

export type TypedTriggerMap = { [P in KnownProviderName]?: readonly TypedTrigger<P>[] } & {
  [provider: string]: readonly TypedTrigger<string>[] | undefined;
};

export type ScopeKeysFor<P extends string> = P extends ScopeKeyProvider ? ScopeKey<P> : never;

export type TypedScopeMap<P extends string> = { [K in ScopeKeysFor<P>]?: string } & {
  [key: string]: string;
};

type MaterializationMode = 'lazy' | 'eager';

export interface TypedAdapterMaterializationFilter<State extends string = string> {
  state?: State;
  labels?: readonly string[];
  since?: string;
}

export type TypedAdapterResourceMaterializationPolicy<State extends string = string> =
  | MaterializationMode
  | {
      mode?: MaterializationMode;
      filter?: TypedAdapterMaterializationFilter<State>;
      since?: string;
      incremental?: boolean;
    };

export type TypedAdapterMaterializationRule<
  Resource extends string,
  State extends string = string,
  TargetKey extends string = 'targets',
> = {
  resources?: readonly Resource[];
  filter?: TypedAdapterMaterializationFilter<State>;
  since?: string;
  incremental?: boolean;
  eager?: boolean;
} & Partial<Record<Resource, TypedAdapterResourceMaterializationPolicy<State>>> &
  Partial<Record<TargetKey, readonly string[]>>;

export type TypedAdapterMaterializationPolicy<
  Resource extends string,
  State extends string = string,
  TargetKey extends string = 'targets',
  WebhookWritesKey extends string = 'webhookWritesForLazyTargets',
> = {
  default?: MaterializationMode;
  rules?: readonly TypedAdapterMaterializationRule<Resource, State, TargetKey>[];
} & Partial<Record<WebhookWritesKey, boolean>>;

export type GitHubMaterializationMode = MaterializationMode;
export type GitHubMaterializationResource = 'issues' | 'pulls';
export type GitHubMaterializationState = 'open' | 'closed' | 'all';
export type GitHubMaterializationFilter =
  TypedAdapterMaterializationFilter<GitHubMaterializationState>;
export type GitHubMaterializationResourcePolicy =
  TypedAdapterResourceMaterializationPolicy<GitHubMaterializationState>;
export type GitHubMaterializationRule = TypedAdapterMaterializationRule<
  GitHubMaterializationResource,
  GitHubMaterializationState,
  'repos'
>;
export type GitHubMaterializationPolicy = TypedAdapterMaterializationPolicy<
  GitHubMaterializationResource,
  GitHubMaterializationState,
  'repos',
  'webhookWritesForLazyRepos'
>;

export interface GitHubAdapterConfig {
  materialization?: GitHubMaterializationPolicy;
  [member: string]: unknown;
}

export type GitLabMaterializationMode = MaterializationMode;
export type GitLabMaterializationResource = 'merge_requests' | 'issues' | 'pipelines' | 'commits';
export type GitLabMaterializationState = 'opened' | 'closed' | 'locked' | 'merged' | 'all';
export type GitLabMaterializationFilter =
  TypedAdapterMaterializationFilter<GitLabMaterializationState>;
export type GitLabMaterializationResourcePolicy =
  TypedAdapterResourceMaterializationPolicy<GitLabMaterializationState>;
export type GitLabMaterializationRule = TypedAdapterMaterializationRule<
  GitLabMaterializationResource,
  GitLabMaterializationState,
  'projects'
>;
export type GitLabMaterializationPolicy = TypedAdapterMaterializationPolicy<
  GitLabMaterializationResource,
  GitLabMaterializationState,
  'projects',
  'webhookWritesForLazyProjects'
>;

export interface GitLabAdapterConfig {
  materialization?: GitLabMaterializationPolicy;
  [member: string]: unknown;
}

export type AdapterConfigFor<P extends string> = P extends 'github'
  ? GitHubAdapterConfig
  : P extends 'gitlab'
    ? GitLabAdapterConfig
    : Record<string, unknown>;

export interface TypedIntegrationConfig<P extends string = string> {
  source?: IntegrationSource;
  scope?: TypedScopeMap<P>;
  config?: AdapterConfigFor<P>;
  optional?: boolean;
  enabledByInput?: string;
  [member: string]: unknown;
}

export type TypedIntegrations = { [P in KnownProviderName]?: TypedIntegrationConfig<P> } & {
  [provider: string]: TypedIntegrationConfig<string> | undefined;
};

export interface PersonaDefinitionBase {
  id: string;
  intent: string;
  tags?: readonly KnownPersonaTag[];
  description: string;
  skills?: readonly PersonaSkill[];
  inputs?: Record<string, PersonaInputSpec | string>;
  harnessSettings: HarnessSettings;
  env?: Record<string, string>;
  mcpServers?: Record<string, McpServerSpec>;
  permissions?: PersonaPermissions;
  mount?: PersonaMount;
  claudeMd?: string;
  claudeMdMode?: SidecarMdMode;
  agentsMd?: string;
  agentsMdMode?: SidecarMdMode;
  claudeMdContent?: string;
  agentsMdContent?: string;
  cloud?: boolean;
  useSubscription?: boolean;
  integrations?: TypedIntegrations;
  capabilities?: ProactiveCapabilities;
  memory?: PersonaMemory;
  [member: string]: unknown;
}

/** A persona has an entry point, or all that an interactive session needs. */
export type PersonaDefinition =
  | (PersonaDefinitionBase & {
      onEvent?: undefined;
      harness: Harness;
      model: string;
      systemPrompt: string;
    })
  | (PersonaDefinitionBase & {
      onEvent: string;
      harness?: Harness;
      model?: string;
      systemPrompt?: string;
    });

/**
 * Carrying plans out with persona-kit's options and handles, by the native program: see
 * `callsheet/execute`, which tells and can do more.
 */

import { isAbsolute, relative, resolve } from 'node:path';

import { usage } from '../errors.cjs';
import type * as execute from '../execute/index.cjs';
import type {
  ApplyPersonaMountOptions,
  AutoSyncOptions,
  ExecuteOptions,
  ExecutionHandle,
  PersonaConfigFilesHandle,
  PersonaMountHandle,
  PersonaSidecarHandle,
  PersonaSkillsHandle,
  RunSkillInstallsOptions,
} from './handles.cjs';
import type {
  InteractiveConfigFile,
  PersonaSpawnPlan,
  ResolvedMountPolicy,
  ResolvedSidecarWrite,
  SkillMaterializationPlan,
} from './types.cjs';

export { SkillInstallError } from '../errors.cjs';

/** Whoever only plans does without it. */
function executor(): typeof execute {
  return require('../execute/index.cjs') as typeof execute;
}

interface Disposable {
  dispose(): Promise<unknown>;
}

/** What was kept is in the handles of `callsheet/execute`; here only a failure is told. */
function disposing({ dispose }: Disposable): () => Promise<void> {
  return async () => {
    await dispose();
  };
}

/** Carries a whole plan out, without starting its harness. */
export async function executePersonaSpawnPlan(
  plan: PersonaSpawnPlan,
  options: ExecuteOptions,
): Promise<ExecutionHandle> {
  const { cwd, cleanupSkillsOnDispose } = options;
  const given = { personaId: plan.persona.personaId, ...options.mount };
  if (plan.mount) check(given);
  const mount = mounting(given);
  const handle = await executor().executePersonaSpawnPlan(plan, { cwd, cleanupSkillsOnDispose, mount });
  return { cwd: handle.cwd, dispose: disposing(handle) };
}

/** Mirrors a project under a mount policy; without one nothing happens. */
export async function applyPersonaMount(
  mount: ResolvedMountPolicy | undefined,
  options: ApplyPersonaMountOptions,
): Promise<PersonaMountHandle> {
  const { cwd } = options;
  const handle = await executor().applyPersonaMount(mount, { cwd, ...mounting(options) });
  return { cwd: handle.cwd, dispose: disposing(handle) };
}

type Mounting = Omit<ApplyPersonaMountOptions, 'cwd'>;

function check(options: Mounting): void {
  for (const name of ['mountDir', 'personaId'] as const) {
    if (options[name]) continue;
    throw usage(`applyPersonaMount: options.${name} is required when a mount policy is supplied`);
  }
}

function mounting({ mountDir, personaId, includeGit, autoSync }: Mounting): execute.MountOptions {
  const follows = typeof autoSync === 'object' ? scanning(autoSync) : autoSync;
  return { mountDir, personaId, includeGit, autoSync: follows };
}

const LONGEST_MS = 2 ** 31 - 1;

/** What switches looking off switches only the caller's own interval off. */
function scanning(options: AutoSyncOptions): execute.AutoSyncOptions {
  const ms = options.scanIntervalMs ?? options.healthyScanIntervalMs ?? 0;
  if (Number.isNaN(ms) || ms < 0 || (ms > LONGEST_MS && ms !== Infinity)) {
    throw new RangeError(`autoSync.scanIntervalMs must be between 0 and ${LONGEST_MS}; got ${ms}`);
  }
  return ms === 0 || ms === Infinity ? {} : { scanIntervalMs: ms };
}

/**
 * Installs skills. When one fails, those before it are removed again. A cleanup path outside
 * the directory is never followed: the handle says so when it is disposed.
 */
export async function runSkillInstalls(
  plan: SkillMaterializationPlan,
  options: RunSkillInstallsOptions,
): Promise<PersonaSkillsHandle> {
  const { cwd, cleanupOnDispose } = options;
  const refused = plan.installs.flatMap(({ cleanupPaths }) => cleanupPaths.filter((path) => leaves(cwd, path)));
  const installs = plan.installs.map((install) => ({
    ...install,
    cleanupPaths: install.cleanupPaths.filter((path) => !refused.includes(path)),
  }));
  const handle = await executor().runSkillInstalls({ ...plan, installs }, { cwd, cleanupOnDispose });
  const dispose = disposing(handle);
  if (refused.length === 0 || cleanupOnDispose === false) return { dispose };
  return {
    dispose: async () => {
      await dispose();
      throw usage(`runSkillInstalls: cleanup path must stay within cwd; got ${refused[0]}`);
    },
  };
}

function leaves(cwd: string, path: string): boolean {
  const inside = relative(resolve(cwd), resolve(cwd, path));
  return inside === '' || inside.startsWith('..') || isAbsolute(inside);
}

/** Writes the Markdown files that a harness reads. */
export async function writePersonaSidecars(
  sidecars: readonly ResolvedSidecarWrite[],
  options: { cwd: string },
): Promise<PersonaSidecarHandle> {
  const plain = sidecars.map(({ filename, contents, sourcePath, mode }) => ({
    filename,
    mode,
    ...(contents === undefined ? {} : { contents }),
    ...(sourcePath === undefined ? {} : { sourcePath }),
  }));
  const handle = await executor().writePersonaSidecars(plain, { cwd: options.cwd });
  return { dispose: disposing(handle) };
}

/** Writes configuration files. */
export async function materializePersonaConfigFiles(
  configFiles: readonly InteractiveConfigFile[],
  options: { cwd: string },
): Promise<PersonaConfigFilesHandle> {
  const handle = await executor().materializePersonaConfigFiles(configFiles, { cwd: options.cwd });
  return { dispose: disposing(handle) };
}

/** Carrying a plan out, as a whole or part by part. */

import { resolve } from 'node:path';

import { CallsheetError, usage } from '../errors.cjs';
import { type Executor, another, ask } from './executor.cjs';
import { type WireHandle, parts, toHandle } from './handle.cjs';
import type {
  ApplyMountOptions,
  ConfigFile,
  ExecuteOptions,
  ExecutionHandle,
  Given,
  HelperOptions,
  InstallerOptions,
  LaunchDescriptor,
  LaunchHandle,
  LaunchOptions,
  MountHandle,
  MountOptions,
  MountPolicy,
  ExecutablePlan,
  SidecarWrite,
  SkillInstallOptions,
  SkillMaterializationPlan,
} from './types.cjs';

/** Carries a whole plan out, without starting its harness. */
export async function executePersonaSpawnPlan(
  plan: ExecutablePlan,
  options: ExecuteOptions,
): Promise<ExecutionHandle> {
  const deed = { op: 'execute', members: whole(plan, options), upon: ['mount'] };
  return await carryOut(deed, options);
}

/**
 * Carries a whole plan out and says how its agent is started: the program, with the run's
 * paths and every reference filled in. Nothing is touched when the program is not installed
 * or a reference has no value. Whoever starts it that way gets a run that ends its agent
 * before it is taken back.
 */
export async function preparePersonaLaunch(
  plan: ExecutablePlan,
  options: LaunchOptions,
): Promise<LaunchHandle> {
  const { custody, env = process.env } = options;
  const members = { ...whole(plan, options), custody, env };
  let launch: LaunchDescriptor | undefined;
  const unwrap = (answer: unknown) => {
    const wire = answer as { handle: WireHandle; launch: LaunchDescriptor };
    ({ launch } = wire);
    return wire.handle;
  };
  const executor = custody === 'agent' ? another() : undefined;
  try {
    const deed = { op: 'launch', members, upon: ['mount'], unwrap, executor };
    const handle = await carryOut(deed, options);
    return { ...handle, launch: launch as LaunchDescriptor };
  } catch (error) {
    executor?.close();
    throw error;
  }
}

function whole(plan: ExecutablePlan, options: ExecuteOptions): object {
  const mount = options.mount ?? {};
  if (options.view === 'overlay' && mount.mountDir) {
    throw usage('a layer lies over the project itself: it has no mountDir');
  }
  const label = mount.personaId ?? (plan.persona as { personaId?: unknown }).personaId;
  return {
    plan,
    ...mounting(mount),
    ...(typeof label === 'string' ? { label } : {}),
    view: options.view,
    entered: options.entered,
    dotfiles: options.dotfiles,
    cleanupSkillsOnDispose: options.cleanupSkillsOnDispose,
    ...syncing(plan.mount, mount),
    ...installing(options),
  };
}

/**
 * Mirrors a project under a mount policy. Without a policy nothing happens, and the
 * handle's directory is the one given.
 */
export async function applyPersonaMount(
  policy: Given<MountPolicy> | undefined,
  options: ApplyMountOptions,
): Promise<MountHandle> {
  if (!policy) return idle(options.cwd);
  for (const name of ['mountDir', 'personaId'] as const) {
    if (!options[name]) {
      const problem = `options.${name} is required when a mount policy is supplied`;
      throw usage(`applyPersonaMount: ${problem}`);
    }
  }
  const members = {
    policy,
    ...mounting(options),
    ...syncing(policy, options),
    label: options.personaId,
  };
  return await carryOut({ op: 'mount', members, kind: 'mount' }, options);
}

/** Installs skills. When one fails, those before it are removed again. */
export async function runSkillInstalls(
  skills: Given<SkillMaterializationPlan>,
  options: SkillInstallOptions,
): Promise<ExecutionHandle> {
  const members = {
    skills,
    edition: options.edition,
    cleanupSkillsOnDispose: options.cleanupOnDispose,
    ...installing(options),
  };
  return await carryOut({ op: 'skills', members, kind: 'part' }, options);
}

/** Writes the Markdown files that a harness reads from its working directory. */
export async function writePersonaSidecars(
  sidecars: Given<SidecarWrite[]>,
  options: HelperOptions,
): Promise<ExecutionHandle> {
  const plain = sidecars.map((sidecar) => ({
    filename: sidecar.filename,
    contents: sidecar.contents,
    sourcePath: sidecar.sourcePath,
    mode: sidecar.mode === 'extend' ? 'extend' : 'overwrite',
  }));
  return await carryOut({ op: 'sidecars', members: { sidecars: plain }, kind: 'part' }, options);
}

/** Writes configuration files. */
export async function materializePersonaConfigFiles(
  configFiles: Given<ConfigFile[]>,
  options: HelperOptions,
): Promise<ExecutionHandle> {
  return await carryOut({ op: 'configFiles', members: { configFiles }, kind: 'part' }, options);
}

interface Deed {
  readonly op: string;
  readonly members: object;
  /** What it is to later parts; a whole plan is nothing to them. */
  readonly kind?: 'mount' | 'part';
  /** The kinds of open parts that it may work upon. */
  readonly upon?: readonly string[];
  /** Finds the handle in the answer. */
  readonly unwrap?: (answer: unknown) => WireHandle;
  /** Who does it, when that is not the executor of this process. */
  readonly executor?: Executor | undefined;
}

async function carryOut(deed: Deed, options: HelperOptions): Promise<ExecutionHandle> {
  const { signal, onProgress } = options;
  // Now, and not when the executor reads it: the working directory may change.
  const cwd = resolve(options.cwd);
  const progress = onProgress !== undefined;
  const members = { ...deed.members, cwd, progress, waitMs: options.waitMs };
  // A second attempt must ask for the same, whatever the caller changes meanwhile.
  const fixed = JSON.parse(JSON.stringify(members)) as object;
  const wire = await upon(deed, [], (above) =>
    ask(deed.op, { ...fixed, above }, { signal, onProgress }, deed.executor),
  );
  if (deed.kind) parts.set(wire.run, deed.kind);
  // Where nothing was mirrored, the caller's own spelling comes back.
  const handle = toHandle(wire, wire.cwd === cwd ? options.cwd : wire.cwd, deed.executor);
  if (!signal?.aborted) return handle;
  await handle.dispose();
  throw signal.reason;
}

/**
 * Tries first beside the parts that are open, which share what is alike; one that stands
 * in the way is worked upon instead. Its handle is disposed after the new one's.
 */
async function upon(
  deed: Deed,
  above: readonly string[],
  attempt: (above: readonly string[]) => Promise<unknown>,
): Promise<WireHandle> {
  try {
    const answer = await attempt(above);
    return deed.unwrap ? deed.unwrap(answer) : (answer as WireHandle);
  } catch (error) {
    const run = error instanceof CallsheetError && error.code === 'busy' ? error.run : undefined;
    const kind = run === undefined ? undefined : parts.get(run);
    const allowed = deed.upon ?? ['mount', 'part'];
    if (!run || !kind || above.includes(run) || !allowed.includes(kind)) throw error;
    return await upon(deed, [...above, run], attempt);
  }
}

function installing(options: InstallerOptions): object {
  return {
    commandTimeoutMs: options.commandTimeoutMs,
    allowEnv: options.allowEnv,
    refreshSkills: options.refreshSkills,
    // As it is now, which need not be as it was when the executor was started.
    env: process.env,
  };
}

function mounting(mount: MountOptions): object {
  return {
    mountDir: mount.mountDir ? resolve(mount.mountDir) : undefined,
    includeGit: mount.includeGit,
  };
}

/** Without a policy there is no mirror to bring anything back from. */
function syncing(policy: Given<MountPolicy> | undefined, { autoSync }: MountOptions): object {
  if (!policy || !autoSync) return {};
  return { live: true, liveMs: autoSync === true ? undefined : autoSync.scanIntervalMs };
}

function idle(cwd: string): MountHandle {
  const report = { run: '', clean: true, closed: true, entries: [], kept: [] };
  const dispose = async () => report;
  return {
    cwd,
    view: 'inplace',
    enforcement: 'none',
    argvPrefix: [],
    notes: [],
    dispose,
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Skills that are kept for later sessions: where, what of, and whether they are still current. */

import { readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { ask } from './call.cjs';
import type {
  ProbeDeps,
  SkillCacheFingerprintInput,
  SkillCacheMarker,
  SkillUpstreamRecord,
} from './types.cjs';
import { type Question, inquire } from './upstream.cjs';

const MARKER = '.aw-skill-cache.json';

/** The directory of all entries. */
export function skillCacheRoot(): string {
  return join(homedir(), '.agentworkforce', 'workforce', 'cache', 'plugins');
}

export function resolveSkillCacheDir(fingerprint: string): string {
  return join(skillCacheRoot(), fingerprint);
}

/** Names the entry for a harness and its skills; the content of local files counts. */
export function computeSkillCacheFingerprint(input: SkillCacheFingerprintInput): string {
  const skills = input.skills.map(({ id, source }) => {
    const file = ask<string | undefined>('fingerprintedFile', source, input.repoRoot);
    return { id, source, localHash: file === undefined ? null : hash(file) };
  });
  return ask('skillFingerprint', { harness: input.harness, skills });
}

function hash(file: string): string | null {
  // Loading it costs more than most that is done here.
  const { createHash } = require('node:crypto') as typeof import('node:crypto');
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16);
  } catch {
    // As a skill without content of its own: installing it tells what is wrong.
    return null;
  }
}

/** Reads a marker; `null` when there is none or it is damaged. */
export function readSkillCacheMarker(cacheDir: string): SkillCacheMarker | null {
  const marker = json(join(cacheDir, MARKER));
  return marker === undefined ? null : ask('readMarker', marker);
}

function json(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown;
  } catch {
    return undefined;
  }
}

export function isSkillCacheValid(cacheDir: string, fingerprint: string): boolean {
  return ask('isMarkerValid', json(join(cacheDir, MARKER)), fingerprint);
}

/** Says that an entry is complete. */
export function writeSkillCacheMarker(
  cacheDir: string,
  marker: Omit<SkillCacheMarker, 'schemaVersion' | 'installedAt'> & { installedAt?: string },
): void {
  const installedAt = marker.installedAt ?? new Date().toISOString();
  write(cacheDir, ask('markerText', { ...marker, schemaVersion: 2, installedAt }));
}

/** Notes a look at the sources. Without a marker nothing happens. */
export function updateSkillCacheMarkerUpstream(
  cacheDir: string,
  patch: {
    lastUpstreamCheckAt: string;
    skills?: ReadonlyMap<string, SkillUpstreamRecord | undefined>;
  },
): void {
  const marker = readSkillCacheMarker(cacheDir);
  if (!marker) return;
  const found = [...(patch.skills ?? [])].map(([id, record]) => [id, record ?? null]);
  write(cacheDir, ask('noteUpstream', marker, patch.lastUpstreamCheckAt, found));
}

function write(cacheDir: string, text: string): void {
  writeFileSync(join(cacheDir, MARKER), text);
}

/** Reads from the installers' lock files what was installed; a file on GitHub is looked up. */
export async function buildUpstreamRecordsFromCacheDir(
  cacheDir: string,
  skills: readonly { id: string; source: string }[],
  deps: ProbeDeps = {},
): Promise<Map<string, SkillUpstreamRecord | undefined>> {
  const found = skills.map(async ({ id, source }) => [id, await installed(cacheDir, source, deps)] as const);
  return new Map(await Promise.all(found));
}

type Installed =
  | { readonly known: SkillUpstreamRecord; readonly ask?: undefined }
  | { readonly known?: undefined; readonly ask: Question & { readonly blobUrl: string } };

const LOCKS: Readonly<Record<string, string>> = { prpm: 'prpm.lock', 'skill.sh': 'skills-lock.json' };

async function installed(
  cacheDir: string,
  source: string,
  deps: ProbeDeps,
): Promise<SkillUpstreamRecord | undefined> {
  const { kind, packageRef } = resolved(source) ?? {};
  const lock = kind === undefined ? undefined : LOCKS[kind];
  if (lock === undefined) return undefined;
  const noted = json(join(cacheDir, lock));
  const found = ask<Installed | undefined>('installedUpstream', kind, packageRef, noted);
  if (!found?.ask) return found?.known;
  const answer = await inquire(found.ask, deps);
  return answer && ask('upstreamAtGithub', found.ask.blobUrl, answer);
}

function resolved(source: string): { kind: string; packageRef: string } | undefined {
  try {
    return ask('resolveSkillSource', source);
  } catch {
    // Nothing is known of a source of no kind.
    return undefined;
  }
}

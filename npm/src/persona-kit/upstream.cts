/** Asking the sources of skills whether they have changed. */

import { ask } from './call.cjs';
import type { MinimalFetch, ProbeDeps, SkillCacheMarker, SkillDriftDetail, UpstreamDriftResult } from './types.cjs';

const TIMEOUT_MS = 5000;

/** `fetch`, which not every host declares. */
declare const fetch: MinimalFetch;

/** What a registry is asked. */
export interface Question {
  readonly url: string;
  readonly headers: Record<string, string>;
}

/** What it answered. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Asks a registry; `undefined` when it does not answer. */
export async function inquire(question: Question, deps: ProbeDeps): Promise<Answer | undefined> {
  const { fetchImpl = fetch, timeoutMs = TIMEOUT_MS } = deps;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeoutMs);
  try {
    const { url, headers } = question;
    const response = await fetchImpl(url, { headers, signal: stop.signal });
    const body = response.ok ? JSON.stringify(await response.json()) : '';
    return { status: response.status, body };
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** Looks whether sources have changed; an answer that says nothing is no change. */
export async function detectSkillUpstreamDrift(
  marker: SkillCacheMarker,
  deps: ProbeDeps = {},
): Promise<UpstreamDriftResult> {
  const looks = marker.skills.map(async (skill) => {
    const question = skill.upstream && ask<Question | undefined>('upstreamQuestion', skill.upstream);
    const answer = question && (await inquire(question, deps));
    return ask<SkillDriftDetail | undefined>('upstreamDrift', skill, answer);
  });
  const details = (await Promise.all(looks)).filter((detail) => detail !== undefined);
  return { drifted: details.some(({ drifted }) => drifted), details };
}

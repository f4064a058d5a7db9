/** What persona-kit 4 does to files and programs, where there are none. */

import { CallsheetError } from '../errors.cjs';
import type * as cache from './cache.cjs';
import type * as detect from './detect.cjs';
import type * as effects from './effects.cjs';

export { SkillInstallError } from '../errors.cjs';

function refusal(name: string): CallsheetError {
  return new CallsheetError({
    code: 'missing',
    message: `${name} needs files and programs, which this host does not have; call it in Node`,
    hints: ['plan here, and carry the plan out with `callsheet/persona-kit` in Node 20 or later'],
  });
}

/** A function that throws. */
function thrown<F>(name: string): F {
  const refuse = (): never => {
    throw refusal(name);
  };
  return refuse as F;
}

/** A function whose promise is rejected. */
function rejected<F>(name: string): F {
  const refuse = async (): Promise<never> => {
    throw refusal(name);
  };
  return refuse as F;
}

type Cache = typeof cache;
type Detect = typeof detect;
type Effects = typeof effects;

export const computeSkillCacheFingerprint: Cache['computeSkillCacheFingerprint'] =
  thrown('computeSkillCacheFingerprint');
export const isSkillCacheValid: Cache['isSkillCacheValid'] = thrown('isSkillCacheValid');
export const readSkillCacheMarker: Cache['readSkillCacheMarker'] = thrown('readSkillCacheMarker');
export const resolveSkillCacheDir: Cache['resolveSkillCacheDir'] = thrown('resolveSkillCacheDir');
export const skillCacheRoot: Cache['skillCacheRoot'] = thrown('skillCacheRoot');
export const updateSkillCacheMarkerUpstream: Cache['updateSkillCacheMarkerUpstream'] =
  thrown('updateSkillCacheMarkerUpstream');
export const writeSkillCacheMarker: Cache['writeSkillCacheMarker'] =
  thrown('writeSkillCacheMarker');
export const detectHarness: Detect['detectHarness'] = thrown('detectHarness');
export const detectHarnesses: Detect['detectHarnesses'] = thrown('detectHarnesses');
export const buildUpstreamRecordsFromCacheDir: Cache['buildUpstreamRecordsFromCacheDir'] =
  rejected('buildUpstreamRecordsFromCacheDir');
export const applyPersonaMount: Effects['applyPersonaMount'] = rejected('applyPersonaMount');
export const executePersonaSpawnPlan: Effects['executePersonaSpawnPlan'] =
  rejected('executePersonaSpawnPlan');
export const materializePersonaConfigFiles: Effects['materializePersonaConfigFiles'] =
  rejected('materializePersonaConfigFiles');
export const runSkillInstalls: Effects['runSkillInstalls'] = rejected('runSkillInstalls');
export const writePersonaSidecars: Effects['writePersonaSidecars'] =
  rejected('writePersonaSidecars');

/**
 * Carrying plans out from Node, through the native program. What was carried out is taken
 * back when its handle is disposed, or when this process ends in whatever way.
 */

export { CallsheetError, SkillInstallError } from '../errors.cjs';
export type { Diagnostic } from '../errors.cjs';
export {
  applyPersonaMount,
  executePersonaSpawnPlan,
  materializePersonaConfigFiles,
  preparePersonaLaunch,
  runSkillInstalls,
  writePersonaSidecars,
} from './helpers.cjs';
export { apply, changes, discard, revert } from './results.cjs';
export { attach, dispose, gc, list, recover } from './runs.cjs';
export type * from './types.cjs';

/**
 * Carrying plans out from Node. The code is CommonJS for both module systems: a process
 * that uses both has one executor and one class of each error.
 */

export {
  CallsheetError,
  SkillInstallError,
  apply,
  applyPersonaMount,
  attach,
  changes,
  discard,
  dispose,
  executePersonaSpawnPlan,
  gc,
  list,
  materializePersonaConfigFiles,
  preparePersonaLaunch,
  recover,
  revert,
  runSkillInstalls,
  writePersonaSidecars,
} from './index.cjs';
export type { Diagnostic } from './index.cjs';
export type * from './types.cjs';

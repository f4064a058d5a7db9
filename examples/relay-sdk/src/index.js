/** Personas in terminals: planned, carried out, started, watched, taken back. */

export { composePersonaTask, defaultSearchDirs, getPersonaSpawnPlan } from './plan.js';
export { attach, spawnPersona } from './spawn.js';

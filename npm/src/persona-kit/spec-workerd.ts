/** Checking persona and agent files in Workers. */
import '../plan/workerd.js';

export * from './spec-web.js';

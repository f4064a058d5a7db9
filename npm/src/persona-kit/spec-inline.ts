/** Checking persona and agent files wherever nothing else works. */
import '../plan/inline.js';

export * from './spec-web.js';

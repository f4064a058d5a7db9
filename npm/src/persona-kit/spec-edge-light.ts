/** Checking persona and agent files at Vercel's edge. */
import '../plan/edge-light.js';

export * from './spec-web.js';

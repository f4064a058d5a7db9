/** persona-kit 4 at Vercel's edge. */
import '../plan/edge-light.js';

export * from './web.js';

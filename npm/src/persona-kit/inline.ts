/** persona-kit 4 wherever nothing else works. */
import '../plan/inline.js';

export * from './web.js';

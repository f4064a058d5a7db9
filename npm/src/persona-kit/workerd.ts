/** persona-kit 4 in Workers. */
import '../plan/workerd.js';

export * from './web.js';

/** persona-kit 4 in Node. The module and the native program are started when they are needed. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { provide } from '../plan/door.cjs';

provide(() => readFileSync(join(__dirname, '../plan/plan.wasm')));

export * from './cache.cjs';
export * from './detect.cjs';
export * from './effects.cjs';
export * from './pure.cjs';

/** Checking persona and agent files in Node. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { provide } from './call.cjs';

provide(() => readFileSync(join(__dirname, '../plan/plan.wasm')));

export * from './spec.cjs';

/** Planning in Node: the module lies beside this file. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { provide } from './door.cjs';

provide(() => readFileSync(join(__dirname, 'plan.wasm')));

export * from './api.cjs';

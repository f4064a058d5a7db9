/** Planning in Node: the module lies beside this file. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { initSync } from './api.cjs';

initSync(readFileSync(join(__dirname, 'plan.wasm')));

export * from './api.cjs';

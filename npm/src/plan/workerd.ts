/** Planning in Workers: the host compiles the module when it loads the script. */
import module from './plan.wasm';

import { initSync } from './api.js';

initSync(module);

export * from './api.js';

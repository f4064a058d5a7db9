/** Planning at Vercel's edge, where a query asks for the compiled module. */
import module from './plan.wasm?module';

import { initSync } from './api.js';

initSync(module);

export * from './api.js';

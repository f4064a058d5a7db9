/** Planning in browsers that fetch the module from where it lies beside the script. */
import { initSync } from './api.js';

declare const WebAssembly: { compileStreaming(response: Promise<Response>): Promise<object> };

initSync(await WebAssembly.compileStreaming(fetch(new URL('./plan.wasm', import.meta.url))));

export * from './api.js';

/** Everything that runs in Node. */
export { CallsheetError, type Diagnostic } from './errors.cjs';
export * from './execute/index.js';
export * from './plan/node.js';

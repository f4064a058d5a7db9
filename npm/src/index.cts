/** Everything that runs in Node. */
export { CallsheetError } from './errors.cjs';
export * from './execute/index.cjs';
export * from './plan/node.cjs';

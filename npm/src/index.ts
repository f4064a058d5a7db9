/** Everything that runs in Node. */
export * from './execute/index.js';

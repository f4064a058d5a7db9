/** The code is CommonJS for both module systems: a process has one instance. */
export * from './index.cjs';

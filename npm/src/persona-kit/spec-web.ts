/** The functions without a module: the entries of the hosts give it. */
export * from './spec-web.cjs';

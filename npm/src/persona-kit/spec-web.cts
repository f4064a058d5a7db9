/** Checking persona and agent files outside Node. */
export * from './spec.cjs';

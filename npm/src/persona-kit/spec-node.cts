/** Checking persona and agent files in Node; the build makes the code of this entry. */
export * from './spec.cjs';

/** persona-kit 4 in Node; the build makes the code of this entry. */
export * from './kit.cjs';

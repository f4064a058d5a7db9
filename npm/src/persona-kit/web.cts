/** persona-kit 4 outside Node: its pure functions; the others say what they need. */
export * from './pure.cjs';
export * from './refuse.cjs';

/** The planner without a module: whoever uses it calls `initSync` first. */
export * from './api.cjs';

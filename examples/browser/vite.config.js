export default {
  base: './',
  // The planner waits for its module at the top level, and finds it beside its script: the
  // development server must leave it where it is.
  build: { target: 'es2022' },
  optimizeDeps: { exclude: ['callsheet'] },
};

/** The module's door. */
export * from './door.cjs';

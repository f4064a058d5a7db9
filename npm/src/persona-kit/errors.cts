/** The errors of persona-kit 4 that have classes of their own. */

/** A persona needs an input that has no value. */
export class MissingPersonaInputError extends Error {
  readonly input: string;
  /** The variable that would give the value. */
  readonly env: string;

  constructor(input: string, env: string) {
    super(
      `Persona input ${input} is required but no explicit value, env var ${env}, or default was provided.`,
    );
    this.name = 'MissingPersonaInputError';
    this.input = input;
    this.env = env;
  }
}

/** A field of a persona names a variable that is not set. */
export class MissingEnvRefError extends Error {
  readonly ref: string;
  /** The field. */
  readonly referencedBy: string;

  constructor(ref: string, referencedBy: string) {
    super(
      `Environment variable ${ref} is required by persona field \`${referencedBy}\` but is not set in the current shell. Export it and retry.`,
    );
    this.name = 'MissingEnvRefError';
    this.ref = ref;
    this.referencedBy = referencedBy;
  }
}

/** What a schema of zod throws, as far as callers look at it. */
export class ZodError extends Error {
  readonly issues: readonly { readonly code: string; readonly path: readonly string[]; readonly message: string }[];

  constructor(message: string) {
    super(message);
    this.name = 'ZodError';
    this.issues = [{ code: 'custom', path: [], message }];
  }
}

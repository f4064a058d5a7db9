/** Calls of persona-kit's pure functions, which live in the module. */

import { type Problem, call, toError } from '../plan/door.cjs';
import { MissingEnvRefError, MissingPersonaInputError, ZodError } from './errors.cjs';

const COMPAT = 1;
/** Leaves `null` where a plan repeats its persona. */
const HELD = 2;

/** Asks a function by its name; `undefined` is an argument and an answer like others. */
export function ask<T>(name: string, ...given: readonly unknown[]): T {
  let missing = 0;
  given.forEach((value, place) => {
    if (value === undefined) missing |= 1 << place;
  });
  const text = call('personaKit', [missing], [name, JSON.stringify(given)], toThrown);
  return (text === undefined ? undefined : JSON.parse(text)) as T;
}

/** Plans a selection; the plan has `null` for its persona. */
export function plan(selection: object, options: object): unknown {
  const texts = [JSON.stringify(selection), JSON.stringify(options)];
  return JSON.parse(call('plan', [COMPAT | HELD], texts, toThrown) ?? 'null');
}

/** Turns a failure into what persona-kit throws. */
function toThrown(problem: Problem): Error {
  const text = (member: string): string => String(problem[member] ?? '');
  switch (problem.name) {
    case 'Error':
      return new Error(problem.message);
    case 'TypeError':
      return new TypeError(problem.message);
    case 'ZodError':
      return new ZodError(problem.message);
    case 'MissingPersonaInputError':
      return new MissingPersonaInputError(text('input'), text('env'));
    case 'MissingEnvRefError':
      return new MissingEnvRefError(text('ref'), text('referencedBy'));
    default:
      return toError(problem);
  }
}

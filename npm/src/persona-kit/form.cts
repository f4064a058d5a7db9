/**
 * Documents that are JavaScript objects. Only what the parsers read crosses to them; every
 * other member of a document is put back into the result as it is: the same object, function
 * or number that JSON cannot hold. Objects are read as any code reads them, with getters and
 * what they inherit; none is changed.
 */

import { FORMS } from './forms.cjs';

/** Which members of a document are read; see `forms` in plan-core. */
export interface Form {
  readonly fields?: Readonly<Record<string, Form>>;
  readonly entries?: Form;
  readonly items?: Form;
  readonly mark?: 'kept' | 'same' | 'present' | 'sparse' | 'copied' | 'quoted' | 'implicit';
}

type Members = Record<string, unknown>;

const MARK = '__agentworkforceImplicitSource';
const LEAF: Form = {};
/** Stands for what is no JSON, a function or `NaN`: nothing that is read may be it. */
const FOREIGN = -1;

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null;
}

export function isPlainObject(value: unknown): value is Members {
  if (!isObject(value) || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Tells whether an integration has its source only because none was given. */
export function isImplicitIntegrationSource(value: unknown): boolean {
  if (!isObject(value) || Array.isArray(value)) return false;
  if (value['source'] === undefined) return true;
  const mark = Object.getOwnPropertyDescriptor(value, MARK);
  return mark !== undefined && !mark.enumerable && mark.value === true;
}

function formOf(form: Form, name: string): Form | undefined {
  const { fields } = form;
  return fields && Object.hasOwn(fields, name) ? fields[name] : form.entries;
}

/** Puts a member under any name, `__proto__` too. */
function put(object: Members, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value;
  else Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

/** What of a document crosses to its parser. */
export function toWire(value: unknown, form: Form = LEAF): unknown {
  // As in the message that repeats it.
  if (form.mark === 'quoted' && value !== undefined) return JSON.parse(JSON.stringify(value) ?? 'null') as unknown;
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : FOREIGN;
    case 'string':
    case 'boolean':
    case 'undefined':
      return value;
    case 'object':
      break;
    default:
      return FOREIGN;
  }
  if (value === null) return null;
  if (form.mark === 'kept') return isPlainObject(value) ? {} : [];
  if (Array.isArray(value)) return Array.from(value, (item) => toWire(item, form.items ?? form.entries));
  return fromObject(value as Members, form);
}

function fromObject(object: Members, form: Form): Members {
  // Without a prototype every name is a member's.
  const wire = Object.create(null) as Members;
  const hidden = form.mark === 'implicit' && isImplicitIntegrationSource(object) ? 'source' : undefined;
  const isForeign = !form.fields && !form.entries;
  for (const name of Object.keys(object)) {
    const member = isForeign ? LEAF : formOf(form, name);
    // A member that nobody reads only says that it is there.
    wire[name] = member === undefined ? null : toWire(object[name], member);
    const isField = form.fields !== undefined && Object.hasOwn(form.fields, name);
    const counts = !isField && form.mark !== 'sparse';
    if (wire[name] === undefined && (counts || member?.mark === 'present')) wire[name] = null;
  }
  for (const name of Object.keys(form.fields ?? {})) {
    const member = form.fields?.[name];
    if (name in wire || !(name in object)) continue;
    wire[name] = toWire(object[name], member) ?? (member?.mark === 'present' ? null : undefined);
  }
  if (hidden !== undefined) delete wire[hidden];
  return wire;
}

/** Puts back into a result what did not cross to the parser. */
export function fromWire(result: unknown, given: unknown, form: Form): unknown {
  if ((form.mark === 'kept' || form.mark === 'same') && result !== undefined) return given;
  if (!isObject(result) || !isObject(given)) return result;
  if (Array.isArray(result)) {
    const { items } = form;
    if (!items || !Array.isArray(given)) return result;
    return result.map((item, place) => fromWire(item, given[place], items));
  }
  if (!form.fields && !form.entries) return result;
  if (form.mark === 'copied') return { ...given };
  for (const name of Object.keys(result)) {
    const member = formOf(form, name);
    put(result, name, member ? fromWire(result[name], given[name], member) : given[name]);
  }
  const isImplicit = form.mark === 'implicit' && !Object.hasOwn(result, 'source');
  return isImplicit ? withSource(result, form) : result;
}

/** Gives an integration the source that it was given none of; JSON does not show it. */
function withSource(integration: Members, form: Form): Members {
  const all: Members = {};
  const known = (name: string): boolean => Object.hasOwn(form.fields ?? {}, name);
  const names = Object.keys(integration);
  for (const name of names) if (!known(name)) put(all, name, integration[name]);
  all['source'] = { kind: 'deployer_user' };
  for (const name of names) if (known(name)) put(all, name, integration[name]);
  Object.defineProperty(all, MARK, { value: true });
  Object.defineProperty(all, 'toJSON', {
    value(this: Members) {
      const { source: _, ...shown } = this;
      return shown;
    },
  });
  return all;
}

/** The members of an object that functions read, wherever the object has them from. */
export function read(value: unknown, form: string): unknown {
  if (!isObject(value)) return value;
  const members = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(FORMS[form]?.fields ?? {})) {
    const member = value[name];
    if (member !== undefined) members[name] = member;
  }
  return members;
}

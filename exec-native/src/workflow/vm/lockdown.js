// Closes the world before a script enters it: takes away what is not repeatable or compiles
// text, puts our globals in, and freezes everything that can be reached.
(function (core, helpers) {
  'use strict';

  const { defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf } = Object;
  const { ownKeys, construct } = Reflect;
  const { failure, prepareStack } = core;

  // Everything that a script may find besides our own globals.
  const KEPT = [
    'globalThis', 'undefined', 'NaN', 'Infinity', 'isNaN', 'isFinite', 'parseInt', 'parseFloat',
    'encodeURI', 'encodeURIComponent', 'decodeURI', 'decodeURIComponent', 'escape', 'unescape',
    'Object', 'Function', 'Array', 'String', 'Number', 'Boolean', 'Symbol', 'BigInt', 'Math', 'JSON',
    'Reflect', 'Proxy', 'Promise', 'RegExp', 'Map', 'Set', 'WeakMap', 'WeakSet', 'Iterator', 'Date',
    'Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError',
    'AggregateError', 'ArrayBuffer', 'DataView', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray',
    'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'BigInt64Array', 'BigUint64Array',
    'Float16Array', 'Float32Array', 'Float64Array', 'queueMicrotask',
  ];

  const hide = (object, name, value) =>
    defineProperty(object, name, { value, writable: false, enumerable: false, configurable: false });

  const unrepeatable = (what, instead) =>
    failure('SCRIPT_VALIDATION_ERROR', `${what} is unavailable: workflow scripts must be deterministic; use await ${instead}`);

  // -------------------------------------------------------- clocks and random numbers

  const RealDate = Date;
  // Keeps the name and the length of the original.
  const SafeDate = {
    Date: function (year, month, day, hours, minutes, seconds, ms) {
      if (new.target === undefined) throw unrepeatable('Date()', 'now()');
      if (arguments.length === 0) throw unrepeatable('new Date()', 'now()');
      return construct(RealDate, arguments, new.target);
    },
  }.Date;
  hide(SafeDate, 'prototype', RealDate.prototype);
  hide(SafeDate, 'UTC', RealDate.UTC);
  hide(SafeDate, 'parse', RealDate.parse);
  hide(SafeDate, 'now', () => {
    throw unrepeatable('Date.now()', 'now()');
  });
  hide(RealDate.prototype, 'constructor', SafeDate);
  hide(globalThis, 'Date', SafeDate);

  hide(Math, 'random', () => {
    throw unrepeatable('Math.random()', 'random()');
  });

  // ------------------------------------------------------------------ text as a program

  const noText = (name) => ({
    [name]: function () {
      throw failure('SCRIPT_VALIDATION_ERROR', `${name} is unavailable: a workflow cannot make programs of text`);
    },
  })[name];
  const kinds = [
    function () {},
    async function () {},
    function* () {},
    async function* () {},
  ];
  for (const kind of kinds) {
    const prototype = getPrototypeOf(kind);
    const { name } = prototype.constructor;
    const blocked = noText(name);
    hide(blocked, 'prototype', prototype);
    hide(prototype, 'constructor', blocked);
    if (name === 'Function') hide(globalThis, 'Function', blocked);
  }

  // ---------------------------------------------------------------------------- stacks

  Error.prepareStackTrace = prepareStack;
  Error.stackTraceLimit = 32;
  // The engine has taken both; what a script sets from now on changes nothing.
  for (const name of ['prepareStackTrace', 'stackTraceLimit']) {
    const value = name === 'stackTraceLimit' ? 32 : undefined;
    defineProperty(Error, name, { get: () => value, set: () => {}, enumerable: false, configurable: false });
  }

  // --------------------------------------------------------------------------- globals

  for (const name of ownKeys(globalThis)) {
    if (typeof name !== 'string' || !KEPT.includes(name)) {
      delete globalThis[name];
    }
  }
  const own = { ...core.world, ...helpers };
  for (const name of ownKeys(own)) {
    defineProperty(globalThis, name, { value: own[name], configurable: true });
  }
  for (const name of ownKeys(globalThis)) {
    const found = getOwnPropertyDescriptor(globalThis, name);
    if ('value' in found) hide(globalThis, name, found.value);
  }

  // ------------------------------------------------------------------------- built-ins

  // In strict code, assigning to a name that a frozen prototype has is an error, even if the
  // object is one's own. Scripts do assign `error.name` or `thing.toString`; there the
  // property becomes one that defines an own property of the object.
  function makeOverridable(prototype) {
    for (const name of ownKeys(prototype)) {
      const found = getOwnPropertyDescriptor(prototype, name);
      if (!('value' in found) || !found.configurable) continue;
      const { value } = found;
      defineProperty(prototype, name, {
        get: () => value,
        set(given) {
          if (this === prototype) throw new TypeError(`${String(name)} of a built-in is read-only`);
          defineProperty(this, name, { value: given, writable: true, enumerable: true, configurable: true });
        },
        enumerable: found.enumerable,
        configurable: false,
      });
    }
  }
  makeOverridable(Object.prototype);
  for (const name of KEPT) {
    if (name.endsWith('Error')) makeOverridable(globalThis[name].prototype);
  }

  const seen = new Set([globalThis]);
  const left = [];
  const reach = (value) => {
    const holds = (typeof value === 'object' && value !== null) || typeof value === 'function';
    if (holds && !seen.has(value)) {
      seen.add(value);
      left.push(value);
    }
  };
  const reachAll = (object) => {
    for (const name of ownKeys(object)) {
      const found = getOwnPropertyDescriptor(object, name);
      reach(found.value);
      reach(found.get);
      reach(found.set);
    }
    reach(getPrototypeOf(object));
  };
  reachAll(globalThis);
  // Prototypes that no name leads to.
  for (const kind of kinds) reach(getPrototypeOf(kind));
  for (const iterable of [[], new Map(), new Set(), '']) reach(getPrototypeOf(iterable[Symbol.iterator]()));
  reach(getPrototypeOf(''.matchAll(/x/g)));
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    reachAll(next);
    freeze(next);
  }
})

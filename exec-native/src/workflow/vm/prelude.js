// What a workflow script finds in its world. This file is one function: the host calls it
// once, before any line of a script runs, and keeps what it returns.
//
// Three rules hold everywhere:
// - Nothing happens here by itself. A call is an event for the host and a promise that only
//   the host settles, so that a run is a function of the order in which results come back.
// - `current` is the scope that issues what is issued next. The host settles one thing at a
//   time and runs every job that follows from it (a *turn*), so it is enough to set the scope
//   when a turn begins and around every function of a script that we call ourselves.
// - Built-ins are frozen before a script runs. So their methods may be used on objects of our
//   own; what a script hands over is read once and never trusted.
(function (host) {
  'use strict';

  const { stringify, parse } = JSON;
  const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf } = Object;
  const { ownKeys } = Reflect;
  const { isArray } = Array;
  const { isFinite: isFiniteNumber, isInteger } = Number;
  const config = parse(host.config);

  // ---------------------------------------------------------------------- errors

  // Code → whether a run goes on after it: a call answers `null`, a branch becomes `null`.
  const RECOVERABLE = {
    __proto__: null,
    AGENT_TIMEOUT: true,
    AGENT_EXECUTION_ERROR: true,
    AGENT_EMPTY_OUTPUT: true,
    WORKFLOW_ABORTED: true,
    AGENT_LIMIT_EXCEEDED: false,
    TOKEN_BUDGET_EXHAUSTED: false,
    SCHEMA_NONCOMPLIANCE: false,
    SCRIPT_VALIDATION_ERROR: false,
    PROVIDER_USAGE_LIMIT: false,
    MODEL_NOT_FOUND: false,
    ISOLATION_FAILED: false,
    PERSISTENCE_ERROR: false,
    UNKNOWN: false,
  };
  const ABORTED = 'WORKFLOW_ABORTED';
  const FULL = 'AGENT_LIMIT_EXCEEDED';
  const INVALID = 'SCRIPT_VALIDATION_ERROR';

  function coded(error, code, recoverable) {
    defineProperty(error, 'code', { value: code, enumerable: true });
    defineProperty(error, 'recoverable', { value: recoverable, enumerable: true });
    return error;
  }

  const failure = (code, message, recoverable = false) =>
    coded(new Error(message), code, recoverable);
  // A wrong argument. It is fatal: a branch must not hide it as `null`.
  const wrong = (message) => coded(new TypeError(message), INVALID, false);

  // The code of ours that an error carries. Whatever a script throws is asked with care.
  function codeOf(error) {
    try {
      const code = error === null || typeof error !== 'object' ? undefined : error.code;
      return typeof code === 'string' && code in RECOVERABLE ? code : undefined;
    } catch {
      return undefined;
    }
  }

  function isFatal(error) {
    const code = codeOf(error);
    if (code === undefined) return false;
    let recoverable;
    try {
      recoverable = error.recoverable;
    } catch {
      recoverable = undefined;
    }
    return code === ABORTED || (recoverable ?? RECOVERABLE[code]) !== true;
  }

  function messageOf(error) {
    try {
      const message = error === null || typeof error !== 'object' ? error : error.message;
      return String(message ?? error);
    } catch {
      return 'an error that cannot be printed';
    }
  }

  // Where errors were made: error → the line and column in the script that made it, and the
  // stack. An error that is thrown again keeps the first.
  const places = new WeakMap();
  const internal = InternalError.prototype;
  const setPlace = places.set.bind(places);
  const getPlace = places.get.bind(places);

  // File → its lines, for columns that count characters: the engine counts bytes.
  const files = new Map();

  function columnOf(file, line, bytes) {
    const text = files.get(file)?.[line - 1] ?? '';
    let left = bytes - 1;
    let column = 1;
    for (const char of text) {
      if (left <= 0) return column;
      const point = char.codePointAt(0);
      left -= point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      column += 1;
    }
    return column + left;
  }

  // The engine asks this for the stack of every error, also of those that it makes itself.
  // Frames of this file are left out. One without frames of a script gets its place where the
  // script hears of it.
  function prepareStack(error, sites) {
    if (getPrototypeOf(error) === internal && error.message === 'out of memory') {
      host.outOfMemory();
    }
    const known = getPlace(error);
    if (known !== undefined) return known.text;
    const place = { line: undefined, column: undefined, text: '' };
    for (let i = 0; sites !== null && i < sites.length; i += 1) {
      const file = sites[i].getFileName();
      // The wrapper has a line of its own in front.
      const line = sites[i].getLineNumber() - 1;
      if (typeof file !== 'string' || file === host.file || !(line > 0)) continue;
      const column = columnOf(file, line, sites[i].getColumnNumber());
      place.line ??= line;
      place.column ??= column;
      place.text += `    at ${sites[i].getFunctionName() || '<anonymous>'} (${file}:${line}:${column})\n`;
    }
    if (place.line === undefined) return undefined;
    setPlace(error, place);
    return place.text;
  }

  // An error as the host's report names it.
  function describe(error, fallback) {
    const isObject = error !== null && typeof error === 'object';
    const place = isObject ? getPlace(error) : undefined;
    let stack;
    let name;
    try {
      stack = isObject && typeof error.stack === 'string' ? error.stack : undefined;
      name = isObject && typeof error.name === 'string' && codeOf(error) === undefined ? error.name : '';
    } catch {
      name = '';
    }
    const message = messageOf(error);
    return stringify({
      code: codeOf(error) ?? fallback,
      message: name === '' ? message : `${name}: ${message}`,
      line: place?.line,
      column: place?.column,
      stack: stack === '' ? undefined : stack,
    });
  }

  // ------------------------------------------------------------- scopes and calls

  // A frame is one script: the run's own, or one that it calls by `workflow`.
  const frameOf = (depth, phases) => ({ depth, phase: phases[0] });
  const scopeOf = (path, frame) => ({ path, frame, next: 0 });

  let current = scopeOf('', frameOf(0, config.phases));
  let calls = 0;
  let agents = 0;
  // Where the latest call stands, and those with labels.
  let issued = null;
  const labels = new Map();
  let spent = config.budget.spent;
  const pending = new Map();
  // What runs when no job is left: each in its scope, with every job that follows.
  const turns = [];

  const emit = (tag, body) => host.emit(`{"${tag}":${stringify(body)}}`);
  const logLine = (level, message) => emit('log', { level, message });

  // Issues a call. `how` says what its answer means for the script.
  function issue(kind, payload, how, shown) {
    // First: it may throw, and run functions of the script that issue calls themselves.
    const body = stringify(payload);
    const scope = current;
    const { path, frame, next: ordinal } = scope;
    const place = `${path}/${ordinal}`;
    const head = stringify({
      id: calls,
      path: place,
      scope: path,
      ordinal,
      kind,
      phase: shown?.phase ?? frame.phase,
      label: shown?.label,
    });
    host.emit(`{"call":${head.slice(0, -1)},"payload":${body}}}`);
    const id = calls;
    issued = place;
    calls += 1;
    scope.next += 1;
    return new Promise((resolve, reject) => {
      pending.set(id, { scope, ordinal, how, resolve, reject });
    });
  }

  const plainly = {
    value: (value, call) => call.resolve(value),
    error: (error, call) => call.reject(error),
  };

  // The host settles a call; `false` when there is no such call.
  function settle(id, isValue, text, spentNow) {
    const call = pending.get(id);
    if (call === undefined) return false;
    pending.delete(id);
    spent = spentNow;
    current = call.scope;
    const given = parse(text);
    if (isValue) {
      call.how.value(given, call);
    } else {
      call.how.error(failure(given.code, given.message, given.recoverable), call);
    }
    return true;
  }

  // Runs the next turn; `false` when there is none.
  function turn() {
    const next = turns.shift();
    if (next === undefined) return false;
    current = next.scope;
    next.run();
    return true;
  }

  const soon = (scope, run) => turns.push({ scope, run });

  // Calls a function of the script in a scope. Always answers with a promise of our own.
  function inScope(scope, run) {
    const before = current;
    current = scope;
    try {
      return new Promise((resolve) => resolve(run()));
    } finally {
      current = before;
    }
  }

  // ------------------------------------------------------------------ combinators

  // Opens a combinator and starts its branches at once. `start(i, scope)` answers with the
  // promise of a branch, `failed` with what a branch that threw is worth. The script goes
  // on in a turn of its own, so that what it issues then belongs to the scope around.
  function open(kind, letter, branches, start, failed, at = current.next) {
    const scope = current;
    if (at === scope.next) scope.next += 1;
    const path = `${scope.path}/${at}${letter}`;
    emit('open', { scope: path, parent: scope.path, ordinal: at, kind, branches });
    const frame = kind === 'workflow' ? frameOf(scope.frame.depth + 1, start.phases) : scope.frame;
    return new Promise((resolve, reject) => {
      const results = [];
      let left = branches;
      const ended = () => {
        left -= 1;
        if (left > 0) return;
        emit('join', { scope: path });
        soon(scope, () => resolve(results));
      };
      if (branches === 0) {
        left = 1;
        ended();
      }
      for (let i = 0; i < branches; i += 1) {
        results[i] = null;
        start(i, scopeOf(`${path}[${i}]`, frame)).then(
          (value) => {
            results[i] = value;
            ended();
          },
          (error) => {
            if (failed === undefined || isFatal(error)) {
              // What this fan-out has not begun is begun for nobody.
              if (failed !== undefined && codeOf(error) === FULL) emit('givenUp', { scope: path });
              soon(scope, () => reject(error));
            } else {
              logLine('log', `${kind}[${i}] failed: ${failed(error)}`);
            }
            ended();
          },
        );
      }
    });
  }

  const copyOf = (list) => {
    const copy = [];
    const { length } = list;
    for (let i = 0; i < length; i += 1) copy[i] = list[i];
    return copy;
  };
  const areFunctions = (list) => list.every((one) => typeof one === 'function');

  function parallel(thunks) {
    const own = isArray(thunks) ? copyOf(thunks) : [null];
    if (!areFunctions(own)) {
      throw wrong(
        'parallel() expects an array of functions, not promises. Wrap each call: () => agent(...)',
      );
    }
    const start = (i, scope) => inScope(scope, () => own[i]());
    return open('parallel', 'p', own.length, start, messageOf);
  }

  function pipeline(items, ...stages) {
    if (!isArray(items)) throw wrong('pipeline() expects an array of items as its first argument');
    if (!areFunctions(stages)) throw wrong('pipeline() expects functions as its stages');
    const own = copyOf(items);
    const start = (i, scope) =>
      new Promise((resolve, reject) => {
        const next = (stage, value) => {
          if (stage === stages.length) {
            resolve(value);
            return;
          }
          inScope(scope, () => stages[stage](value, own[i], i)).then(
            // The next stage gets a turn of its own: this one may have gone through jobs
            // of other scopes.
            (result) => soon(scope, () => next(stage + 1, result)),
            reject,
          );
        };
        next(0, own[i]);
      });
    return open('pipeline', 'l', own.length, start, messageOf);
  }

  function workflow(source, args) {
    if (typeof source !== 'string' || source.trim() === '') {
      throw wrong('workflow() expects the name or the text of a workflow');
    }
    if (current.frame.depth > 0) {
      throw failure(INVALID, 'workflow() can only be nested one level deep');
    }
    return issue('workflow', { source, args }, {
      value: (script, call) => {
        let body;
        try {
          body = compile(script);
        } catch (error) {
          call.reject(error);
          return;
        }
        const given = script.args === undefined ? args : script.args;
        const start = (_, scope) => inScope(scope, () => body(given)());
        start.phases = script.phases ?? [];
        open('workflow', 'w', 1, start, undefined, call.ordinal).then(
          (results) => call.resolve(results[0]),
          call.reject,
        );
      },
      error: plainly.error,
    });
  }

  // What only a line with types has.
  const TYPES = /^\s*(interface|type|enum)\s+\w|\)?\??\s*:\s*((string|number|boolean|any|unknown|void|never|object)\b|(Promise|Array|Record)<|\w+\[\])|\bas\s+\w/;

  // Turns a script into a function that takes its arguments and gives its body.
  function compile(script) {
    const lines = script.script.split('\n');
    files.set(script.name, lines);
    try {
      return host.compile(script.script, script.statement[0], script.statement[1], script.name);
    } catch (error) {
      const place = getPlace(error);
      const line = lines[(place?.line ?? 0) - 1] ?? '';
      const typed = TYPES.test(line);
      const hint = typed ? ' (scripts are JavaScript: types are not understood)' : '';
      const invalid = failure(INVALID, `${messageOf(error)}${hint}`);
      if (place !== undefined) setPlace(invalid, place);
      defineProperty(invalid, 'stack', { value: place?.text });
      throw invalid;
    }
  }

  // Starts the run's script.
  function begin(script) {
    const fail = (error) => host.fail(describe(error, 'SCRIPT_ERROR'));
    try {
      const body = compile(parse(script));
      inScope(current, body(parse(config.args))).then((value) => {
        // What cannot be told to the host is a failure of the script.
        try {
          host.finish(stringify(value) ?? 'null');
        } catch (error) {
          fail(error);
        }
      }, fail);
    } catch (error) {
      fail(error);
    }
  }

  // ------------------------------------------------------------------------ calls

  const isText = (value) => typeof value === 'string' && value.trim() !== '';
  const isObject = (value) => value !== null && typeof value === 'object' && !isArray(value);
  const oneOf = (...words) => (value) => words.includes(value);
  const isTime = (value) =>
    value === null || (isFiniteNumber(value) && value >= 1 && value <= 2147483647);

  // Option → its test and what it must be.
  const AGENT_OPTIONS = {
    label: [(value) => typeof value === 'string', 'a string'],
    phase: [(value) => typeof value === 'string', 'a string'],
    schema: [isObject, 'a JSON schema'],
    model: [isText, 'a string that is not empty'],
    tier: [isText, 'a string that is not empty'],
    thinking: [
      oneOf('off', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'),
      'one of off, minimal, low, medium, high, xhigh, max',
    ],
    isolation: [oneOf('worktree', 'clone', 'prefer', false), '"worktree", "clone", "prefer" or false'],
    keepWorktree: [(value) => typeof value === 'boolean', 'true or false'],
    cwd: [(value) => isText(value) && value.startsWith('/'), 'an absolute path'],
    thread: [isText, 'a string that is not empty'],
    agentType: [isText, 'a string that is not empty'],
    timeoutMs: [isTime, 'null or a finite number from 1 to 2147483647'],
    retries: [(value) => isFiniteNumber(value), 'a finite number'],
    key: [isText, 'a string that is not empty'],
    effect: [
      oneOf('pure', 'isolated', 'workspace', 'external'),
      'one of pure, isolated, workspace, external',
    ],
    base: [isText, 'a string that is not empty'],
    probe: [isText, 'a command'],
  };
  const AGENT_NAMES = ownKeys(AGENT_OPTIONS);

  // A copy of the options, read once. Unknown ones are passed on: the host may know them.
  function optionsOf(name, options) {
    if (options === undefined || options === null) return {};
    if (!isObject(options)) throw wrong(`${name}() expects an object as its options`);
    return { ...options };
  }

  function checked(prompt, options) {
    if (!isText(prompt)) throw wrong('agent() expects a prompt: a string that is not empty');
    const own = optionsOf('agent', options);
    // Most calls have none, and this runs for every call.
    if (options === undefined) return own;
    for (let i = 0; i < AGENT_NAMES.length; i += 1) {
      const name = AGENT_NAMES[i];
      const value = own[name];
      if (value === undefined) continue;
      const [holds, what] = AGENT_OPTIONS[name];
      if (!holds(value)) throw wrong(`agent() option ${name} must be ${what}`);
    }
    if (own.isolation) {
      for (const name of ['cwd', 'thread']) {
        if (own[name] !== undefined) {
          throw wrong(`agent() option ${name} cannot be combined with isolation`);
        }
      }
    }
    return own;
  }

  // What is not about one call: no other call would do better.
  const WHOLE = ['AGENT_LIMIT_EXCEEDED', 'TOKEN_BUDGET_EXHAUSTED', ABORTED, INVALID];

  function ask(prompt, options, answer, stops) {
    const { label, phase: named, ...rest } = checked(prompt, options);
    const phase = named ?? current.frame.phase;
    const number = agents + 1;
    const shown = label?.trim() || (phase ? `${phase} agent ${number}` : `agent ${number}`);
    const promise = issue('agent', { prompt, options: rest }, {
      value: (value, call) => call.resolve(answer(true, value, null, call)),
      error: (error, call) => {
        if (stops(error)) {
          call.reject(error);
          return;
        }
        logLine('log', `${shown} failed: ${error.message}`);
        call.resolve(answer(false, null, error.code, call));
      },
    }, { label: shown, phase });
    // A label that several calls have names none of them.
    labels.set(shown, labels.has(shown) ? null : issued);
    agents = number;
    return promise;
  }

  function agent(prompt, options) {
    return ask(prompt, options, (_, value) => value, isFatal);
  }
  // As `agent`, but a failure of the call is told from an answer of `null`, whatever it is.
  agent.try = function (prompt, options) {
    return ask(prompt, options, (ok, value, code, { scope, ordinal }) => ({
      ok, value, code, call: `${scope.path}/${ordinal}`,
    }), (error) => WHOLE.includes(codeOf(error)));
  };

  const ID = /^[A-Za-z0-9._:-]{1,200}$/;
  const checkpoints = new Set();

  // Whether JSON gives a value back as it is.
  function isLossless(value, depth) {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
    if (typeof value === 'number') return isFiniteNumber(value) && !Object.is(value, -0);
    if (typeof value !== 'object' || depth === 0) return false;
    const keys = ownKeys(value).filter((key) => !(isArray(value) && key === 'length'));
    if (isArray(value) ? keys.length !== value.length : getPrototypeOf(value) !== Object.prototype) {
      return false;
    }
    return keys.every((key) => {
      const { enumerable, get } = getOwnPropertyDescriptor(value, key);
      return typeof key === 'string' && enumerable && !get && isLossless(value[key], depth - 1);
    });
  }

  function checkpoint(input, options) {
    if (typeof input === 'string') {
      const own = optionsOf('checkpoint', options);
      if (own.headless !== undefined && !oneOf('default', 'abort', 'wait')(own.headless)) {
        throw wrong('checkpoint() option headless must be one of default, abort, wait');
      }
      if (own.choices !== undefined && !isArray(own.choices)) {
        throw wrong('checkpoint() option choices must be an array');
      }
      if (own.timeoutMs !== undefined && !isTime(own.timeoutMs)) {
        throw wrong('checkpoint() option timeoutMs must be null or a finite number from 1 to 2147483647');
      }
      const promise = issue('checkpoint', { prompt: input, options: own }, plainly);
      // It takes a place among the calls of the run.
      agents += 1;
      return promise;
    }
    const keys = isObject(input) ? ownKeys(input).map(String).sort().join() : '';
    if (keys !== 'checkpointId,kind,payload') {
      throw wrong('checkpoint() expects a text, or an object of exactly kind, checkpointId and payload');
    }
    const { kind, checkpointId, payload } = input;
    for (const id of [kind, checkpointId]) {
      if (typeof id !== 'string' || !ID.test(id)) {
        throw wrong('checkpoint() kind and checkpointId must match ^[A-Za-z0-9._:-]{1,200}$');
      }
    }
    if (!isLossless(payload, 100)) {
      throw wrong('checkpoint() payload must be lossless JSON, at most 100 levels deep');
    }
    if (checkpoints.has(checkpointId)) {
      throw wrong(`checkpoint() checkpointId ${checkpointId} is used already`);
    }
    const promise = issue('checkpoint', { durable: { kind, checkpointId, payload } }, plainly);
    checkpoints.add(checkpointId);
    return promise;
  }

  const sleep = (ms) => {
    if (!isFiniteNumber(ms) || ms < 0) throw wrong('sleep() expects a number of milliseconds');
    return issue('sleep', { ms }, plainly);
  };
  const env = (name) => {
    if (!isText(name)) throw wrong('env() expects the name of a variable');
    return issue('env', { name }, plainly);
  };
  const merge = (results, options) => {
    if (!isArray(results)) {
      throw wrong('merge() expects an array of labels, or of what agent.try() returned');
    }
    const calls = results.map((result) => {
      const path = isObject(result) ? result.call : labels.get(result);
      if (isText(path)) return path;
      const several = path === null ? 'several calls have' : 'no call has';
      throw wrong(isText(result)
        ? `merge(): ${several} the label ${result}`
        : 'merge() expects labels, or what agent.try() returned');
    });
    return issue('merge', { calls, options: optionsOf('merge', options) }, plainly);
  };
  const task = (id, options) => {
    if (!isText(id)) throw wrong('task() expects the id of a task');
    return issue('task', { id, options: optionsOf('task', options) }, plainly);
  };
  const flow = (program, input) => {
    if (!isText(program) && !isObject(program)) throw wrong('flow() expects a program or its name');
    return issue('flow', { program, input }, plainly);
  };

  function phase(title, options) {
    const own = optionsOf('phase', options);
    if (own.budget !== undefined && !(isInteger(own.budget) && own.budget >= 0)) {
      throw wrong('phase() option budget must be a whole number of tokens');
    }
    const name = String(title);
    current.frame.phase = name;
    emit('phase', { title: name, budget: own.budget, scope: current.path });
  }

  const log = (message) => logLine('log', String(message));
  const shownInLog = (value) => {
    if (typeof value === 'string') return value;
    try {
      return stringify(value) ?? String(value);
    } catch {
      return String(value);
    }
  };
  const console = {};
  for (const level of ['log', 'info', 'warn', 'error']) {
    console[level] = (...values) => logLine(level, values.map(shownInLog).join(' '));
  }

  const { total = null } = config.budget;
  const budget = {
    total,
    spent: () => spent,
    remaining: () => (total === null ? Infinity : Math.max(0, total - spent)),
  };

  const world = {
    agent, parallel, pipeline, workflow, checkpoint, phase, log, console, budget, sleep, env,
    merge, task, flow,
    cwd: config.cwd,
    process: { cwd: () => config.cwd },
    now: () => issue('now', {}, plainly),
    random: () => issue('random', {}, plainly),
    uuid: () => issue('uuid', {}, plainly),
  };
  return { world, begin, settle, turn, describe, prepareStack, wrong, failure, codeOf, isObject, optionsOf };
})

// The quality helpers: built on `agent` and `parallel` alone, so that every call of theirs is
// a call like any other, with a path, a record and a cost.
(function (core) {
  'use strict';

  const { stringify } = JSON;
  const { isInteger, isFinite: isFiniteNumber } = Number;
  const { world, wrong, codeOf, isObject, optionsOf } = core;
  const { agent, parallel } = world;

  // How much of what was done a critic is shown.
  const SHOWN = 4000;

  const shown = (value) => (typeof value === 'string' ? value : stringify(value, null, 2) ?? String(value));

  function count(helper, option, value, fallback) {
    const number = value ?? fallback;
    if (!isInteger(number) || number < 1) {
      throw wrong(`${helper}() option ${option} must be a finite integer of at least 1`);
    }
    return number;
  }

  function callable(helper, what, value) {
    if (typeof value !== 'function') throw wrong(`${helper}() expects a function as ${what}`);
    return value;
  }

  // Asks as many agents at once; answers that failed are dropped.
  async function answers(prompts) {
    const given = await parallel(prompts.map(([text, options]) => () => agent(text, options)));
    return given.filter((one) => one !== null && one !== undefined);
  }

  const VERDICT = {
    type: 'object',
    properties: { real: { type: 'boolean' }, reason: { type: 'string' } },
    required: ['real'],
  };

  async function verify(item, options) {
    const { reviewers, threshold = 0.5, lens } = optionsOf('verify', options);
    const number = count('verify', 'reviewers', reviewers, 2);
    if (!isFiniteNumber(threshold)) throw wrong('verify() option threshold must be a finite number');
    const lenses = Array.isArray(lens) ? lens.map(String) : lens === undefined ? [] : [String(lens)];
    const claim = shown(item);
    const prompts = [];
    for (let i = 0; i < number; i += 1) {
      const view = lenses.length === 0 ? '' : `\n\nLook at it from this side: ${lenses[i % lenses.length]}.`;
      const text =
        'Check independently whether the following is real. Try to refute it, and say that it is '
        + `real only if you cannot.${view}\n\n${claim}`;
      prompts.push([text, { label: `verify ${i + 1}`, schema: VERDICT }]);
    }
    const votes = await answers(prompts);
    const realCount = votes.filter((vote) => vote.real === true).length;
    const real = votes.length > 0 && realCount / votes.length >= threshold;
    return { real, realCount, total: votes.length, votes };
  }

  const SCORE = {
    type: 'object',
    properties: { score: { type: 'number' }, reason: { type: 'string' } },
    required: ['score'],
  };

  async function judgePanel(attempts, options) {
    if (!Array.isArray(attempts)) throw wrong('judgePanel() expects an array of attempts');
    const { judges, rubric } = optionsOf('judgePanel', options);
    const number = count('judgePanel', 'judges', judges, 3);
    const candidates = [...attempts];
    if (candidates.length === 0) return undefined;
    const measure = rubric === undefined ? '' : ` Judge by this rubric: ${shown(rubric)}`;
    const panels = await parallel(candidates.map((candidate, c) => () => {
      const text =
        `Judge the following attempt and give it a score from 0 to 10.${measure}\n\n${shown(candidate)}`;
      const prompts = [];
      for (let j = 0; j < number; j += 1) {
        prompts.push([text, { label: `judge ${c + 1}.${j + 1}`, schema: SCORE }]);
      }
      return answers(prompts);
    }));
    let best;
    panels.forEach((panel, index) => {
      const judgments = (panel ?? []).filter((one) => isFiniteNumber(one.score));
      const sum = judgments.reduce((total, one) => total + one.score, 0);
      const score = judgments.length === 0 ? 0 : sum / judgments.length;
      if (best === undefined || score > best.score) {
        best = { index, attempt: candidates[index], score, judgments };
      }
    });
    return best;
  }

  async function loopUntilDry(options) {
    const { round, key, consecutiveEmpty, maxRounds } = optionsOf('loopUntilDry', options);
    callable('loopUntilDry', 'option round', round);
    const keyOf = key === undefined ? (item) => stringify(item) : callable('loopUntilDry', 'option key', key);
    const dry = count('loopUntilDry', 'consecutiveEmpty', consecutiveEmpty, 2);
    const most = count('loopUntilDry', 'maxRounds', maxRounds, 50);
    const seen = new Set();
    const found = [];
    let empty = 0;
    for (let i = 0; i < most && empty < dry; i += 1) {
      let items;
      try {
        items = await round(i);
      } catch (error) {
        // What was found is paid for.
        if (!['TOKEN_BUDGET_EXHAUSTED', 'AGENT_LIMIT_EXCEEDED'].includes(codeOf(error))) throw error;
        break;
      }
      const before = found.length;
      for (const item of Array.isArray(items) ? items : []) {
        if (item === null || item === undefined) continue;
        const name = keyOf(item);
        if (seen.has(name)) continue;
        seen.add(name);
        found.push(item);
      }
      empty = found.length === before ? empty + 1 : 0;
    }
    return found;
  }

  const COMPLETE = {
    type: 'object',
    properties: { complete: { type: 'boolean' }, missing: { type: 'array', items: { type: 'string' } } },
    required: ['complete'],
  };

  async function completenessCheck(task, results) {
    const done = (stringify(results) ?? '').slice(0, SHOWN);
    const text =
      'Compare the task with what was done. Say whether it is complete, and list what is missing.'
      + `\n\nTask:\n${shown(task)}\n\nResults:\n${done}`;
    return agent(text, { label: 'completeness critic', schema: COMPLETE });
  }

  async function retry(thunk, options) {
    callable('retry', 'its first argument', thunk);
    const { attempts, until } = optionsOf('retry', options);
    const most = count('retry', 'attempts', attempts, 3);
    if (until !== undefined) callable('retry', 'option until', until);
    let value;
    for (let i = 0; i < most; i += 1) {
      value = await thunk(i);
      if (until === undefined || (await until(value))) break;
    }
    return value;
  }

  async function gate(thunk, validator, options) {
    callable('gate', 'its first argument', thunk);
    callable('gate', 'its second argument', validator);
    const { attempts } = optionsOf('gate', options);
    const most = count('gate', 'attempts', attempts, 3);
    let feedback;
    let value;
    for (let i = 0; i < most; i += 1) {
      value = await thunk(feedback, i);
      const verdict = await validator(value);
      if (isObject(verdict) && verdict.ok === true) return { ok: true, value, attempts: i + 1 };
      feedback = isObject(verdict) ? verdict.feedback : undefined;
    }
    return { ok: false, value, attempts: most };
  }

  return { verify, judgePanel, loopUntilDry, completenessCheck, retry, gate };
})

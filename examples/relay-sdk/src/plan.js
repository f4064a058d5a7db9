/** From a persona's id to its plan: files are read here, everything else is pure. */

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { buildPersonaSpawnPlan, resolvePersona } from 'callsheet/plan';

/** Where personas are looked for, the strongest first. */
export function defaultSearchDirs(cwd, env = process.env) {
  const home = env.AGENT_WORKFORCE_HOME || join(homedir(), '.agentworkforce', 'workforce');
  return [
    join(cwd, 'agentworkforce', 'personas'),
    join(cwd, '.agentworkforce', 'workforce', 'personas'),
    join(cwd, 'agentworkforce', 'workforce', 'personas'),
    join(home, 'personas'),
  ];
}

/**
 * Plans a persona by its id.
 *
 * @param {string} id
 * @param {object} options `cwd`; `searchDirs` in place of the usual directories; `extraDirs` in
 *   front of them; everything else is an option of the planner.
 */
export async function getPersonaSpawnPlan(id, options) {
  const { cwd: given, searchDirs, extraDirs = [], ...planOptions } = options;
  const cwd = resolve(given);
  const places = [...extraDirs, ...(searchDirs ?? defaultSearchDirs(cwd))];
  const directories = [...new Set(places.map((place) => resolve(cwd, place)))];
  const layers = directories.map(readLayer);
  const existing = layers.flatMap(({ files }) => files.flatMap(mentioned)).filter(existsSync);
  const { edition } = planOptions;
  const found = resolvePersona(id, { cwd, layers, existing }, { edition });
  // What `callsheet plan` gives the planner too. The variables are for declared inputs alone.
  const own =
    edition === 'persona-kit-4'
      ? {}
      : {
          repoRoot: found.path ? dirname(found.path) : cwd,
          inputEnv: process.env,
          hostIsRoot: process.getuid?.() === 0,
        };
  return buildPersonaSpawnPlan(found.selection, { ...own, ...planOptions });
}

function readLayer(directory) {
  let names = [];
  try {
    names = readdirSync(directory).sort();
  } catch (error) {
    // The cascade names places where nothing need be.
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
  }
  const paths = names.filter((name) => name.endsWith('.json')).map((name) => join(directory, name));
  return { source: directory, files: paths.map((path) => ({ path, text: readFileSync(path, 'utf8') })) };
}

/** The files that a persona may refer to: the resolver only asks whether they exist. */
function mentioned({ path, text }) {
  let persona;
  try {
    persona = JSON.parse(text);
  } catch {
    // The resolver says what is wrong with it, if it is asked for.
    return [];
  }
  const skills = Array.isArray(persona?.skills) ? persona.skills.map((skill) => skill?.source) : [];
  const names = [persona?.claudeMd, persona?.agentsMd, ...skills];
  return names
    .filter((name) => typeof name === 'string' && name.endsWith('.md') && !name.includes('://'))
    .map((name) => resolve(dirname(path), name));
}

/** What an agent is told first: its initial prompt, its task, or both. */
export function composePersonaTask(plan, task) {
  const prompt = plan.initialPrompt || '';
  if (!task) return prompt;
  return prompt ? `${prompt}\n\nUser task:\n${task}` : task;
}

/** The arguments of an interactive agent with a task. */
export function argumentsFor(plan, args, task) {
  if (!task) return [...args];
  // The initial prompt is the last argument already.
  const before = plan.initialPrompt ? args.slice(0, -1) : args;
  const text = composePersonaTask(plan, task);
  // Its positional argument is the project.
  if (plan.cli === 'opencode') return [...before, '--prompt', text];
  // Whatever it begins with, it is no option.
  return [...before, '--', text];
}

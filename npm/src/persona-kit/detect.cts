/** Finding harnesses on this machine. */

import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { ask } from './call.cjs';
import { HARNESS_VALUES } from './constants.cjs';
import type { Harness, HarnessAvailability } from './types.cjs';

const TIMEOUT_MS = 3000;

/** Looks for a harness's program and asks it for its version. */
export function detectHarness(
  harness: Harness,
  options: { timeoutMs?: number } = {},
): HarnessAvailability {
  const path = find(harness);
  return ask('detectionRecord', harness, path, path && version(path, options.timeoutMs));
}

/** Looks for every harness. */
export function detectHarnesses(options: { timeoutMs?: number } = {}): HarnessAvailability[] {
  return HARNESS_VALUES.map((harness) => detectHarness(harness, options));
}

function find(name: string): string | undefined {
  const isWindows = process.platform === 'win32';
  const endings = isWindows ? (process.env['PATHEXT'] ?? '.EXE;.CMD;.BAT;.COM').split(';') : [''];
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((part) => part !== '');
  for (const directory of directories) {
    for (const ending of endings) {
      const path = join(directory, name + ending);
      if (isProgram(path)) return path;
    }
  }
  return undefined;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function version(path: string, timeoutMs: number = TIMEOUT_MS): object {
  const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
  const { error, status, stdout, stderr } = spawnSync(path, ['--version'], {
    encoding: 'utf8',
    timeout: timeoutMs,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A batch file is started by the shell.
    shell: process.platform === 'win32' && /\.(cmd|bat)$/i.test(path),
  });
  return error ? { error: error.message } : { status, stdout, stderr };
}

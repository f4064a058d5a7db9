#!/usr/bin/env node
/**
 * `callsheet` of the npm package: finds the native program and runs it in its own place, with
 * the same arguments, streams, signals and exit code.
 */

import { spawn } from 'node:child_process';
import { constants } from 'node:os';

import { findBinary } from '../execute/binary.cjs';

/** The exit code of a program that is not installed, as of the native one. */
const MISSING = 69;

function main(): void {
  let program;
  try {
    program = findBinary();
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n`);
    process.exitCode = MISSING;
    return;
  }
  const child = spawn(program, process.argv.slice(2), { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // A terminal has sent its own signals to the program already.
      const isKey = signal === 'SIGINT' || signal === 'SIGQUIT';
      if (!isKey || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    process.stderr.write(`error: ${program} cannot be started: ${error.message}\n`);
    process.exitCode = 126;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0);
  });
}

main();

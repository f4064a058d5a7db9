/** Runs of this process and of others. */

import { resolve } from 'node:path';

import { ask } from './executor.cjs';
import { type WireHandle, type WireReport, toHandle, toReport, unfinished } from './handle.cjs';
import type {
  CallOptions,
  Cleared,
  DisposeReport,
  ExecutionHandle,
  GcOptions,
  RecoverOptions,
  RecoveredRun,
  RunSummary,
} from './types.cjs';

/**
 * Takes back what dead runs left; with a directory, only those that were about it. A run
 * whose process has just died is waited for. Doing it again does nothing.
 */
export async function recover(options: RecoverOptions = {}): Promise<RecoveredRun[]> {
  const cwd = options.cwd === undefined ? undefined : resolve(options.cwd);
  const runs = (await ask('recover', { cwd }, options)) as (Omit<RecoveredRun, 'report'> & {
    report?: WireReport;
  })[];
  return runs.map(({ report, ...run }) =>
    report ? { ...run, report: toReport(report) } : run,
  );
}

/**
 * Finds a run that nobody holds any more, or one of this process; from now on it ends with
 * this process at the latest.
 */
export async function attach(id: string, options: CallOptions = {}): Promise<ExecutionHandle> {
  const wire = (await ask('attach', { run: id }, options)) as WireHandle;
  return toHandle(wire, wire.cwd);
}

/**
 * Takes a run back, whoever holds it: a process that holds nothing else is asked to, and
 * waited for. The report is empty when that process took it back.
 */
export async function dispose(id: string, options: CallOptions = {}): Promise<DisposeReport> {
  const wire = (await ask('dispose', { run: id }, options)) as WireReport;
  const { errors, ...report } = toReport(wire);
  if (errors.length > 0) throw unfinished(id, errors, report);
  return report;
}

/** Lists the runs of the user, oldest first. */
export async function list(options: CallOptions = {}): Promise<RunSummary[]> {
  return (await ask('list', {}, options)) as RunSummary[];
}

/** Clears away what ended runs left: logs of failures, backups of applied changes. */
export async function gc(options: GcOptions = {}): Promise<Cleared[]> {
  const { signal, ...members } = options;
  return (await ask('gc', members, { signal })) as Cleared[];
}

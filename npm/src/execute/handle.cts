/** Handles of what was carried out. */

import { CallsheetError, type WireError } from '../errors.cjs';
import { type Executor, ask } from './executor.cjs';
import { apply, changes, discard } from './results.cjs';
import type { DisposeReport, ExecutionHandle, LiveReport } from './types.cjs';

/** A handle as the executor tells it. */
export interface WireHandle {
  readonly run: string;
  readonly cwd: string;
  readonly view: ExecutionHandle['view'];
  readonly enforcement: string;
  readonly argvPrefix: readonly string[];
  readonly notes: readonly string[];
}

/** A report as the executor tells it. */
export interface WireReport extends Omit<DisposeReport, 'kept' | 'live'> {
  readonly errors: readonly WireError[];
}

/** The report of a run whose changes were brought back as they came. */
interface LiveAnswer {
  readonly report: WireReport;
  readonly live: LiveReport;
}

/** The runs of the parts that are open, which later parts may work upon. */
export const parts = new Map<string, 'mount' | 'part'>();

/** Makes a handle of a run; one that is its agent's has an executor of its own. */
export function toHandle(wire: WireHandle, cwd: string, executor?: Executor): ExecutionHandle {
  let disposed: Promise<DisposeReport> | undefined;
  const end = async (discards: boolean) => {
    const report = await takeBack(wire.run, discards, executor);
    executor?.close();
    return report;
  };
  const dispose = () => (disposed ??= end(false));
  const discardAll = () => (disposed ??= end(true));
  return {
    id: wire.run,
    cwd,
    view: wire.view,
    enforcement: wire.enforcement,
    argvPrefix: wire.argvPrefix,
    notes: wire.notes,
    dispose,
    changes: (options) => changes(wire.run, options),
    apply: (options) => apply(wire.run, options),
    discard: async () => {
      await discardAll();
      return await discard(wire.run, { confirmed: true });
    },
    [Symbol.asyncDispose]: async () => {
      await dispose();
    },
  };
}

async function takeBack(
  run: string,
  discards: boolean,
  executor: Executor | undefined,
): Promise<DisposeReport> {
  const answer = (await ask('dispose', { run, discards }, {}, executor)) as WireReport | LiveAnswer;
  parts.delete(run);
  const followed = 'report' in answer;
  const live = followed ? { live: answer.live } : {};
  const { errors, ...rest } = toReport(followed ? answer.report : answer);
  const report = { ...rest, ...live };
  if (errors.length === 0) return report;
  throw unfinished(run, errors, report);
}

/** The error of a run that is not taken back altogether. */
export function unfinished(
  run: string,
  errors: readonly WireError[],
  report: DisposeReport,
): CallsheetError {
  const first = errors[0]?.message ?? '';
  const more = errors.length > 1 ? `, and ${errors.length - 1} more` : '';
  const error = {
    code: 'needs-recovery',
    message: `not everything could be taken back: ${first}${more}`,
    run,
    hints: ['`recover()` tries again'],
    undoErrors: errors,
  };
  return new CallsheetError(error, { report });
}

/** Picks out what was kept. */
export function toReport(wire: WireReport): DisposeReport & { errors: readonly WireError[] } {
  return { ...wire, kept: wire.entries.filter((entry) => entry.kind === 'kept') };
}

/** What was done in the views of runs, and bringing it back. */

import { CallsheetError } from '../errors.cjs';
import { ask } from './executor.cjs';
import { type WireReport, toReport } from './handle.cjs';
import type { Applied, ApplyOptions, CallOptions, ChangeSet, Discarded, DisposeReport } from './types.cjs';

/** Lists what was done in a run's view and not brought back yet. */
export async function changes(id: string, options: CallOptions = {}): Promise<ChangeSet> {
  return (await ask('changes', { run: id }, options)) as ChangeSet;
}

/**
 * Brings what was done in a run's view into the project: all of it or nothing. `revert`
 * takes it back later.
 */
export async function apply(id: string, options: ApplyOptions = {}): Promise<Applied> {
  const { signal, ...members } = options;
  return (await ask('apply', { run: id, ...members }, { signal })) as Applied;
}

/** Gives up what was done in the view of a run that is over. Changes must be confirmed. */
export async function discard(
  id: string,
  options: { readonly confirmed?: boolean } = {},
): Promise<Discarded> {
  try {
    return (await ask('discard', { run: id, confirmed: options.confirmed })) as Discarded;
  } catch (error) {
    const isGone = error instanceof CallsheetError && error.code === 'usage' && options.confirmed;
    if (!isGone) throw error;
    // A view without changes goes when its run ends.
    return { discarded: '', references: [] };
  }
}

/** Takes back what `apply` brought into a project; `appliedBy` names the run. */
export async function revert(appliedBy: string, options: CallOptions = {}): Promise<DisposeReport> {
  const wire = (await ask('revert', { run: appliedBy }, options)) as WireReport;
  const { errors, ...report } = toReport(wire);
  if (errors.length === 0) return report;
  throw new CallsheetError(
    { code: 'needs-recovery', message: errors[0]?.message ?? '', run: appliedBy, undoErrors: errors },
    { report },
  );
}

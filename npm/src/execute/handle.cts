/** Handles of what was carried out. */

import { CallsheetError, type WireError } from './errors.cjs';
import { ask } from './executor.cjs';
import type { DisposeReport, ExecutionHandle } from './types.cjs';

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
export interface WireReport extends Omit<DisposeReport, 'kept'> {
  readonly errors: readonly WireError[];
}

/** The runs of the parts that are open, which later parts may work upon. */
export const parts = new Map<string, 'mount' | 'part'>();

/** Makes a handle of a run. */
export function toHandle(wire: WireHandle, cwd: string, notes: readonly string[] = []): ExecutionHandle {
  let disposed: Promise<DisposeReport> | undefined;
  const dispose = () => (disposed ??= takeBack(wire.run));
  return {
    id: wire.run,
    cwd,
    view: wire.view,
    enforcement: wire.enforcement,
    argvPrefix: wire.argvPrefix,
    notes: [...wire.notes, ...notes],
    dispose,
    [Symbol.asyncDispose]: async () => {
      await dispose();
    },
  };
}

async function takeBack(run: string): Promise<DisposeReport> {
  const { errors, ...report } = toReport((await ask('dispose', { run })) as WireReport);
  parts.delete(run);
  if (errors.length === 0) return report;
  const first = errors[0]?.message ?? '';
  const more = errors.length > 1 ? `, and ${errors.length - 1} more` : '';
  const error = {
    code: 'needs-recovery',
    message: `not everything could be taken back: ${first}${more}`,
    run,
    hints: ['`recover()` tries again'],
    undoErrors: errors,
  };
  throw new CallsheetError(error, { report });
}

/** Picks out what was kept. */
export function toReport(wire: WireReport): DisposeReport & { errors: readonly WireError[] } {
  return { ...wire, kept: wire.entries.filter((entry) => entry.kind === 'kept') };
}

/** The errors of every entry. */

import type { DisposeReport } from './execute/types.cjs';

/** One problem: what, how bad, where in the input, and what to do about it. */
export interface Diagnostic {
  /** The stable name of the kind of problem, such as `persona.field-invalid`. */
  readonly code?: string;
  readonly severity?: 'error' | 'warning';
  readonly message?: string;
  /** What to do next. */
  readonly help?: string;
  /** The value it is about, as a JSON pointer into the input. */
  readonly pointer?: string;
}

/** An error as the executor tells it. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly run?: string | null;
  readonly path?: string | null;
  readonly hints?: readonly string[];
  readonly diagnostics?: readonly Diagnostic[];
  readonly command?: { readonly exitCode: number; readonly output: string; readonly log: string };
  readonly undoErrors?: readonly WireError[];
}

/** Something that could not be done. What was done before it is taken back. */
export class CallsheetError extends Error {
  override name = 'CallsheetError';
  /**
   * `failed`, `busy`, `needs-recovery`, `usage`, `missing`, `config`, `cancelled`, …; of
   * planning the code of the first diagnostic, such as `persona.input-missing`.
   */
  readonly code: string;
  /** What to do next. */
  readonly hints: readonly string[];
  /** The problems of a persona or plan that was refused. */
  readonly diagnostics: readonly Diagnostic[];
  /** The run that it is about. */
  readonly run: string | undefined;
  /** The file or directory that it is about. */
  readonly path: string | undefined;
  /** What could not be taken back; `recover` tries again. */
  readonly undoErrors: readonly CallsheetError[];
  /** What became of the run, when taking it back failed. */
  readonly report: DisposeReport | undefined;

  constructor(error: WireError, more: { report?: DisposeReport; cause?: unknown } = {}) {
    super(error.message, 'cause' in more ? { cause: more.cause } : undefined);
    this.code = error.code;
    this.hints = error.hints ?? [];
    this.diagnostics = error.diagnostics ?? [];
    this.run = error.run ?? undefined;
    this.path = error.path ?? undefined;
    this.undoErrors = (error.undoErrors ?? []).map((undo) => new CallsheetError(undo));
    this.report = more.report;
  }
}

/** An installer of a skill failed. What it and others installed is taken back. */
export class SkillInstallError extends CallsheetError {
  override name = 'SkillInstallError';
  /** The installer's exit code, or 128 and the number of the signal that ended it. */
  readonly exitCode: number;
  /** The last part of its output. */
  readonly output: string;

  constructor(exitCode: number, output: string, error?: WireError) {
    super({
      code: 'failed',
      ...error,
      message: `Skill install failed (exit ${exitCode})`,
      hints: error ? [error.message, ...(error.hints ?? [])] : [],
    });
    this.exitCode = exitCode;
    this.output = output;
  }
}

/** Turns what the executor told into an error. */
export function toError(error: WireError): CallsheetError {
  const installer = error.code === 'cancelled' ? undefined : error.command;
  if (!installer) return new CallsheetError(error);
  return new SkillInstallError(installer.exitCode, installer.output, error);
}

/** A call that cannot be carried out as it is. */
export function usage(message: string): CallsheetError {
  return new CallsheetError({ code: 'usage', message });
}

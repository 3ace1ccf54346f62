/** Exit codes, which scripts rely on. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** Values that a program would otherwise parse out of the message. */
export type FailureDetails = Readonly<Record<string, string>>;

/** A failure whose message says what to do; `code` is stable. */
export class CliError extends Error {
  readonly code: string;
  readonly exitCode: number;
  readonly details: FailureDetails;

  constructor(
    code: string,
    message: string,
    {
      cause,
      exitCode = EXIT.failed,
      details = {},
    }: { cause?: unknown; exitCode?: number; details?: FailureDetails } = {},
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'CliError';
    this.code = code;
    this.exitCode = exitCode;
    this.details = details;
  }
}

/** Makes a failure of usage: nothing has been done yet. */
export function usageError(message: string): CliError {
  return new CliError('USAGE', message, { exitCode: EXIT.usage });
}

/** Returns the message of anything thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns the message of the first cause: `fetch failed` alone explains nothing. */
export function rootMessageOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? rootMessageOf(error.cause) : reasonOf(error);
}

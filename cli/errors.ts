/** How the command line ends; `docs` and scripts rely on it. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unproved: 3 } as const;

/** What a program needs of a failure and would have to cut out of its message. */
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

/** What was typed cannot work, and nothing has been done yet. */
export function usageError(message: string): CliError {
  return new CliError('USAGE', message, { exitCode: EXIT.usage });
}

/** The reason of anything thrown, for a message of our own. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same of what has caused it: `fetch failed` says nothing. */
export function rootOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? rootOf(error.cause) : reasonOf(error);
}

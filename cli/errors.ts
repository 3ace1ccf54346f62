/** How the command line ends; `docs` and scripts rely on it. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unproved: 3 } as const;

/** A failure whose message says what to do; `code` is stable. */
export class CliError extends Error {
  readonly code: string;
  readonly exitCode: number;

  constructor(
    code: string,
    message: string,
    { cause, exitCode = EXIT.failed }: { cause?: unknown; exitCode?: number } = {},
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'CliError';
    this.code = code;
    this.exitCode = exitCode;
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

import type { z } from 'zod';

const HTTP_STATUS = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
} as const;

type ErrorStatus = keyof typeof HTTP_STATUS;

/** An error in Google's form (docs/gemini-wire.md 2.3). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: ErrorStatus | 'UNKNOWN';
  readonly code: number;
  readonly details: readonly object[];

  constructor(status: ErrorStatus | number, message: string, details: readonly object[] = []) {
    super(message);
    this.code = typeof status === 'number' ? status : HTTP_STATUS[status];
    this.status = typeof status === 'number' ? statusName(status) : status;
    this.details = details;
  }

  toJSON(): { error: { code: number; message: string; status: string; details: readonly object[] } } {
    const { code, message, status, details } = this;
    return { error: { code, message, status, details } };
  }
}

export function notFound(what: string, name: string): ApiError {
  return new ApiError('NOT_FOUND', `${what} not found: ${name}`);
}

/** Parses untrusted input as the API does. Throws INVALID_ARGUMENT that names every bad field. */
export function checked<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const violations = result.error.issues.flatMap(violationsOf);
  const message = violations.map(({ description }) => description).join('\n');
  throw new ApiError('INVALID_ARGUMENT', message, [
    { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: violations },
  ]);
}

function violationsOf(issue: z.core.$ZodIssue): { field: string; description: string }[] {
  const field = issue.path.join('.');
  const place = field === '' ? '' : ` at '${field}'`;
  if (issue.code !== 'unrecognized_keys') return [{ field, description: `Invalid value${place}: ${issue.message}` }];
  return issue.keys.map((key) => {
    return { field, description: `Invalid JSON payload received. Unknown name "${key}"${place}: Cannot find field.` };
  });
}

function statusName(code: number): ErrorStatus | 'UNKNOWN' {
  const entry = Object.entries(HTTP_STATUS).find(([, status]) => status === code);
  return entry === undefined ? 'UNKNOWN' : (entry[0] as ErrorStatus);
}

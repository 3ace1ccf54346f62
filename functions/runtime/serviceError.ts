/**
 * The HTTP response for a reason. `retryAfterSeconds` is set where a retry can succeed; Gemini retries every answer but 2xx
 * for 24 hours (docs/gemini-wire.md 4.6).
 */
interface ErrorKind {
  readonly http: number;
  /** Name of a `google.rpc.Code`. */
  readonly status: string;
  readonly retryAfterSeconds?: number;
}

/** The stable reasons with which a request is refused or deferred. */
const ERROR_KINDS = {
  METHOD_NOT_ALLOWED: { http: 405, status: 'UNIMPLEMENTED' },
  MISSING_HEADER: { http: 400, status: 'INVALID_ARGUMENT' },
  INVALID_HEADER: { http: 400, status: 'INVALID_ARGUMENT' },
  BODY_TOO_LARGE: { http: 413, status: 'INVALID_ARGUMENT' },
  BODY_INCOMPLETE: { http: 400, status: 'INVALID_ARGUMENT' },
  SIGNATURE_INVALID: { http: 401, status: 'UNAUTHENTICATED' },
  TIMESTAMP_OUT_OF_TOLERANCE: { http: 401, status: 'UNAUTHENTICATED' },
  ROUTE_INVALID: { http: 401, status: 'UNAUTHENTICATED' },
  /** The thrower gives the time that is left of the lease. */
  DELIVERY_IN_PROGRESS: { http: 503, status: 'UNAVAILABLE' },
  STORE_UNAVAILABLE: { http: 503, status: 'UNAVAILABLE', retryAfterSeconds: 5 },
  PUBLISH_UNAVAILABLE: { http: 503, status: 'UNAVAILABLE', retryAfterSeconds: 5 },
  KEYS_UNAVAILABLE: { http: 503, status: 'UNAVAILABLE', retryAfterSeconds: 5 },
  DEADLINE_EXCEEDED: { http: 503, status: 'UNAVAILABLE', retryAfterSeconds: 5 },
  INVALID_EVENT: { http: 400, status: 'INVALID_ARGUMENT' },
  RESULTS_IN_PROGRESS: { http: 503, status: 'UNAVAILABLE', retryAfterSeconds: 10 },
  RESULTS_INTERRUPTED: { http: 503, status: 'UNAVAILABLE', retryAfterSeconds: 1 },
  GEMINI_UNAVAILABLE: { http: 503, status: 'UNAVAILABLE', retryAfterSeconds: 10 },
  STORAGE_UNAVAILABLE: { http: 503, status: 'UNAVAILABLE', retryAfterSeconds: 10 },
  INVALID_ARGUMENT: { http: 400, status: 'INVALID_ARGUMENT' },
  GEMINI_REFUSED: { http: 400, status: 'INVALID_ARGUMENT' },
  REQUEST_TOO_LARGE: { http: 413, status: 'INVALID_ARGUMENT' },
  IDEMPOTENCY_KEY_REUSED: { http: 422, status: 'INVALID_ARGUMENT' },
  SUBMISSION_IN_PROGRESS: { http: 409, status: 'ABORTED', retryAfterSeconds: 5 },
  SUBMISSION_UNKNOWN: { http: 503, status: 'UNAVAILABLE', retryAfterSeconds: 60 },
  RATE_LIMITED: { http: 429, status: 'RESOURCE_EXHAUSTED', retryAfterSeconds: 30 },
  INTERNAL: { http: 500, status: 'INTERNAL' },
} as const satisfies Record<string, ErrorKind>;

export type Reason = keyof typeof ERROR_KINDS;

/** A wrong field of a request, and what it must be. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

interface ErrorDetails {
  readonly cause?: unknown;
  readonly retryAfterSeconds?: number | undefined;
  readonly violations?: readonly FieldViolation[];
}

/** A refusal or a failure with a stable {@link Reason}, and a message that says what is wrong and what to do. */
export class ServiceError extends Error {
  readonly reason: Reason;
  readonly retryAfterSeconds: number | undefined;
  readonly #violations: readonly FieldViolation[];

  constructor(reason: Reason, message: string, options: ErrorDetails = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'ServiceError';
    this.reason = reason;
    this.#violations = options.violations ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds ?? this.kind.retryAfterSeconds;
  }

  /** Returns the error itself, or `INTERNAL` with an unexpected one as its cause. */
  static of(error: unknown): ServiceError {
    if (error instanceof ServiceError) return error;
    const message = 'An unexpected error occurred. Retry; the log has an entry of this time with the cause.';
    return new ServiceError('INTERNAL', message, { cause: error });
  }

  get kind(): ErrorKind {
    return ERROR_KINDS[this.reason];
  }

  /** Headers of the HTTP response. */
  get headers(): Readonly<Record<string, string>> {
    const retryAfter = this.retryAfterSeconds === undefined ? {} : { 'retry-after': String(this.retryAfterSeconds) };
    return this.reason === 'METHOD_NOT_ALLOWED' ? { allow: 'POST' } : retryAfter;
  }

  /** Google's error model: https://google.aip.dev/193. */
  toJSON(): object {
    const { http, status } = this.kind;
    const info = {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason: this.reason,
      domain: 'gemini-callbacks',
    };
    const request = { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: this.#violations };
    const details = this.#violations.length === 0 ? [info] : [info, request];
    return { error: { code: http, status, message: this.message, details } };
  }
}

import { isJsonObject, type JsonObject, stringAt } from '../model/json.ts';
import { redacted } from '../observability/redaction.ts';
import { classifyRefusal, type Disposition } from './refusals.ts';

interface GeminiErrorOptions {
  readonly httpStatus?: number | undefined;
  readonly status?: string | undefined;
  readonly reason?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  /** Set for an error that the code detects; otherwise the answer decides. */
  readonly disposition?: Disposition | undefined;
  readonly cause?: unknown;
}

/** A failed request to Gemini, in one form for both transports of the SDK (docs/gemini-wire.md 2.2, 2.3). */
export class GeminiError extends Error {
  /** Absent without a response: the request may have taken effect. */
  readonly httpStatus: number | undefined;
  /** Name of a `google.rpc.Code`, or a code of the project's; `UNAVAILABLE` without a response. */
  readonly status: string;
  /** Reason of the `google.rpc.ErrorInfo`, where Gemini gives one. */
  readonly reason: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly disposition: Disposition;
  /** The operator's fix, a sentence. */
  readonly advice: string | undefined;

  constructor(message: string, options: GeminiErrorOptions = {}) {
    super(redacted(message), options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'GeminiError';
    this.httpStatus = options.httpStatus;
    this.status = options.status ?? (options.httpStatus === undefined ? 'UNAVAILABLE' : 'UNKNOWN');
    this.reason = options.reason;
    this.retryAfterSeconds = options.retryAfterSeconds;
    const classified = options.disposition === undefined ? classifyRefusal(this) : { disposition: options.disposition };
    this.disposition = classified.disposition;
    this.advice = classified.advice;
  }

  /** Returns the error of a job or file that can never be read. */
  static final(code: string, message: string): GeminiError {
    return new GeminiError(message, { status: code, disposition: 'final' });
  }

  /** The most specific code: the reason, or else the status. */
  get code(): string {
    return this.reason ?? this.status;
  }

  /** True where the same attempt tries again after a pause. */
  get isTransient(): boolean {
    return this.disposition === 'retry';
  }

  /** True where no later attempt can succeed. */
  get isFinal(): boolean {
    return this.disposition === 'final';
  }
}

/**
 * Converts an error of either of the SDK's transports: one has the answer's text as `body`, the other as its message.
 *
 * @param headers of the answer, for the transport whose errors lack them.
 */
export function toGeminiError(error: unknown, headers?: Headers): GeminiError {
  if (error instanceof GeminiError) return error;
  if (!(error instanceof Error)) return new GeminiError(String(error));
  const httpStatus = 'status' in error && typeof error.status === 'number' ? error.status : undefined;
  if (httpStatus === undefined) return new GeminiError(deepestReason(error), { cause: error });
  const body = 'body' in error && typeof error.body === 'string' ? error.body : error.message;
  const answered = 'headers' in error && error.headers instanceof Headers ? error.headers : headers;
  return fromResponse(httpStatus, body, answered, error);
}

/** Statuses of answers in Google's error model that leave the status out. */
const STATUS_BY_HTTP: ReadonlyMap<number, string> = new Map([
  [400, 'INVALID_ARGUMENT'],
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [404, 'NOT_FOUND'],
]);

/** Converts an answer in Google's error model, or any other body. */
export function fromResponse(httpStatus: number, body: string, headers?: Headers, cause?: unknown): GeminiError {
  const { message, status = message && STATUS_BY_HTTP.get(httpStatus), reason } = parseError(body);
  return new GeminiError(message ?? `Gemini answered ${httpStatus}.`, {
    httpStatus,
    status,
    reason,
    retryAfterSeconds: parseSeconds(headers?.get('retry-after')),
    cause,
  });
}

function parseError(body: string): Partial<Record<'message' | 'status' | 'reason', string | undefined>> {
  try {
    const parsed: unknown = JSON.parse(body);
    const error: JsonObject = isJsonObject(parsed) && isJsonObject(parsed['error']) ? parsed['error'] : {};
    return { message: stringAt(error, 'message'), status: stringAt(error, 'status'), reason: errorInfoReason(error) };
  } catch {
    return {};
  }
}

function errorInfoReason({ details }: JsonObject): string | undefined {
  const infos = Array.isArray(details) ? details.filter(isJsonObject) : [];
  return infos.map((info) => stringAt(info, 'reason')).find((reason) => reason !== undefined);
}

function parseSeconds(retryAfter: string | null | undefined): number | undefined {
  return retryAfter && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
}

/** `fetch failed` explains nothing; its first cause does. */
function deepestReason(error: Error): string {
  if (error.cause instanceof Error) return deepestReason(error.cause);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return error.message || (code ?? error.name);
}

import { isJsonObject, type JsonObject, stringAt } from '../model/json.ts';
import { redacted } from '../observability/redaction.ts';

/** Time-outs, too many requests, and Gemini's own failures: another try can end otherwise. */
const TRANSIENT_STATUSES = new Set([408, 429]);

/** Google's own reasons: https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto. */
const KEY_REASON = /^(API_KEY|CONSUMER)_/;

/** What Gemini says where it gives no reason: of a key that is wrong or over, of none, and of one that is public. */
const KEY_MESSAGE = /^API key (not valid|not found|expired)|unregistered callers|API key was reported as leaked/i;

/** What Gemini answered instead of success, or that it did not answer; one form for all of the SDK's (G 2.2, 2.3). */
export class GeminiError extends Error {
  /** Absent where no answer came: then the request may have had its effect all the same. */
  readonly httpStatus: number | undefined;
  /** Name of a `google.rpc.Code`; `UNAVAILABLE` where no answer came. */
  readonly status: string;
  readonly retryAfterSeconds: number | undefined;
  /** Of `google.rpc.ErrorInfo`, where Gemini gives one. */
  readonly reason: string | undefined;

  constructor(
    message: string,
    { httpStatus, status, retryAfterSeconds, reason, cause }: Partial<Omit<GeminiError, 'name' | 'message'>> = {},
  ) {
    super(redacted(message), cause === undefined ? {} : { cause });
    this.name = 'GeminiError';
    this.httpStatus = httpStatus;
    this.status = status ?? (httpStatus === undefined ? 'UNAVAILABLE' : 'UNKNOWN');
    this.retryAfterSeconds = retryAfterSeconds;
    this.reason = reason;
  }

  get isTransient(): boolean {
    return this.httpStatus === undefined || TRANSIENT_STATUSES.has(this.httpStatus) || this.httpStatus >= 500;
  }

  /** It is our key that was refused, and not what was asked for: an operator can mend that. Told by 400, 401 and 403. */
  get isKeyRefused(): boolean {
    if (this.isTransient) return false;
    return this.httpStatus === 401 || KEY_REASON.test(this.reason ?? '') || KEY_MESSAGE.test(this.message);
  }

  /** What was asked for is gone, foreign, or refused: nobody can mend that. */
  get isRefusal(): boolean {
    return !this.isTransient && !this.isKeyRefused;
  }
}

/**
 * Reads an error of either of the SDK's transports: one has the answer's text as `body`, the other as its message.
 *
 * @param answered headers of the answer, which only one of them has.
 */
export function toGeminiError(error: unknown, answered?: Headers): GeminiError {
  if (error instanceof GeminiError) return error;
  if (!(error instanceof Error)) return new GeminiError(String(error));
  const httpStatus = 'status' in error && typeof error.status === 'number' ? error.status : undefined;
  if (httpStatus === undefined) return new GeminiError(reasonOf(error), { cause: error });
  const body = 'body' in error && typeof error.body === 'string' ? error.body : error.message;
  const headers = 'headers' in error && error.headers instanceof Headers ? error.headers : answered;
  return fromAnswer(httpStatus, body, headers, error);
}

/** Reads an answer in Google's error form, or any other. */
export function fromAnswer(httpStatus: number, body: string, headers?: Headers, cause?: unknown): GeminiError {
  const { message, status, reason } = errorOf(body);
  return new GeminiError(message ?? `Gemini answered ${httpStatus}.`, {
    httpStatus,
    retryAfterSeconds: secondsOf(headers?.get('retry-after')),
    ...(status === undefined ? {} : { status }),
    reason,
    cause,
  });
}

function errorOf(body: string): Partial<Record<'message' | 'status' | 'reason', string | undefined>> {
  try {
    const parsed: unknown = JSON.parse(body);
    const error: JsonObject = isJsonObject(parsed) && isJsonObject(parsed['error']) ? parsed['error'] : {};
    return { message: stringAt(error, 'message'), status: stringAt(error, 'status'), reason: reasonIn(error) };
  } catch {
    return {};
  }
}

function reasonIn({ details }: JsonObject): string | undefined {
  const infos = Array.isArray(details) ? details.filter(isJsonObject) : [];
  return infos.map((info) => stringAt(info, 'reason')).find((reason) => reason !== undefined);
}

function secondsOf(retryAfter: string | null | undefined): number | undefined {
  return retryAfter && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
}

/** `fetch failed` says nothing; the first cause does. */
function reasonOf(error: Error): string {
  if (error.cause instanceof Error) return reasonOf(error.cause);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return error.message || (code ?? error.name);
}

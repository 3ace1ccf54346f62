import { Status } from '../runtime/grpcStatus.ts';
import { redacted } from './redaction.ts';
import { traceOf } from './trace.ts';

export type Severity = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL';

/** Fields that metrics, alerts and Cloud Logging read; only the catalogue sets them. */
interface Reserved {
  readonly severity: Severity;
  readonly message: string;
  readonly event: string;
}

/** Fields of one entry. A reserved name does not compile; one that arrives at run time is ignored. */
type Fields = Readonly<Record<string, unknown>> & { readonly [Name in keyof Reserved]?: never };

export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

const MAX_TEXT_LENGTH = 4_096;

/** gRPC statuses whose messages cannot echo payloads. */
const SAFE_STATUSES: ReadonlySet<number> = new Set([
  Status.DEADLINE_EXCEEDED,
  Status.NOT_FOUND,
  Status.PERMISSION_DENIED,
  Status.RESOURCE_EXHAUSTED,
  Status.ABORTED,
  Status.UNAVAILABLE,
  Status.UNAUTHENTICATED,
]);

/**
 * Writes entries in Cloud Logging's JSON form, one a line.
 *
 * https://cloud.google.com/logging/docs/structured-logging
 */
export class EntryWriter {
  readonly #projectId: string | undefined;
  readonly #write: (line: string) => void;
  readonly #trace: Readonly<Record<string, string>>;

  constructor(projectId: string | undefined, write = writeToStdout, trace: Readonly<Record<string, string>> = {}) {
    this.#projectId = projectId;
    this.#write = write;
    this.#trace = trace;
  }

  /** Returns a writer whose entries belong to the request's trace. */
  traced(headers: RequestHeaders): EntryWriter {
    const trace = traceOf(headers);
    if (trace === undefined || this.#projectId === undefined) return this;
    return new EntryWriter(this.#projectId, this.#write, {
      'logging.googleapis.com/trace': `projects/${this.#projectId}/traces/${trace.traceId}`,
      'logging.googleapis.com/spanId': trace.spanId,
    });
  }

  write(severity: Severity, event: string, message: string, fields: Fields = {}): void {
    const reserved: Reserved = { severity, message, event };
    // The first spread sets the order, the last one the values.
    const entry = { ...reserved, ...fields, ...this.#trace, ...reserved };
    const text = JSON.stringify(entry);
    this.#write(`${isShowable(text) ? text : JSON.stringify(entry, showable)}\n`);
  }
}

/** Describes an error as the field `cause`, without a message that could quote what was sent. */
export function causeOf(error: unknown): { readonly cause?: object } {
  if (!(error instanceof Error)) return {};
  const code = 'code' in error ? error.code : undefined;
  return { cause: { name: error.name, code, ...(isSafe(error) ? { message: error.message } : {}) } };
}

/** Returns the stack of an unexpected error as Error Reporting reads it. */
export function stackOf(error: unknown): { readonly stack_trace?: string } {
  if (!(error instanceof Error) || error.stack === undefined) return {};
  const frames = error.stack.slice(Math.max(0, error.stack.indexOf('\n    at ')));
  return { stack_trace: isSafe(error) ? error.stack : `${error.name}${frames}` };
}

/** A `SyntaxError` of `JSON.parse` quotes the text. */
function isSafe(error: Error): boolean {
  if (error instanceof SyntaxError) return false;
  return !('code' in error) || typeof error.code !== 'number' || SAFE_STATUSES.has(error.code);
}

function writeToStdout(line: string): void {
  process.stdout.write(line);
}

/** Nearly every line is: checking each text of an entry takes three times as long. */
function isShowable(text: string): boolean {
  return text.length <= MAX_TEXT_LENGTH && redacted(text) === text;
}

function showable(_name: string, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const text = redacted(value);
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
}

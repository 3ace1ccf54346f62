import { GeminiError } from '../gemini/errors.ts';
import type { CodedError } from '../model/job.ts';
import { ServiceError } from '../runtime/serviceError.ts';

/**
 * The end of an attempt before all results were published.
 *
 * - `failed`: the job or its file is the reason; no later attempt can succeed (`gemini/refusals.ts` decides)
 * - `interrupted`: an operator or time fixes the reason; the event is delivered again
 * - `paused`: nothing is wrong; the next delivery or another instance resumes
 */
export type Stop =
  | { readonly kind: 'failed'; readonly error: CodedError }
  | { readonly kind: 'interrupted'; readonly error: CodedError; readonly thrown: ServiceError }
  | { readonly kind: 'paused'; readonly thrown: ServiceError };

interface Circumstances {
  /** Aborts the attempt; its reason is what aborted it. */
  readonly signal: AbortSignal;
  /** True where the instance shuts down. */
  readonly isStopping: boolean;
  /** True where this attempt published results. */
  readonly hasProgress: boolean;
}

/** Classifies the error that stopped an attempt. An abort appears as the error of the step that it interrupts. */
export function classifyStop(error: unknown, { signal, isStopping, hasProgress }: Circumstances): Stop {
  const reason: unknown = signal.aborted ? signal.reason : undefined;
  if (reason instanceof ServiceError) return stoppedBy(reason);
  if (error instanceof GeminiError) return stoppedByGemini(error);
  if (error instanceof ServiceError) return stoppedBy(error);
  if (!signal.aborted) return stoppedBy(ServiceError.of(error));
  const message = 'The time of this attempt is over; the next delivery of the event resumes.';
  const thrown = new ServiceError('RESULTS_INTERRUPTED', message, { cause: error });
  return isStopping || hasProgress ? { kind: 'paused', thrown } : stoppedBy(thrown);
}

function stoppedByGemini(failure: GeminiError): Stop {
  const { code, message, advice, retryAfterSeconds } = failure;
  if (failure.isFinal) return { kind: 'failed', error: { code, message } };
  const text = [message, advice].filter((part) => part !== undefined).join(' ');
  const thrown = new ServiceError('GEMINI_UNAVAILABLE', text, { cause: failure, retryAfterSeconds });
  return { kind: 'interrupted', error: { code, message: text }, thrown };
}

function stoppedBy(thrown: ServiceError): Stop {
  if (thrown.reason === 'RESULTS_IN_PROGRESS') return { kind: 'paused', thrown };
  return { kind: 'interrupted', error: { code: thrown.reason, message: thrown.message }, thrown };
}

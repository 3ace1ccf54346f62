import { geminiByKey } from '../../functions/gemini/client.ts';
import { GeminiError } from '../../functions/gemini/errors.ts';
import type { GeminiSettings } from '../../functions/config/settings.ts';
import { isFinal, stateOf } from '../../functions/model/eventTypes.ts';
import { Log } from '../../functions/observability/log.ts';
import type { JobEvent } from '../../functions/results/jobEvent.ts';
import { openOutput } from '../../functions/results/sources/index.ts';
import type { Output } from '../../functions/results/sources/source.ts';
import type { VideoSources } from '../../functions/results/sources/video.ts';
import { geminiFailure } from '../connect.ts';
import { CliError } from '../errors.ts';
import type { JobRecord } from './records.ts';

/** Time without a result after which a read is given up: the sources retry transient failures. */
const QUIET_MILLIS = 120_000;

/** Aborts a read without results for {@link QUIET_MILLIS}, or at Ctrl-C. */
export class ReadLimit implements Disposable {
  readonly #controller = new AbortController();
  readonly #interrupt = () => this.#controller.abort(new CliError('INTERRUPTED', 'Stopped.', { exitCode: 130 }));
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    process.on('SIGINT', this.#interrupt);
    this.postpone();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  postpone(): void {
    clearTimeout(this.#timer);
    const quiet = new CliError('GEMINI_UNAVAILABLE', `Gemini sent no result for ${QUIET_MILLIS / 1_000} s. Try again.`);
    this.#timer = setTimeout(() => this.#controller.abort(quiet), QUIET_MILLIS);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    process.off('SIGINT', this.#interrupt);
  }
}

/** Opens the output of a recorded job by fetchResults' own code. */
export async function openResults(
  record: JobRecord,
  settings: GeminiSettings,
  bucket: VideoSources['bucket'],
  signal: AbortSignal,
): Promise<Output> {
  requireEnded(record);
  const { ai, gemini } = await geminiByKey(settings, new Log(undefined, () => {}))();
  return await openOutput(eventOf(record), { position: 0, published: 0 }, { ai, gemini, bucket }, signal);
}

function requireEnded({ jobId, state }: JobRecord): void {
  if (isFinal(state) || state === 'requires_action') return;
  const advice = `Wait for it: gemini-callbacks jobs watch ${jobId}`;
  throw new CliError('JOB_NOT_ENDED', `${jobId} is ${state} and has no results yet. ${advice}`);
}

/** Returns the event that decided the job's state, as far as its record keeps it. */
function eventOf({ jobId, kind, state, timeline = [], lastEvent, ...record }: JobRecord): JobEvent {
  const deciding = [...timeline, ...(lastEvent ? [lastEvent] : [])].findLast(({ type }) => stateOf(type) === state);
  return {
    eventType: deciding?.type ?? `${kind}.${state}`,
    job: { name: jobId, kind },
    timestamp: deciding?.time ?? record.finishedAt ?? new Date().toISOString(),
    data: { id: jobId, output_file_uri: record.outputFileUri, file_name: record.fileName },
    webhookId: deciding?.webhookId,
    route: undefined,
    repeatOf: undefined,
    traceparent: undefined,
    metadata: [],
  };
}

/** A failure to read results, with what to do about it. */
export function readFailure(error: unknown, signal: AbortSignal): unknown {
  const reason: unknown = signal.aborted ? signal.reason : error;
  return reason instanceof GeminiError ? geminiFailure(reason) : reason;
}

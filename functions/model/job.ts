import { dataOf, type GeminiEvent } from './event.ts';
import { isFinal, isRemark, type JobState, stateOf } from './eventTypes.ts';
import type { JobKind } from './jobName.ts';
import { fitsFirestore } from './firestoreLimits.ts';
import { type JsonObject, stringAt, textOf } from './json.ts';

interface TimelineEntry {
  readonly webhookId: string;
  readonly type: string;
  readonly time: Date;
}

/** A final state that was announced. It outlives the timeline, which is bounded, because final states never revert. */
interface End {
  /** The first delivery that announced it, in the order of arrival; later ones are its repeats. */
  readonly webhookId: string;
  /** Time of the latest event that announces it. */
  readonly time: Date;
}

export interface CodedError {
  readonly code: string;
  readonly message: string;
}

/** Gemini may give either part alone. */
export type JobError = Partial<CodedError>;

/** The part of a job's record that its events decide. Other fields belong to submitJob, fetchResults and reconcileJobs. */
export interface Job {
  readonly jobId: string;
  readonly kind: JobKind;
  readonly state: JobState;
  readonly outputFileUri?: string | undefined;
  readonly fileName?: string | undefined;
  readonly error?: JobError | undefined;
  readonly userMetadata?: JsonObject | undefined;
  readonly lastEvent?: TimelineEntry | undefined;
  /** Oldest first, the last {@link TIMELINE_LENGTH}. */
  readonly timeline?: readonly TimelineEntry[];
  readonly finishedAt?: Date | undefined;
  /** Final states that were announced. */
  readonly ends?: Readonly<Partial<Record<JobState, End>>> | undefined;
}

/** A job after an event was applied. */
export interface JobChange {
  readonly job: Job;
  /** The webhook-id that had already announced the same final state. */
  readonly repeatOf?: string;
}

const TIMELINE_LENGTH = 50;

/** Limits that keep a record under Firestore's 1 MiB, far above any value that Gemini sends. */
const MAX_TEXT_LENGTH = 8_192;
const MAX_TYPE_LENGTH = 256;
export const MAX_METADATA_BYTES = 262_144;

/**
 * Applies an event to a job's record, which may not exist yet.
 *
 * Events arrive late and out of order, so the result does not depend on the order of arrival: the state is that of the
 * latest final event, or of the latest event where none is final.
 */
export function applyEvent(
  known: Job | undefined,
  event: GeminiEvent & { readonly job: NonNullable<GeminiEvent['job']> },
  webhookId: string,
): JobChange {
  const entry = { webhookId, type: event.type.slice(0, MAX_TYPE_LENGTH).toWellFormed(), time: event.time };
  const timeline = [...(known?.timeline ?? []), entry].toSorted(byTime).slice(-TIMELINE_LENGTH);
  const announced = stateOf(entry.type);
  const before = known?.ends ?? endsIn(known?.timeline);
  const repeated = before?.[announced];
  const ends = isFinal(announced) ? withEnd(before, announced, entry) : before;
  const [state, decisive] = latestEnd(ends) ?? [ongoingState(known, timeline)];
  const decides = announced === state && decisive?.time.getTime() === entry.time.getTime();

  const job: Job = {
    jobId: event.job.name.toWellFormed(),
    kind: known === undefined || known.kind === 'unknown' ? event.job.kind : known.kind,
    state,
    ...outputOf(event, known, timeline.at(-1) === entry),
    error: errorOf(event, known, state, decides),
    userMetadata: userMetadataOf(event, known),
    finishedAt: decisive?.time ?? known?.finishedAt,
    lastEvent: timeline.at(-1),
    timeline,
    ends,
  };
  return repeated ? { job, repeatOf: repeated.webhookId } : { job };
}

/** Compares by time, then by id, so that every order of arrival gives the same timeline. */
function byTime(a: TimelineEntry, b: TimelineEntry): number {
  return a.time.getTime() - b.time.getTime() || (a.webhookId < b.webhookId ? -1 : 1);
}

/** Returns the final states in a timeline, for a record without `ends`. */
function endsIn(timeline: readonly TimelineEntry[] = []): Job['ends'] {
  return timeline
    .filter(({ type }) => isFinal(stateOf(type)))
    .reduce<Job['ends']>((ends, entry) => withEnd(ends, stateOf(entry.type), entry), undefined);
}

function withEnd(ends: Job['ends'], state: JobState, { webhookId, time }: TimelineEntry): Job['ends'] {
  const known = ends?.[state];
  const latest = known !== undefined && known.time > time ? known.time : time;
  return { ...ends, [state]: { webhookId: known?.webhookId ?? webhookId, time: latest } };
}

/** Returns the latest end. Ties are broken by name, so that every order of arrival gives the same state. */
function latestEnd(ends: Job['ends'] = {}): readonly [JobState, End] | undefined {
  const entries = Object.entries(ends) as [JobState, End][];
  return entries
    .toSorted(([a, { time }], [b, other]) => time.getTime() - other.time.getTime() || (a < b ? -1 : 1))
    .at(-1);
}

function ongoingState(known: Job | undefined, timeline: readonly TimelineEntry[]): JobState {
  if (known && isFinal(known.state)) return known.state;
  const last = timeline.findLast(({ type }) => !isRemark(type));
  return last ? stateOf(last.type) : (known?.state ?? 'unknown');
}

/** Returns the output's pointers: those of the newest event; an older event only fills gaps. */
function outputOf(
  event: GeminiEvent,
  known: Job | undefined,
  newest: boolean,
): Pick<Job, 'outputFileUri' | 'fileName'> {
  const data = dataOf(event.fields);
  const uri = shortText(data, 'output_file_uri') ?? shortText(data, 'video_uri');
  const name = shortText(data, 'file_name');
  return newest
    ? { outputFileUri: uri ?? known?.outputFileUri, fileName: name ?? known?.fileName }
    : { outputFileUri: known?.outputFileUri ?? uri, fileName: known?.fileName ?? name };
}

/** Returns the error of the event that decides the state. Its code may be a number or a string and is kept as text. */
function errorOf(event: GeminiEvent, known: Job | undefined, state: JobState, decisive: boolean): JobError | undefined {
  if (state === 'succeeded') return undefined;
  const data = dataOf(event.fields);
  const code = textOf(data['error_code']);
  const message = stringAt(data, 'error_message');
  if (!decisive || (code === '' && message === undefined)) return known?.error;
  return {
    ...(code === '' ? {} : { code: clip(code) }),
    ...(message === undefined ? {} : { message: clip(message) }),
  };
}

function userMetadataOf(event: GeminiEvent, known: Job | undefined): JsonObject | undefined {
  const { userMetadata } = event;
  if (userMetadata === undefined) return known?.userMetadata;
  // A value that Firestore cannot hold is left out; the others are kept.
  const storable = Object.entries(userMetadata).filter(([key, value]) =>
    fitsFirestore({ [key]: value }, MAX_METADATA_BYTES),
  );
  const fitting = Object.fromEntries(storable);
  return fitsFirestore(fitting, MAX_METADATA_BYTES) ? fitting : known?.userMetadata;
}

function shortText(data: JsonObject, key: string): string | undefined {
  const text = stringAt(data, key);
  return text !== undefined && text.length <= MAX_TEXT_LENGTH ? text.toWellFormed() : undefined;
}

function clip(text: string): string {
  return text.slice(0, MAX_TEXT_LENGTH).toWellFormed();
}

import { stateOf } from '../../model/eventTypes.ts';
import type { FunctionCall } from '../../model/result.ts';
import { batchResults, pointerIn } from './batch.ts';
import {
  callsOf,
  type Interaction,
  interactionResult,
  isUnreadable,
  readInteraction,
  videosOf,
} from './interaction.ts';
import type { JobEvent } from '../jobEvent.ts';
import { noOutput } from './noOutput.ts';
import type { Output, ResumePoint, SourceItem, SourceItems } from './source.ts';
import { allText } from './steps.ts';
import { type Video, type VideoSources, videoResult, videosOfJob } from './video.ts';

/**
 * Opens the output of a finished job.
 *
 * @throws {GeminiError} or the signal's reason; so do the results while they are read.
 */
export async function openOutput(
  { job, eventType, timestamp, data }: JobEvent,
  start: ResumePoint,
  sources: VideoSources,
  signal: AbortSignal,
): Promise<Output> {
  const eventTime = new Date(timestamp);
  switch (job.kind) {
    case 'batch': {
      const hasSucceeded = stateOf(eventType) === 'succeeded';
      const batch = { name: job.name, pointer: pointerIn(data), hasSucceeded, eventTime };
      const results = batchResults(sources.gemini, batch, start, signal);
      return hasSucceeded ? { kind: 'results', results } : await orNone(results);
    }
    case 'interaction': {
      const interaction = await readInteraction(sources.gemini, job.name, signal);
      if (interaction.status === 'requires_action' && !isUnreadable(interaction)) {
        const calls = requireSome(callsOf(interaction), eventTime);
        return { kind: 'calls', calls, text: allText(interaction.steps) };
      }
      return { kind: 'results', results: interactionResults(interaction, job.name, start, sources, signal) };
    }
    case 'video': {
      const videos = await videosOfJob(sources.ai, { name: job.name, pointer: pointerIn(data), eventTime }, signal);
      return { kind: 'results', results: videoResults(videos, 0, job.name, start, sources, signal) };
    }
    case 'unknown':
      return { kind: 'none' };
  }
}

/** A failed or cancelled batch may have results. Where it has none, its event has said all. */
async function orNone(items: AsyncGenerator<readonly SourceItem[]>): Promise<Output> {
  const first: SourceItem[] = [];
  for (let next = await items.next(); !next.done; next = await items.next()) {
    first.push(...next.value);
    if (next.value.some((item) => 'result' in item)) return { kind: 'results', results: concat(first, items) };
  }
  return { kind: 'none' };
}

async function* concat(first: readonly SourceItem[], rest: SourceItems): SourceItems {
  yield first;
  yield* rest;
}

function requireSome(calls: readonly FunctionCall[], eventTime: Date): readonly FunctionCall[] {
  if (calls.length > 0) return calls;
  throw noOutput('The interaction waits for function results, but names no call without one.', eventTime);
}

/** Yields the interaction as one result and each of its videos as another. */
async function* interactionResults(
  interaction: Interaction,
  jobName: string,
  start: ResumePoint,
  sources: VideoSources,
  signal: AbortSignal,
): SourceItems {
  const videos = videosOf(interaction);
  if (start.published === 0) yield [{ result: interactionResult(interaction), position: 1, total: 1 + videos.length }];
  yield* videoResults(videos, 1, jobName, start, sources, signal);
}

async function* videoResults(
  videos: readonly Video[],
  firstIndex: number,
  jobName: string,
  start: ResumePoint,
  sources: VideoSources,
  signal: AbortSignal,
): SourceItems {
  for (const [number, video] of videos.entries()) {
    const index = firstIndex + number;
    if (index < start.published) continue;
    const result = await videoResult(sources, jobName, video, index, signal);
    yield [{ result, position: index + 1, total: firstIndex + videos.length }];
  }
}

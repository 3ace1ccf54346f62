import { stateOf } from '../../model/eventTypes.ts';
import type { FunctionCall } from '../../model/result.ts';
import { batchResults, pointerIn } from './batch.ts';
import { callsOf, type Interaction, interactionResult, readInteraction, videosOf } from './interaction.ts';
import type { JobEvent } from '../jobEvent.ts';
import { noOutput } from './noOutput.ts';
import type { Found, Output, Start } from './source.ts';
import { type Video, type VideoSources, videoResult, videosOfJob } from './video.ts';

/**
 * Opens what a job has given.
 *
 * @throws {GeminiError} or the signal's reason; so do the results while they are read.
 */
export async function openOutput(
  { job, eventType, timestamp, data }: JobEvent,
  start: Start,
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
      const interaction = await readInteraction(sources.ai, job.name, signal);
      if (interaction.status === 'requires_action')
        return { kind: 'calls', calls: requireSome(callsOf(interaction), eventTime) };
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

/** A failed or cancelled batch may have left results; where it has not, there is nothing to say about them. */
async function orNone(results: AsyncGenerator<Found>): Promise<Output> {
  const first = await results.next();
  if (first.done) return { kind: 'none' };
  async function* all(found: Found): AsyncGenerator<Found> {
    yield found;
    yield* results;
  }
  return { kind: 'results', results: all(first.value) };
}

function requireSome(calls: readonly FunctionCall[], eventTime: Date): readonly FunctionCall[] {
  if (calls.length > 0) return calls;
  throw noOutput('The interaction waits for function results, but names no call without one.', eventTime);
}

/** What it has come to is one result, each video of it another. */
async function* interactionResults(
  interaction: Interaction,
  jobName: string,
  start: Start,
  sources: VideoSources,
  signal: AbortSignal,
): AsyncGenerator<Found> {
  const videos = videosOf(interaction);
  if (start.published === 0) yield { result: interactionResult(interaction), position: 1, total: 1 + videos.length };
  yield* videoResults(videos, 1, jobName, start, sources, signal);
}

async function* videoResults(
  videos: readonly Video[],
  firstIndex: number,
  jobName: string,
  start: Start,
  sources: VideoSources,
  signal: AbortSignal,
): AsyncGenerator<Found> {
  for (const [number, video] of videos.entries()) {
    const index = firstIndex + number;
    if (index < start.published) continue;
    const result = await videoResult(sources, jobName, video, index, signal);
    yield { result, position: index + 1, total: firstIndex + videos.length };
  }
}

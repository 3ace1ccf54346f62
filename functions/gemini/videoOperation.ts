import { GenerateVideosOperation, type GoogleGenAI } from '@google/genai';
import type { JsonObject } from '../model/json.ts';

/** The code of a video that Gemini's safety filters held back. */
export const VIDEO_BLOCKED = 'FILTERED';

/** A video operation (docs/gemini-wire.md 10.2), as far as it decides about results. */
interface VideoOperation {
  readonly isDone: boolean;
  readonly error: JsonObject | undefined;
  readonly uris: readonly string[];
  /** Videos that the safety filters held back, and why. */
  readonly blocked: { readonly count: number; readonly message: string };
}

/** Reads a video operation by the SDK, once. Throws the SDK's error. */
export async function readVideoOperation(ai: GoogleGenAI, name: string, signal: AbortSignal): Promise<VideoOperation> {
  const operation = new GenerateVideosOperation();
  operation.name = name;
  const config = { abortSignal: signal };
  const { response, error, done } = await ai.operations.getVideosOperation({ operation, config });
  const { generatedVideos = [], raiMediaFilteredCount = 0, raiMediaFilteredReasons = [] } = response ?? {};
  return {
    isDone: done === true || error !== undefined,
    error,
    uris: generatedVideos.flatMap(({ video }) => (video?.uri ? [video.uri] : [])),
    blocked: {
      count: raiMediaFilteredCount,
      message: ['Gemini blocked the video', ...raiMediaFilteredReasons].join(': '),
    },
  };
}

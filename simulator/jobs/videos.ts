import { z } from 'zod';
import { checked, notFound } from '../errors.ts';
import { downloadUri } from '../webhooks/events.ts';
import { MARKERS } from './markers.ts';
import { isFinal, type Job } from './job.ts';
import type { JobServices } from './jobs.ts';
import { eitherSpelling } from '../json.ts';
import { videoContent } from './media.ts';
import { webhookConfigSchema } from '../webhooks/webhooks.ts';

const RESPONSE_TYPE = 'type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse';
/** Made up: no source has the text. */
const FILTER_REASON = 'The prompt was held back by the safety filters. You will not be charged for this request.';

const creation = eitherSpelling({
  instances: z.array(z.looseObject({ prompt: z.string().default('') })).min(1),
  parameters: z.looseObject({ sampleCount: z.number().int().min(1).max(4).default(1) }).default({ sampleCount: 1 }),
  webhookConfig: webhookConfigSchema.optional(),
});

interface Video {
  readonly job: Job;
  files: readonly string[];
  /** Number of videos that the safety filters removed. */
  filtered: number;
}

/** Veo's operations (docs/gemini-wire.md 10.2). */
export class Videos {
  readonly #services: JobServices;
  readonly #byName = new Map<string, Video>();

  constructor(services: JobServices) {
    this.#services = services;
  }

  /** Starts an operation and returns its name. */
  create(model: string, body: unknown): string {
    const { instances, parameters, webhookConfig } = checked(creation, body);
    const name = `models/${model}/operations/${this.#services.random.id('video', 12)}`;
    const prompts = instances.map(({ prompt }) => prompt).join('\n');
    const job = this.#services.jobs.start({
      name,
      kind: 'video',
      displayName: prompts,
      webhookConfig,
      markers: prompts,
      conclude: ({ state }) => {
        if (state !== 'succeeded') return undefined;
        if (!prompts.includes(MARKERS.blocked)) return this.#conclude(video, parameters.sampleCount);
        video.filtered = parameters.sampleCount;
        return undefined;
      },
    });
    const video: Video = { job, files: [], filtered: 0 };
    this.#byName.set(name, video);
    return name;
  }

  resource(name: string): object {
    const video = this.#byName.get(name);
    if (video === undefined) throw notFound('Operation', name);
    const { job } = video;
    if (!isFinal(job)) return { name };
    if (job.error !== undefined) return { name, done: true, error: job.error };
    return { name, done: true, response: { '@type': RESPONSE_TYPE, generateVideoResponse: samplesOf(video) } };
  }

  #conclude(video: Video, samples: number): string | undefined {
    const { videoBytes } = this.#services.settings.get().jobs;
    const labels = Array.from({ length: samples }, (_, index) => `${video.job.name}/${index}`);
    const contents = labels.map((label) => videoContent(label, videoBytes, this.#services.random));
    video.files = contents.map((content) => this.#services.files.addGenerated(content, 'video/mp4').name);
    return video.files[0];
  }
}

function samplesOf({ files, filtered }: Video): object {
  if (filtered > 0) return { raiMediaFilteredCount: filtered, raiMediaFilteredReasons: [FILTER_REASON] };
  return { generatedSamples: files.map((file) => ({ video: { uri: downloadUri(file) } })) };
}

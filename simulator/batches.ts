import { z } from 'zod';
import { generateContentResponse } from './answers.ts';
import { type Clock, isoTime } from './clock.ts';
import { bytesContent, linesContent, textLines } from './content.ts';
import { ApiError, checked, notFound } from './errors.ts';
import type { Files } from './files.ts';
import { isFinal, type Job, type Outcome } from './job.ts';
import type { Jobs } from './jobs.ts';
import { eitherSpelling } from './json.ts';
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';
import { webhookConfigSchema } from './webhooks.ts';

const PACKAGE = 'type.googleapis.com/google.ai.generativelanguage.v1beta';

const contents = z
  .array(z.looseObject({ parts: z.array(z.looseObject({ text: z.string().optional() })).min(1) }))
  .min(1);
const request = z.looseObject({ contents });
const inlinedRequest = z.strictObject({ request, metadata: z.record(z.string(), z.unknown()).optional() });
const inputLine = z.looseObject({ key: z.string().optional(), request });
const inputConfig = eitherSpelling({
  fileName: z.string().startsWith('files/').optional(),
  requests: z.strictObject({ requests: z.array(inlinedRequest).min(1) }).optional(),
}).refine(
  ({ fileName, requests }) => (fileName === undefined) !== (requests === undefined),
  'needs either fileName or requests',
);
const creation = z.strictObject({
  batch: eitherSpelling({
    displayName: z.string().optional(),
    model: z.string().optional(),
    priority: z.union([z.string(), z.number()]).optional(),
    inputConfig,
    webhookConfig: webhookConfigSchema.optional(),
  }),
});

type Input = z.output<typeof inputConfig>;
type InlinedRequest = z.output<typeof inlinedRequest>;
type Result = { response: object } | { error: { code: number; message: string } };

interface Output {
  readonly responsesFile?: string;
  readonly inlinedResponses?: { readonly inlinedResponses: readonly object[] };
}

interface Batch {
  readonly id: string;
  readonly job: Job;
  readonly model: string;
  readonly displayName: string | undefined;
  readonly input: Input;
  output: Output | undefined;
  stats: { readonly requests: number; readonly failed: number } | undefined;
}

/** Batch jobs; a prompt with `[error]` is answered with an error, a display name with `[fail]` or `[hang]` marks the job. */
export class Batches {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #settings: Settings;
  readonly #jobs: Jobs;
  readonly #files: Files;
  readonly #byId = new Map<string, Batch>();

  constructor(clock: Clock, random: Random, settings: Settings, jobs: Jobs, files: Files) {
    this.#clock = clock;
    this.#random = random;
    this.#settings = settings;
    this.#jobs = jobs;
    this.#files = files;
  }

  create(model: string, body: unknown): Batch {
    const { displayName, inputConfig: input, webhookConfig } = checked(creation, body).batch;
    if (input.fileName !== undefined) this.#files.getById(input.fileName.slice('files/'.length));
    const id = this.#random.letters(this.#random.next('batch'), 36);
    const job = this.#jobs.start({
      name: `batches/${id}`,
      kind: 'batch',
      webhookConfig,
      markers: displayName ?? '',
      conclude: (outcome) => this.#conclude(batch, outcome),
    });
    const batch: Batch = { id, job, model: `models/${model}`, displayName, input, output: undefined, stats: undefined };
    this.#byId.set(id, batch);
    return batch;
  }

  get(id: string): Batch {
    const batch = this.#byId.get(id);
    if (batch === undefined) throw notFound('Batch', `batches/${id}`);
    return batch;
  }

  list(): Batch[] {
    return [...this.#byId.values()];
  }

  cancel(id: string): void {
    this.#jobs.cancel(this.get(id).job);
  }

  delete(id: string): void {
    this.#jobs.delete(this.get(id).job);
    this.#byId.delete(id);
  }

  /** The operation (docs/gemini-wire.md 7.3); lists leave inline results out. */
  resource(batch: Batch, inLists = false): object {
    const { job, model, displayName, input } = batch;
    const { outputIn, stateInMetadata } = this.#settings.get().jobs;
    const output = this.#inOrder(this.#namedOutput(batch, inLists));
    const metadata = {
      '@type': `${PACKAGE}.GenerateContentBatch`,
      model,
      displayName,
      name: job.name,
      inputConfig: input.fileName === undefined ? undefined : input,
      output: outputIn === 'response' ? undefined : output,
      createTime: isoTime(job.createMillis),
      updateTime: isoTime(job.updateMillis),
      endTime: job.endMillis === undefined ? undefined : isoTime(job.endMillis),
      batchStats: batchStats(batch),
      state: stateInMetadata ? `BATCH_STATE_${job.state.toUpperCase()}` : undefined,
    };
    const response =
      output === undefined || outputIn === 'metadata'
        ? undefined
        : { '@type': `${PACKAGE}.GenerateContentBatchOutput`, ...output };
    return { name: job.name, metadata, done: isFinal(job) ? true : undefined, error: job.error, response };
  }

  #namedOutput({ job, output }: Batch, inLists: boolean): Output | undefined {
    const namedAt = (job.endMillis ?? 0) + this.#settings.get().jobs.outputDelayMillis;
    const isNamed = this.#clock.now() >= namedAt && !(inLists && output?.responsesFile === undefined);
    return isNamed ? output : undefined;
  }

  #inOrder(output: Output | undefined): Output | undefined {
    const responses = output?.inlinedResponses?.inlinedResponses;
    if (responses === undefined || this.#settings.get().jobs.inlineOrder === 'requests') return output;
    const label = this.#random.next('inline-order');
    const places = new Map(responses.map((response, index) => [response, this.#random.fraction(`${label}/${index}`)]));
    const shuffled = responses.toSorted((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0));
    return { inlinedResponses: { inlinedResponses: shuffled } };
  }

  #conclude(batch: Batch, { state, output }: Outcome): string | undefined {
    const { fileName, requests } = batch.input;
    if (state !== 'succeeded' && state !== 'partially_succeeded') return undefined;
    if (output !== undefined && 'text' in output) {
      const lines = output.text.split('\n').filter((line) => line !== '').length;
      return this.#keepFile(batch, bytesContent(Buffer.from(output.text)), output.requests ?? lines, 0);
    }
    if (output !== undefined) {
      const content = linesContent(output, this.#random);
      return this.#keepFile(batch, content, output.lines, Math.floor(output.lines / (output.errorEvery ?? Infinity)));
    }
    return fileName === undefined
      ? this.#answerInline(batch, requests?.requests ?? [])
      : this.#answerFile(batch, fileName);
  }

  #answerFile(batch: Batch, inputFile: string): string {
    const lines: Buffer[] = [];
    let failed = 0;
    for (const { key, request: given } of this.#readRequests(inputFile)) {
      const result = this.#answer(batch, given, lines.length);
      if ('error' in result) failed += 1;
      lines.push(Buffer.from(`${JSON.stringify({ ...result, key })}\n`));
    }
    return this.#keepFile(batch, bytesContent(Buffer.concat(lines)), lines.length, failed);
  }

  #answerInline(batch: Batch, requests: readonly InlinedRequest[]): undefined {
    const results = requests.map((inlined, index) => this.#answer(batch, inlined.request, index));
    const inlinedResponses = requests.map(({ metadata }, index) => Object.assign({ metadata }, results[index]));
    batch.output = { inlinedResponses: { inlinedResponses } };
    batch.stats = { requests: requests.length, failed: countErrors(results) };
  }

  #keepFile(batch: Batch, content: Parameters<Files['addGenerated']>[0], requests: number, failed: number): string {
    const { name } = this.#files.addGenerated(content, 'application/jsonl', `files/batch-${batch.id}`);
    batch.output = { responsesFile: name };
    batch.stats = { requests, failed };
    return name;
  }

  #answer({ id, model }: Batch, given: z.output<typeof request>, index: number): Result {
    const prompt = promptText(given);
    if (prompt.includes('[error]')) return { error: { code: 3, message: "Invalid value at 'contents'" } };
    if (this.#random.chance(`${id}/${index}/error`, this.#settings.get().jobs.requestErrorRate)) {
      return { error: { code: 13, message: 'Internal error encountered.' } };
    }
    return { response: generateContentResponse(prompt, model, this.#random) };
  }

  /** Throws INVALID_ARGUMENT that names the first bad line. */
  *#readRequests(fileName: string): Generator<z.output<typeof inputLine>> {
    let number = 0;
    for (const line of textLines(this.#files.get(fileName).content)) {
      number += 1;
      if (line.trim() !== '') yield readLine(line, number);
    }
  }
}

function readLine(line: string, number: number): z.output<typeof inputLine> {
  try {
    return inputLine.parse(JSON.parse(line));
  } catch (error) {
    throw new ApiError('INVALID_ARGUMENT', `Line ${number} of the input file is not a request: ${String(error)}`);
  }
}

function promptText({ contents: given }: z.output<typeof request>): string {
  return given.flatMap(({ parts }) => parts.flatMap(({ text }) => text ?? [])).join('\n');
}

function countErrors(results: readonly Result[]): number {
  return results.filter((result) => 'error' in result).length;
}

/** int64 values are strings (docs/gemini-wire.md 7.3). */
function batchStats({ input, stats }: Batch): object | undefined {
  if (stats === undefined) {
    return input.requests && { requestCount: String(input.requests.requests.length) };
  }
  const failed = stats.failed === 0 ? {} : { failedRequestCount: String(stats.failed) };
  const successful = String(stats.requests - stats.failed);
  return { requestCount: String(stats.requests), successfulRequestCount: successful, ...failed };
}

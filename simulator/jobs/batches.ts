import { MARKERS } from './markers.ts';
import { embedContentResponse, generateContentResponse, promptText } from './answers.ts';
import type { EmbedRequest, GenerateRequest } from './answers.ts';
import { parseCreation, readRequests } from './batchRequests.ts';
import type { BatchInput, BatchMethod, BatchRequest } from './batchRequests.ts';
import { isoTime } from '../clock.ts';
import { bytesContent, linesContent } from '../files/content.ts';
import { notFound } from '../errors.ts';
import type { Files } from '../files/files.ts';
import { isFinal, type Job, type Outcome } from './job.ts';
import type { JobServices } from './jobs.ts';

const PACKAGE = 'type.googleapis.com/google.ai.generativelanguage.v1beta';

type Result = { response: object } | { error: { code: number; message: string } };

interface InlinedResponses {
  readonly inlinedResponses: readonly object[];
}

export interface BatchOutput {
  readonly responsesFile?: string;
  readonly inlinedResponses?: InlinedResponses;
  readonly inlinedEmbedContentResponses?: InlinedResponses;
}

interface Batch {
  readonly id: string;
  readonly job: Job;
  readonly method: BatchMethod;
  readonly model: string;
  readonly input: BatchInput;
  output: BatchOutput | undefined;
  stats: { readonly requests: number; readonly failed: number } | undefined;
}

/** Batch jobs. */
export class Batches {
  readonly #services: JobServices;
  readonly #byId = new Map<string, Batch>();

  constructor(services: JobServices) {
    this.#services = services;
  }

  create(model: string, body: unknown, method: BatchMethod = 'generateContent'): Batch {
    const { displayName, inputConfig: input, webhookConfig } = parseCreation(method, body);
    if (input.fileName !== undefined) this.#services.files.getById(input.fileName.slice('files/'.length));
    const id = this.#services.random.id('batch', 36);
    const job = this.#services.jobs.start({
      name: `batches/${id}`,
      kind: 'batch',
      displayName,
      webhookConfig,
      markers: displayName ?? '',
      conclude: (outcome) => this.#conclude(batch, outcome),
    });
    const batch: Batch = { id, job, method, model: `models/${model}`, input, output: undefined, stats: undefined };
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
    this.#services.jobs.cancel(this.get(id).job);
  }

  delete(id: string): void {
    this.#services.jobs.delete(this.get(id).job);
    this.#byId.delete(id);
  }

  /** The operation of docs/gemini-wire.md 7.3; lists omit inline results. */
  resource(batch: Batch, inLists = false): object {
    const { job, model, method, input } = batch;
    const type = method === 'generateContent' ? 'GenerateContentBatch' : 'EmbedContentBatch';
    const { outputIn, stateInMetadata } = this.#services.settings.get().jobs;
    const output = this.#inOrder(this.#namedOutput(batch, inLists));
    const metadata = {
      '@type': `${PACKAGE}.${type}`,
      model,
      displayName: job.displayName,
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
      output === undefined || outputIn === 'metadata' ? undefined : { '@type': `${PACKAGE}.${type}Output`, ...output };
    return { name: job.name, metadata, done: isFinal(job) ? true : undefined, error: job.error, response };
  }

  #namedOutput({ job, output }: Batch, inLists: boolean): BatchOutput | undefined {
    const { clock, settings } = this.#services;
    const namedAt = (job.endMillis ?? 0) + settings.get().jobs.outputDelayMillis;
    const isNamed = clock.now() >= namedAt && !(inLists && output?.responsesFile === undefined);
    return isNamed ? output : undefined;
  }

  #inOrder(output: BatchOutput | undefined): BatchOutput | undefined {
    const { random, settings } = this.#services;
    if (output?.responsesFile !== undefined || settings.get().jobs.inlineOrder === 'requests') return output;
    const label = random.next('inline-order');
    const shuffle = ({ inlinedResponses }: InlinedResponses): InlinedResponses => {
      const places = new Map(inlinedResponses.map((one, index) => [one, random.fraction(`${label}/${index}`)]));
      return { inlinedResponses: inlinedResponses.toSorted((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0)) };
    };
    const fields = Object.entries(output ?? {}).map(([name, value]) => [name, shuffle(value as InlinedResponses)]);
    return Object.fromEntries(fields) as BatchOutput;
  }

  #conclude(batch: Batch, { state, output }: Outcome): string | undefined {
    const { fileName, requests } = batch.input;
    if (state !== 'succeeded' && state !== 'partially_succeeded') return undefined;
    if (output !== undefined && 'text' in output) {
      const lines = output.text.split('\n').filter(Boolean).length;
      return this.#keepFile(batch, bytesContent(Buffer.from(output.text)), output.requests ?? lines, 0);
    }
    if (output !== undefined) {
      const content = linesContent(output, this.#services.random);
      return this.#keepFile(batch, content, output.lines, Math.floor(output.lines / (output.errorEvery ?? Infinity)));
    }
    return fileName === undefined
      ? this.#answerInline(batch, requests?.requests ?? [])
      : this.#answerFile(batch, fileName);
  }

  #answerFile(batch: Batch, inputFile: string): string {
    const lines: Buffer[] = [];
    let failed = 0;
    for (const { key, request } of readRequests(batch.method, this.#services.files.get(inputFile).content)) {
      const result = this.#answer(batch, request, lines.length);
      if ('error' in result) failed += 1;
      lines.push(Buffer.from(`${JSON.stringify({ ...result, key })}\n`));
    }
    return this.#keepFile(batch, bytesContent(Buffer.concat(lines)), lines.length, failed);
  }

  #answerInline(batch: Batch, requests: NonNullable<BatchInput['requests']>['requests']): undefined {
    const results = requests.map(({ request }, index) => this.#answer(batch, request, index));
    const inlinedResponses = requests.map(({ metadata }, index) => Object.assign({ metadata }, results[index]));
    const field = batch.method === 'generateContent' ? 'inlinedResponses' : 'inlinedEmbedContentResponses';
    batch.output = { [field]: { inlinedResponses } };
    batch.stats = { requests: requests.length, failed: results.filter((result) => 'error' in result).length };
  }

  #keepFile(batch: Batch, content: Parameters<Files['addGenerated']>[0], requests: number, failed: number): string {
    const { name } = this.#services.files.addGenerated(content, 'application/jsonl', `files/batch-${batch.id}`);
    batch.output = { responsesFile: name };
    batch.stats = { requests, failed };
    return name;
  }

  #answer({ id, model, method }: Batch, request: BatchRequest, index: number): Result {
    if (promptText(request).includes(MARKERS.error))
      return { error: { code: 3, message: "Invalid value at 'contents'" } };
    const { random, settings } = this.#services;
    if (random.chance(`${id}/${index}/error`, settings.get().jobs.requestErrorRate)) {
      return { error: { code: 13, message: 'Internal error encountered.' } };
    }
    if (method === 'embedContent') return { response: embedContentResponse(request as EmbedRequest, random) };
    return { response: generateContentResponse(request as GenerateRequest, model, random) };
  }
}

/** int64 values are strings (docs/gemini-wire.md 7.3). */
function batchStats({ input, stats }: Batch): object | undefined {
  if (stats === undefined) return input.requests && { requestCount: String(input.requests.requests.length) };
  const failed = stats.failed === 0 ? {} : { failedRequestCount: String(stats.failed) };
  const successful = String(stats.requests - stats.failed);
  return { requestCount: String(stats.requests), successfulRequestCount: successful, ...failed };
}

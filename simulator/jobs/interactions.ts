import { answerJson, answerText } from './answers.ts';
import { isoTime } from '../clock.ts';
import { ApiError, checked, notFound } from '../errors.ts';
import { downloadUri } from '../webhooks/events.ts';
import type { StoredFile } from '../files/files.ts';
import {
  inputItems,
  inputText,
  interactionCreation,
  isFunctionResult,
  isFunctionTool,
  outputFormats,
} from './interactionRequest.ts';
import type { InputItem, InteractionCreation, OutputFormat } from './interactionRequest.ts';
import type { Job, Outcome } from './job.ts';
import type { JobServices } from './jobs.ts';
import { pngImage, videoContent, wavAudio } from './media.ts';
import { sampleOf } from './samples.ts';
import { tokens } from './usage.ts';

interface FunctionCall {
  readonly type: 'function_call';
  readonly id: string;
  readonly name: string;
  readonly arguments: object;
}

interface ModelOutput {
  readonly type: 'model_output';
  readonly content: readonly object[];
}

export type Step = FunctionCall | ModelOutput | { readonly type: 'thought'; readonly signature: string };

export interface Interaction {
  readonly id: string;
  readonly given: InteractionCreation;
  /** `webhook_config` as sent, which the API echoes (docs/gemini-wire.md 4.4). */
  readonly webhookConfig: unknown;
  readonly input: readonly InputItem[];
  readonly createMillis: number;
  /** Only background interactions are jobs; others are complete at once. */
  readonly job: Job | undefined;
  steps: readonly Step[];
  video: StoredFile | undefined;
}

const STATUS = {
  pending: 'in_progress',
  running: 'in_progress',
  succeeded: 'completed',
  expired: 'failed',
  partially_succeeded: 'incomplete',
} as const;

/** The function that a job calls which declares none and is finished with a call. */
const UNDECLARED = { name: 'act', parameters: { properties: {} } };

/** Interactions. */
export class Interactions {
  readonly #services: JobServices;
  readonly #byId = new Map<string, Interaction>();

  constructor(services: JobServices) {
    this.#services = services;
  }

  create(body: unknown): Interaction {
    const given = checked(interactionCreation, body);
    const input = inputItems(given.input);
    if (given.previous_interaction_id !== undefined) checkContinuation(this.get(given.previous_interaction_id), input);
    const id = `v1_${this.#services.random.id('interaction', 32)}`;
    const job = given.background ? this.#start(id, given, input) : undefined;
    const webhookConfig = (body as { webhook_config?: unknown }).webhook_config;
    const createMillis = job?.createMillis ?? this.#services.clock.now();
    const outputs = { steps: [], video: undefined };
    const interaction: Interaction = { id, given, webhookConfig, input, createMillis, job, ...outputs };
    if (!given.background) this.#answer(interaction, willCall(interaction));
    if (given.store) this.#byId.set(id, interaction);
    return interaction;
  }

  get(id: string): Interaction {
    const interaction = this.#byId.get(id);
    if (interaction === undefined) throw notFound('Interaction', id);
    return interaction;
  }

  cancel(id: string): Interaction {
    const interaction = this.get(id);
    if (interaction.job === undefined) {
      throw new ApiError('INVALID_ARGUMENT', 'Only background interactions can be cancelled.');
    }
    this.#services.jobs.cancel(interaction.job);
    return interaction;
  }

  delete(id: string): void {
    const { job } = this.get(id);
    if (job !== undefined) this.#services.jobs.delete(job);
    this.#byId.delete(id);
  }

  /** The resource. `created` is for the answer to create, which alone always has a video's URI (docs/gemini-wire.md 10.3). */
  resource(interaction: Interaction, { includeInput = false, created = false } = {}): object {
    const { id, given, job, steps, input } = interaction;
    const status = statusOf(interaction);
    const inputSteps = includeInput ? [{ type: 'user_input', content: input }] : [];
    return {
      id,
      object: 'interaction',
      model: given.model,
      agent: given.agent,
      status,
      created: isoTime(interaction.createMillis),
      updated: isoTime(job?.updateMillis ?? interaction.createMillis),
      previous_interaction_id: given.previous_interaction_id,
      labels: given.labels,
      webhook_config: interaction.webhookConfig,
      steps: [...inputSteps, ...this.steps(interaction, created)],
      errors: job?.error === undefined ? undefined : [job.error],
      usage: steps.length === 0 && interaction.video === undefined ? undefined : usage(interaction),
    };
  }

  /** The steps made so far, a video included. */
  steps(interaction: Interaction, created = false): Step[] {
    return [...interaction.steps, ...this.#videoSteps(interaction, created)];
  }

  #start(id: string, given: InteractionCreation, input: readonly InputItem[]): Job {
    return this.#services.jobs.start({
      name: id,
      kind: 'interaction',
      displayName: inputText(input),
      webhookConfig: given.webhook_config,
      markers: inputText(input),
      plan: () => (willCall(this.get(id)) ? { state: 'requires_action' } : {}),
      conclude: ({ state }) => this.#conclude(this.get(id), state),
    });
  }

  #conclude(interaction: Interaction, state: Outcome['state']): string | undefined {
    if (state === 'succeeded' || state === 'requires_action') this.#answer(interaction, state === 'requires_action');
    return interaction.video?.name;
  }

  #answer(interaction: Interaction, calls: boolean): void {
    const { id, given } = interaction;
    const { random, settings, files } = this.#services;
    const thought = { type: 'thought' as const, signature: random.bytes(`${id}/thought`, 24).toString('base64') };
    const formats = outputFormats(given);
    if (calls) {
      interaction.steps = [thought, ...this.#functionCalls(interaction)];
    } else if (formats.some(({ type }) => type === 'video')) {
      const content = videoContent(id, settings.get().jobs.videoBytes, random);
      interaction.video = files.addGenerated(content, 'video/mp4');
    } else {
      const content = formats.map((format) => this.#outputPart(interaction, format));
      interaction.steps = [thought, { type: 'model_output', content }];
    }
  }

  #outputPart({ input }: Interaction, { type, mimeType, schema }: OutputFormat): object {
    const { random } = this.#services;
    const prompt = inputText(input);
    const media = (mime_type: string, bytes: Buffer) => ({ type, mime_type, data: bytes.toString('base64') });
    if (type === 'image') return media('image/png', pngImage(prompt, random));
    if (type === 'audio') return { ...media('audio/wav', wavAudio(prompt, random)), sample_rate: 24_000, channels: 1 };
    const isJson = schema !== undefined || mimeType === 'application/json';
    return { type: 'text', text: isJson ? answerJson(prompt, schema, random) : answerText(prompt, random) };
  }

  #functionCalls({ id, given }: Interaction): FunctionCall[] {
    const { random, settings } = this.#services;
    const declared = given.tools.filter(isFunctionTool);
    return Array.from({ length: settings.get().jobs.functionCalls }, (_, index) => {
      const { name, parameters } = declared[index % declared.length] ?? UNDECLARED;
      const label = `${id}/call/${index}`;
      const values = sampleOf({ ...parameters, type: 'object' }, label, random) as object;
      return { type: 'function_call', id: `call_${random.letters(label, 12)}`, name, arguments: values };
    });
  }

  #videoSteps({ given, video }: Interaction, created: boolean): Step[] {
    if (video === undefined) return [];
    const wantsUri = outputFormats(given).some(({ type, delivery }) => type === 'video' && delivery === 'uri');
    const showsUri = wantsUri && (created || this.#services.settings.get().jobs.omniUriOnGet);
    const data = () => Buffer.concat([...video.content.read(0, video.content.sizeBytes)]).toString('base64');
    const source = showsUri ? { uri: downloadUri(video.name) } : { data: data() };
    return [{ type: 'model_output', content: [{ type: 'video', mime_type: 'video/mp4', ...source }] }];
  }
}

/** Throws unless the input answers exactly the function calls that the previous interaction made (docs/gemini-wire.md 9.4). */
function checkContinuation(previous: Interaction, input: readonly InputItem[]): void {
  const status = statusOf(previous);
  if (status === 'in_progress') {
    throw new ApiError('FAILED_PRECONDITION', `Interaction ${previous.id} is still running`);
  }
  const calls = previous.steps.filter((step) => step.type === 'function_call' && 'id' in step).map((step) => step.id);
  const answered = input.filter(isFunctionResult).map((result) => result.call_id);
  const unknown = answered.filter((id) => !calls.includes(id));
  if (unknown.length > 0) throw new ApiError('INVALID_ARGUMENT', `No function call ${unknown.join(', ')} to answer`);
  const open = calls.filter((id) => !answered.includes(id));
  if (open.length > 0) throw new ApiError('INVALID_ARGUMENT', `A function_result is missing for ${open.join(', ')}`);
}

function willCall({ given, input }: Interaction): boolean {
  return given.tools.some(isFunctionTool) && !input.some(isFunctionResult);
}

export function statusOf({ job, steps }: Interaction): string {
  if (job === undefined) return steps.at(-1)?.type === 'function_call' ? 'requires_action' : 'completed';
  return job.state in STATUS ? STATUS[job.state as keyof typeof STATUS] : job.state;
}

function usage({ input, steps, video }: Interaction): object {
  const total_input_tokens = tokens(inputText(input));
  const total_output_tokens = tokens(JSON.stringify(steps)) + (video === undefined ? 0 : 1_000);
  return { total_input_tokens, total_output_tokens, total_tokens: total_input_tokens + total_output_tokens };
}

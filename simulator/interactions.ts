import { z } from 'zod';
import { answerText, functionArguments, tokens, videoContent } from './answers.ts';
import { isoTime } from './clock.ts';
import type { Clock } from './clock.ts';
import { ApiError, checked, notFound } from './errors.ts';
import { downloadUri } from './events.ts';
import type { Files, StoredFile } from './files.ts';
import type { Job, Outcome } from './job.ts';
import type { Jobs } from './jobs.ts';
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';
import { endpointUris, userMetadata } from './webhooks.ts';
import { isVideo, videoFormat } from './videoRequest.ts';

const label = z.string().regex(/^[a-z0-9_-]{0,63}$/);
const inputItem = z
  .looseObject({ type: z.string(), text: z.string().optional(), call_id: z.string().optional() })
  .refine(({ type, call_id: call }) => type !== 'function_result' || call !== undefined, {
    path: ['call_id'],
    message: 'is missing; a result answers a call',
  });
const tool = z
  .looseObject({
    type: z.string(),
    name: z.string().optional(),
    parameters: z
      .looseObject({ properties: z.record(z.string(), z.unknown()).default({}) })
      .default({ properties: {} }),
  })
  .refine(({ type, name }) => type !== 'function' || name !== undefined, {
    path: ['name'],
    message: 'is missing; it stands beside the type',
  });
const webhook = z
  .strictObject({ uris: endpointUris, user_metadata: userMetadata.optional() })
  .transform((config) => ({ uris: config.uris, userMetadata: config.user_metadata }));
const ignored = z.unknown().optional();
/** All fields that the SDK knows, in the one spelling that it sends. */
const creation = z
  .strictObject({
    model: z.string().optional(),
    agent: z.string().optional(),
    input: z.union([z.string(), inputItem, z.array(inputItem).min(1)]),
    background: z.boolean().default(false),
    store: z.boolean().default(true),
    stream: z.literal(false).default(false),
    tools: z.array(tool).default([]),
    previous_interaction_id: z.string().optional(),
    response_format: z.unknown().optional(),
    labels: z.record(label, label).optional(),
    webhook_config: webhook.optional(),
    agent_config: ignored,
    cached_content: ignored,
    continuation_token: ignored,
    environment: ignored,
    generation_config: ignored,
    response_mime_type: ignored,
    response_modalities: ignored,
    safety_settings: ignored,
    service_tier: ignored,
    system_instruction: ignored,
  })
  .refine(({ model, agent }) => (model === undefined) !== (agent === undefined), 'needs either model or agent')
  .refine(({ agent, background }) => background || agent?.includes('deep-research') !== true, {
    path: ['background'],
    message: 'this agent runs in the background only',
  })
  .refine(({ background, webhook_config: config }) => background || config === undefined, {
    path: ['webhook_config'],
    message: 'needs background: true',
  })
  .refine(({ background, store }) => store || !background, {
    path: ['store'],
    message: 'background needs store: true',
  });

type Creation = z.output<typeof creation>;
type InputItem = z.output<typeof inputItem>;
type Tool = z.output<typeof tool>;

interface FunctionCall {
  readonly type: 'function_call';
  readonly id: string;
  readonly name: string;
  readonly arguments: object;
}

type Step = FunctionCall | { readonly type: 'model_output' | 'user_input' | 'thought' | 'function_result' };

export interface Interaction {
  readonly id: string;
  readonly given: Creation;
  /** `webhook_config` as it was sent, which the API echoes (docs/gemini-wire.md 4.4). */
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

/** What is called where a job without functions is made to end with a call. */
const UNDECLARED = { name: 'act', parameters: { properties: {} } };

/** Interactions; `[fail]` and `[hang]` in the input mark the job. */
export class Interactions {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #settings: Settings;
  readonly #jobs: Jobs;
  readonly #files: Files;
  readonly #byId = new Map<string, Interaction>();

  constructor(clock: Clock, random: Random, settings: Settings, jobs: Jobs, files: Files) {
    this.#clock = clock;
    this.#random = random;
    this.#settings = settings;
    this.#jobs = jobs;
    this.#files = files;
  }

  create(body: unknown): Interaction {
    const given = checked(creation, body);
    const input = inputItems(given.input);
    if (given.previous_interaction_id !== undefined) checkContinuation(this.get(given.previous_interaction_id), input);
    const id = `v1_${this.#random.letters(this.#random.next('interaction'), 32)}`;
    const job = given.background ? this.#start(id, given, input) : undefined;
    const webhookConfig = (body as { webhook_config?: unknown }).webhook_config;
    const createMillis = job?.createMillis ?? this.#clock.now();
    const interaction: Interaction = {
      id,
      given,
      webhookConfig,
      input,
      createMillis,
      job,
      steps: [],
      video: undefined,
    };
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
    this.#jobs.cancel(interaction.job);
    return interaction;
  }

  delete(id: string): void {
    const { job } = this.get(id);
    if (job !== undefined) this.#jobs.delete(job);
    this.#byId.delete(id);
  }

  /** `created`: as the call that made it answers, the one place where the URI of a video is sure (docs/gemini-wire.md 10.3). */
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
      steps: [...inputSteps, ...steps, ...this.#videoSteps(interaction, created)],
      errors: job?.error === undefined ? undefined : [job.error],
      usage: steps.length === 0 && interaction.video === undefined ? undefined : usage(interaction),
    };
  }

  #start(id: string, given: Creation, input: readonly InputItem[]): Job {
    return this.#jobs.start({
      name: id,
      kind: 'interaction',
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
    const { id, given, input } = interaction;
    const thought = { type: 'thought' as const, signature: this.#random.bytes(`${id}/thought`, 24).toString('base64') };
    if (calls) {
      interaction.steps = [thought, ...this.#functionCalls(interaction)];
    } else if (isVideo(given)) {
      const { videoBytes } = this.#settings.get().jobs;
      interaction.video = this.#files.addGenerated(videoContent(id, videoBytes, this.#random), 'video/mp4');
    } else {
      const text = answerText(inputText(input), this.#random);
      interaction.steps = [thought, modelOutput({ type: 'text', text })];
    }
  }

  #functionCalls({ id, given }: Interaction): FunctionCall[] {
    const declared = given.tools.filter(isFunctionTool);
    return Array.from({ length: this.#settings.get().jobs.functionCalls }, (_, index) => {
      const { name, parameters } = declared[index % declared.length] ?? UNDECLARED;
      const callLabel = `${id}/call/${index}`;
      const values = functionArguments(parameters.properties, callLabel, this.#random);
      return { type: 'function_call', id: `call_${this.#random.letters(callLabel, 12)}`, name, arguments: values };
    });
  }

  #videoSteps({ given, video }: Interaction, created: boolean): Step[] {
    if (video === undefined) return [];
    const wantsUri = videoFormat(given)?.delivery === 'uri' && (created || this.#settings.get().jobs.omniUriOnGet);
    const data = () => Buffer.concat([...video.content.read(0, video.content.sizeBytes)]).toString('base64');
    const source = wantsUri ? { uri: downloadUri(video.name) } : { data: data() };
    return [modelOutput({ type: 'video', mime_type: 'video/mp4', ...source })];
  }
}

/** What waits for function results takes nothing else; results answer calls that were made (docs/gemini-wire.md 9.4). */
function checkContinuation(previous: Interaction, input: readonly InputItem[]): void {
  const status = statusOf(previous);
  if (status === 'in_progress')
    throw new ApiError('FAILED_PRECONDITION', `Interaction ${previous.id} is still running`);
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

function statusOf({ job, steps }: Interaction): string {
  if (job === undefined) return steps.at(-1)?.type === 'function_call' ? 'requires_action' : 'completed';
  return job.state in STATUS ? STATUS[job.state as keyof typeof STATUS] : job.state;
}

function usage({ input, steps, video }: Interaction): object {
  const [total_input_tokens, total_output_tokens] = [
    tokens(inputText(input)),
    tokens(JSON.stringify(steps)) + (video === undefined ? 0 : 1_000),
  ];
  return { total_input_tokens, total_output_tokens, total_tokens: total_input_tokens + total_output_tokens };
}

function inputItems(input: Creation['input']): InputItem[] {
  if (typeof input === 'string') return [{ type: 'text', text: input }];
  return Array.isArray(input) ? input : [input];
}

function inputText(input: readonly InputItem[]): string {
  return input.map((item) => ('text' in item ? String(item.text) : JSON.stringify(item))).join('\n');
}

function modelOutput(part: object): { type: 'model_output'; content: object[] } {
  return { type: 'model_output', content: [part] };
}

function isFunctionTool(given: Tool): given is Tool & { name: string } {
  return given.type === 'function';
}

function isFunctionResult(item: InputItem): item is InputItem & { call_id: string } {
  return item.type === 'function_result';
}

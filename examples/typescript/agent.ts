import { type Message, PubSub } from '@google-cloud/pubsub';

/** The agent's tools. Replace them by your own. */
const functions: Record<string, (given: Record<string, unknown>) => unknown> = {
  get_weather: ({ city }) => ({ city, celsius: 21 }),
};
const parameters = { type: 'object', properties: { city: { type: 'string' } } };
const tools = [{ type: 'function', name: 'get_weather', parameters }];

interface Call {
  readonly id: string;
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

interface Step {
  readonly type: string;
  readonly content?: readonly { readonly type: string; readonly text?: string }[];
}

const { SUBMIT_URL = '', ID_TOKEN = '', SUBSCRIPTION = 'agent' } = process.env;

/** Starts an interaction. The same idempotency key starts it once, however often this is called. */
async function submit(request: object, idempotencyKey: string): Promise<void> {
  const response = await fetch(SUBMIT_URL, {
    method: 'POST',
    headers: { 'idempotency-key': idempotencyKey, authorization: `Bearer ${ID_TOKEN}` },
    body: JSON.stringify({
      kind: 'interaction',
      request: { model: 'gemini-3.8-flash', tools, ...request },
      route: 'agent',
    }),
  });
  if (!response.ok) throw new Error(await response.text());
}

/** Answers function calls with a new interaction, and prints the text of a finished one. */
async function handle({ attributes, data }: Message): Promise<void> {
  const message = JSON.parse(data.toString()) as {
    jobId: string;
    calls: Call[];
    error?: unknown;
    response?: { steps?: Step[] };
  };
  if (attributes['ce-type'] === 'job.action_required') {
    const input = message.calls.map(({ id, name, arguments: given }) => ({
      type: 'function_result',
      call_id: id,
      name,
      result: functions[name]?.(given),
    }));
    await submit({ previous_interaction_id: message.jobId.replace('interactions/', ''), input }, message.jobId);
  }
  if (attributes['ce-type'] === 'job.result') {
    console.log(attributes['meta_root'] ?? message.jobId, message.error ?? textOf(message.response?.steps));
  }
}

/** All text of the model, in order: a search or a thought may stand between two parts. */
function textOf(steps: readonly Step[] = []): string {
  const outputs = steps.filter(({ type }) => type === 'model_output').flatMap(({ content }) => content ?? []);
  return outputs.flatMap(({ type, text }) => (type === 'text' && text ? [text] : [])).join('\n');
}

new PubSub().subscription(SUBSCRIPTION).on('message', (message: Message) => {
  handle(message).then(
    () => message.ack(),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : String(error));
      message.nack();
    },
  );
});

await submit({ input: 'How warm is it in Oslo?' }, 'question-1');

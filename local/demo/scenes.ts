import type { Stage } from '../stage.ts';

/** An event at Gemini, and the expected fate of the delivery that it causes. */
export interface Scene {
  readonly title: string;
  readonly play: (stage: Stage) => Promise<unknown>;
  /** The callback's answer: `published`, `duplicate` or the reason of a refusal. */
  readonly outcome: string;
  /** The state of the delivery's record in Firestore; `undefined` where none may exist. */
  readonly record: 'published' | 'quarantined' | undefined;
}

const MODEL = 'gemini-3.8-flash';
const MINUTE_MILLIS = 60_000;
const HOUR_MILLIS = 3_600_000;

/** The number of the batch's prompts that the simulator answers with an error. */
export const FAILING_PROMPTS = 1;
const prompts = ['Tell me a joke', 'Summarise the news', 'This one fails [error]'];
const src = prompts.map((text) => ({ contents: [{ role: 'user', parts: [{ text }] }] }));

export const GENUINE: readonly Scene[] = [
  {
    title: 'A batch ends: dynamic webhook, Ed25519',
    play: async ({ gemini, dynamicUrl }) => {
      const webhookConfig = { uris: [dynamicUrl('nightly')], userMetadata: { team: 'search' } };
      await gemini.batches.create({ model: MODEL, src, config: { displayName: 'demo', webhookConfig } });
    },
    outcome: 'published',
    record: 'published',
  },
  {
    title: 'An interaction ends: registered webhook, HMAC',
    play: async ({ gemini }) => {
      await gemini.interactions.create({ model: MODEL, input: 'Compare three databases', background: true });
    },
    outcome: 'published',
    record: 'published',
  },
  {
    title: 'Gemini sends the same delivery again',
    play: async ({ simulator }) => {
      await simulator.redeliver(simulator.ledger.deliveries.at(-1)?.webhookId ?? '');
    },
    outcome: 'duplicate',
    record: 'published',
  },
  {
    title: 'Two events in the wrong order: the job stays succeeded',
    play: async ({ gemini, simulator }) => {
      const { id } = await gemini.interactions.create({ model: MODEL, input: 'Plan a trip', background: true });
      simulator.settings.patch({ faults: { delay: 1, delayMillis: MINUTE_MILLIS } });
      await simulator.emit({ type: 'interaction.requires_action', data: { id } });
      simulator.settings.patch({ faults: { delay: 0 } });
      await simulator.finish(id);
      await simulator.clock.advance(MINUTE_MILLIS);
    },
    outcome: 'published',
    record: 'published',
  },
];

export const REFUSED: readonly Scene[] = [
  {
    title: "A stranger's job names this URL without a route",
    play: async ({ simulator, variables }) => {
      const webhookConfig = { uris: [variables['CALLBACK_URL'] ?? ''] };
      await simulator.emit({ type: 'batch.succeeded', data: { id: 'batches/foreign' }, webhookConfig });
    },
    outcome: 'ROUTE_INVALID',
    record: undefined,
  },
  {
    title: 'Forged: signed with another secret',
    play: async (stage) => {
      await emitWithFault(stage, { wrongSignature: 1 });
    },
    outcome: 'SIGNATURE_INVALID',
    record: undefined,
  },
  {
    title: 'Replayed: signed an hour ago, so quarantined',
    play: async (stage) => {
      await emitWithFault(stage, { stale: 1, staleMillis: HOUR_MILLIS });
    },
    outcome: 'TIMESTAMP_OUT_OF_TOLERANCE',
    record: 'quarantined',
  },
];

async function emitWithFault({ simulator }: Stage, fault: Readonly<Record<string, number>>): Promise<void> {
  simulator.settings.patch({ faults: fault });
  await simulator.emit({ type: 'batch.succeeded', data: { id: 'batches/odd' } });
  simulator.settings.patch({ faults: { wrongSignature: 0, stale: 0 } });
}

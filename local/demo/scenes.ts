import type { Stage } from './stage.ts';

/** Something that happens at Gemini, and what should become of the delivery that it causes. */
export interface Scene {
  readonly title: string;
  readonly play: (stage: Stage) => Promise<unknown>;
  readonly expected: string;
}

const MODEL = 'gemini-3.8-flash';
const MINUTE_MILLIS = 60_000;
const HOUR_MILLIS = 3_600_000;

const prompts = ['Tell me a joke', 'Summarise the news', 'This one fails [error]'];
const src = prompts.map((text) => ({ contents: [{ role: 'user', parts: [{ text }] }] }));

export const SCENES: readonly Scene[] = [
  {
    title: 'A batch of prompts, with a dynamic webhook on a route of ours (Ed25519)',
    play: async ({ gemini, dynamicUrl }) => {
      const webhookConfig = { uris: [dynamicUrl('nightly')], userMetadata: { team: 'search' } };
      await gemini.batches.create({ model: MODEL, src, config: { displayName: 'demo', webhookConfig } });
    },
    expected: 'published',
  },
  {
    title: 'A background interaction, told to the registered webhook (HMAC)',
    play: async ({ gemini }) => {
      await gemini.interactions.create({ model: MODEL, input: 'Compare three databases', background: true });
    },
    expected: 'published',
  },
  {
    title: 'Gemini sends it again, as it may',
    play: async ({ simulator }) => {
      await simulator.redeliver(simulator.ledger.deliveries.at(-1)?.webhookId ?? '');
    },
    expected: 'duplicate',
  },
  {
    title: 'An event that comes after a later one: it is told, and the job stays done',
    play: async ({ simulator }) => {
      simulator.settings.patch({ faults: { delay: 1, delayMillis: MINUTE_MILLIS } });
      await simulator.emit({ type: 'interaction.requires_action', data: { id: 'v1_research' } });
      simulator.settings.patch({ faults: { delay: 0 } });
      await simulator.emit({ type: 'interaction.completed', data: { id: 'v1_research' } });
      await simulator.clock.advance(MINUTE_MILLIS);
    },
    expected: 'published',
  },
  {
    title: 'A stranger has Gemini sign an event for our address, which is on no route of ours',
    play: async ({ simulator, callbackUrl }) => {
      const webhookConfig = { uris: [callbackUrl] };
      await simulator.emit({ type: 'batch.succeeded', data: { id: 'batches/foreign' }, webhookConfig });
    },
    expected: 'ROUTE_INVALID',
  },
  {
    title: 'A forgery, signed with a secret that is not ours',
    play: async (stage) => {
      await withFault(stage, { wrongSignature: 1 });
    },
    expected: 'SIGNATURE_INVALID',
  },
  {
    title: 'A genuine delivery that was signed an hour ago: kept apart for an operator',
    play: async (stage) => {
      await withFault(stage, { stale: 1, staleMillis: HOUR_MILLIS });
    },
    expected: 'TIMESTAMP_OUT_OF_TOLERANCE',
  },
];

async function withFault({ simulator }: Stage, fault: Readonly<Record<string, number>>): Promise<void> {
  simulator.settings.patch({ faults: fault });
  await simulator.emit({ type: 'batch.succeeded', data: { id: 'batches/odd' } });
  simulator.settings.patch({ faults: { wrongSignature: 0, stale: 0 } });
}

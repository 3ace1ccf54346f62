import type { Interaction, Interactions, Step } from './interactions.ts';
import { statusOf } from './interactions.ts';
import { isFinal } from './job.ts';
import type { Ledger } from '../ledger.ts';

const CHUNK_CHARACTERS = 24;

/**
 * Yields the events of a streamed interaction; those of a background job wait until it ends. Each has an `event_id` that
 * `last_event_id` resumes after. Stops early when the signal is aborted.
 */
export async function* interactionEvents(
  interactions: Interactions,
  interaction: Interaction,
  ledger: Ledger,
  signal: AbortSignal,
): AsyncGenerator<object> {
  let count = 0;
  const numbered = (event: object) => ({ ...event, event_id: `${interaction.id}/${(count += 1)}` });
  const { id } = interaction;
  const summary = () => ({ ...interactions.resource(interaction), steps: undefined, webhook_config: undefined });
  yield numbered({ event_type: 'interaction.created', interaction: { ...summary(), status: 'in_progress' } });
  yield numbered({ event_type: 'interaction.status_update', interaction_id: id, status: 'in_progress' });
  await jobEnd(interaction, ledger, signal);
  if (signal.aborted) return;
  for (const [index, step] of interactions.steps(interaction, true).entries()) {
    for (const event of stepEvents(step, index)) yield numbered(event);
  }
  const { job } = interaction;
  if (job?.error !== undefined) yield numbered({ event_type: 'error', error: job.error });
  yield numbered({ event_type: 'interaction.status_update', interaction_id: id, status: statusOf(interaction) });
  yield numbered({ event_type: 'interaction.completed', interaction: summary() });
}

async function jobEnd({ job }: Interaction, ledger: Ledger, signal: AbortSignal): Promise<void> {
  if (job === undefined || isFinal(job) || signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = ledger.subscribe(() => {
    if (isFinal(job)) resolve();
  });
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  unsubscribe();
}

function stepEvents(step: Step, index: number): object[] {
  const deltas = deltasOf(step).map((delta) => ({ event_type: 'step.delta', index, delta }));
  return [{ event_type: 'step.start', index, step: emptied(step) }, ...deltas, { event_type: 'step.stop', index }];
}

/** The step before its deltas. */
function emptied(step: Step): object {
  return step.type === 'function_call' ? { ...step, arguments: {} } : { type: step.type };
}

function deltasOf(step: Step): object[] {
  switch (step.type) {
    case 'thought':
      return [{ type: 'thought_signature', signature: step.signature }];
    case 'function_call':
      return chunks(JSON.stringify(step.arguments)).map((text) => ({ type: 'arguments_delta', arguments: text }));
    case 'model_output':
      return step.content.flatMap((part) =>
        'text' in part ? chunks(String(part.text)).map((text) => ({ type: 'text', text })) : [part],
      );
  }
}

function chunks(text: string): string[] {
  return text.match(new RegExp(`.{1,${CHUNK_CHARACTERS}}`, 'gsu')) ?? [];
}

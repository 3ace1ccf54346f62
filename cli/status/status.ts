import { setTimeout as sleep } from 'node:timers/promises';
import type { Firestore } from '@google-cloud/firestore';
import { createLogUpdate } from 'log-update';
import { readSettings } from '../../functions/config/environment.ts';
import { projectSettings } from '../../functions/config/settings.ts';
import type { Context } from '../context.ts';
import { CliError, usageError } from '../errors.ts';
import { backendError, PUBSUB } from '../failureReport.ts';
import { GEMINI, MESSAGING } from '../installation/variableGroups.ts';
import { requireWhole } from '../optionValues.ts';
import { withStore } from '../store.ts';
import { safe } from '../terminal.ts';
import { readDeadLetters } from './deadLetters.ts';
import { screenOf } from './screen.ts';
import { attentionsOf, readSnapshot, type StatusSnapshot } from './snapshot.ts';
import { readWebhook } from './webhook.ts';

const MAX_INTERVAL_SECONDS = 3_600;

export interface StatusFlags {
  readonly watch?: true;
  readonly interval: string;
}

/** @throws {CliError} `ATTENTION_NEEDED` where something needs a person. */
export async function statusCommand({ watch, interval }: StatusFlags, context: Context): Promise<void> {
  const intervalMillis = requireWhole('--interval', interval, MAX_INTERVAL_SECONDS) * 1_000;
  if (watch && context.terminal.json)
    throw usageError('--watch cannot be combined with --json. Leave one of them out.');
  const command = (words: string) => context.command(words);
  await withStore(
    context,
    async (firestore, variables) => {
      if (watch)
        return await refresh(async () => screenOf(await snapshotOf(firestore, variables), command), intervalMillis);
      const snapshot = await snapshotOf(firestore, variables);
      const attention = attentionsOf(snapshot, command);
      context.terminal.result({ ...snapshot, attention }, () => screenOf(snapshot, command));
      if (attention.length > 0)
        throw new CliError('ATTENTION_NEEDED', attention.map(({ what }) => `${what}.`).join(' '));
    },
    [...MESSAGING, ...GEMINI, 'CALLBACK_URL'],
  );
}

async function snapshotOf(firestore: Firestore, variables: NodeJS.ProcessEnv): Promise<StatusSnapshot> {
  const settings = readSettings(variables, projectSettings);
  const deadLetters = async () =>
    await readDeadLetters(settings).catch((error: unknown) => {
      throw backendError(PUBSUB, error, variables);
    });
  return await readSnapshot(firestore, deadLetters, async () => await readWebhook(variables));
}

/** Prints a screen again and again: in place on a terminal, one below the other elsewhere. Ends with Ctrl-C. */
async function refresh(screen: () => Promise<string>, intervalMillis: number): Promise<void> {
  const { isTTY, rows } = process.stdout;
  const print =
    isTTY && rows > 0 ? createLogUpdate(process.stdout) : (text: string) => process.stdout.write(`${text}\n`);
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  while (!interrupted.signal.aborted) {
    print(safe(await screen()));
    await sleep(intervalMillis, undefined, interrupted).catch(() => {});
  }
}

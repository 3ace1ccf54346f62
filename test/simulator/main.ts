import type { LedgerEntry } from './ledger.ts';
import { settingsFromEnvironment } from './settings.ts';
import { startSimulator } from './simulator.ts';
import type { Simulator } from './simulator.ts';

const DEFAULT_PORT = 8787;

/** One line for the terminal. */
function describe(entry: LedgerEntry): string {
  switch (entry.what) {
    case 'job':
      return `job       ${entry.job.name}  ${entry.job.state}`;
    case 'event':
      return `event     ${entry.event.type}  ${entry.event.jobName ?? ''}`;
    case 'delivery':
      return entry.delivery.state === 'waiting' && entry.delivery.attempts.length > 0
        ? `delivery  ${entry.delivery.webhookId}  next attempt ${entry.delivery.nextAttemptTime ?? 'under way'}`
        : `delivery  ${entry.delivery.webhookId}  ${entry.delivery.state}  ${entry.delivery.uri}`;
    case 'attempt': {
      const { answer, number, faults } = entry.attempt;
      const result = answer?.error ?? answer?.status ?? '';
      return `attempt   ${entry.delivery.webhookId}  #${number}  ${result}  ${answer?.latencyMillis} ms  ${faults.join(' ')}`;
    }
    case 'request':
      return `request   ${entry.request.method}  ${entry.request.status ?? 'cut off'}`;
  }
}

function print(entry: LedgerEntry): void {
  console.log(`${new Date().toISOString().slice(11, 23)}  ${describe(entry).trimEnd()}`);
}

async function start(environment: NodeJS.ProcessEnv): Promise<Simulator> {
  const simulator = await startSimulator({
    port: Number(environment['PORT'] ?? DEFAULT_PORT),
    host: environment['HOST'] ?? '127.0.0.1',
    seed: environment['SEED'],
    clock: { manual: environment['CLOCK'] === 'manual' },
    settings: settingsFromEnvironment(environment),
  });
  simulator.ledger.subscribe(print);
  console.log(`Gemini API simulator on ${simulator.url} (seed ${simulator.seed}). Use it with:

  export GOOGLE_GEMINI_BASE_URL=${simulator.url}
  export GEMINI_API_KEY=any-key
`);
  return simulator;
}

const simulator = await start(process.env);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void simulator.close());
}

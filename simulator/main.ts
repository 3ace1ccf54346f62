import { parseArgs } from 'node:util';
import { HELP, optionsFromEnvironment } from './environment.ts';
import type { LedgerEntry } from './ledger.ts';
import { startSimulator } from './simulator.ts';

/** Returns an entry as one line for the terminal. */
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

async function start(environment: NodeJS.ProcessEnv): Promise<void> {
  const simulator = await startSimulator(optionsFromEnvironment(environment));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void simulator.close());
  }
  simulator.ledger.subscribe(print);
  console.log(`Gemini API simulator on ${simulator.url} (seed ${simulator.seed}). Use it with:

  export GOOGLE_GEMINI_BASE_URL=${simulator.url}
  export GEMINI_API_KEY=any-key

Page: ${simulator.url}/
`);
}

/** Explains what the user can fix: bad options or variables, and an unavailable address. Rethrows any other error. */
function explain(error: unknown): string {
  if (error instanceof TypeError) return `${error.message} (--help lists what can be set)`;
  if (error instanceof Error && 'syscall' in error) return `${error.message} (choose another port: --port 8788)`;
  throw error;
}

try {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' }, port: { type: 'string' } } });
  if (values.help === true) console.log(HELP);
  else await start({ ...process.env, ...(values.port === undefined ? {} : { PORT: values.port }) });
} catch (error) {
  console.error(`The simulator cannot start: ${explain(error)}`);
  process.exitCode = 1;
}

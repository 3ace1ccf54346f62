import { rememberLocal } from '../cli/installation/local.ts';
import { printError, printLive } from './live.ts';
import { exitWithMessages } from './exitWithMessages.ts';
import { heading, paint } from './print.ts';
import { startStage } from './stage.ts';

exitWithMessages();

const DEFAULT_PORT = 8787;

/** Cloud Scheduler calls `reconcileJobs` every five minutes; here jobs end after seconds. */
const RECONCILE_MILLIS = 60_000;

/** Variables that the SDKs, the client libraries and `examples/` read. Secrets are not among them. */
const EXPORTED = [
  'GOOGLE_GEMINI_BASE_URL',
  'GEMINI_API_KEY',
  'GOOGLE_CLOUD_PROJECT',
  'FIRESTORE_EMULATOR_HOST',
  'PUBSUB_EMULATOR_HOST',
  'SUBMIT_URL',
  // Otherwise the client libraries search for Google Cloud's metadata server, and warn.
  'METADATA_SERVER_DETECTION',
] as const;

const COMMANDS: readonly (readonly [meaning: string, command: string])[] = [
  [
    'Submit a job and wait for its results',
    'npx gemini-callbacks --local submit interaction --route=demo --model=gemini-3.8-flash --input="Tell me a joke" --wait',
  ],
  ['See the last delivery, all jobs and what needs attention', 'npx gemini-callbacks --local status'],
  ['Store each result once (needs the exports above)', 'npx node examples/typescript/consumer.ts'],
  ['Run an agent that calls a tool (needs the exports above)', 'npx node examples/typescript/agent.ts'],
];

/** Runs the simulator and all functions for development, until Ctrl-C. */
const stage = await startStage({
  simulatorPort: Number(process.env['PORT'] ?? DEFAULT_PORT),
  others: ['submitJob', 'reconcileJobs'],
  onBackends: console.log,
  onLine: printError,
});
await stage.project.subscribe('gemini-results', 'answers');
await stage.project.subscribe('gemini-results', 'agent', 'attributes.route = "agent"');
const variables: Readonly<Record<string, string>> = {
  ...stage.variables,
  SUBMIT_URL: stage.urls.submitJob ?? '',
  METADATA_SERVER_DETECTION: 'none',
};
rememberLocal(process.cwd(), variables);
const reconciling = setInterval(() => void reconcile(stage.urls.reconcileJobs ?? ''), RECONCILE_MILLIS);
stage.onClose(async () => clearInterval(reconciling));

heading(`The simulator of Gemini, with its jobs and deliveries: ${stage.simulator.url}/`);
heading('In a second terminal:');
for (const name of EXPORTED) console.log(`export ${name}=${variables[name]}`);
heading('Then try there:');
for (const [meaning, command] of COMMANDS) console.log(`${paint('dim', `# ${meaning}`)}\n${command}`);
heading('Events as they arrive. Stop with Ctrl-C.');
printLive(stage);

/** A failure is in the function's log. */
async function reconcile(url: string): Promise<void> {
  await fetch(url, { method: 'POST' }).catch(() => {});
}

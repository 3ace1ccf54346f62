import { randomBytes } from 'node:crypto';
import { GoogleGenAI } from '@google/genai';
import { signRoute } from '../../functions/model/route.ts';
import { type Simulator, startSimulator } from '../../simulator/simulator.ts';
import { startBackends } from '../backends/index.ts';
import { startFunction } from '../functions.ts';
import { freePort } from '../process.ts';
import { LocalProject } from '../project.ts';
import { done } from './print.ts';

/** Everything that the demo plays on, running. */
export interface Stage {
  readonly simulator: Simulator;
  /** The real SDK, against the simulator. */
  readonly gemini: GoogleGenAI;
  readonly project: LocalProject;
  readonly callbackUrl: string;
  /** Settings of all parts, secrets included. */
  readonly variables: Readonly<Record<string, string>>;
  /** The callback's address for dynamic webhooks of a pipeline. */
  readonly dynamicUrl: (route: string) => string;
  close(): Promise<void>;
}

const EVENTS = [
  'batch.succeeded',
  'batch.failed',
  'batch.expired',
  'interaction.completed',
  'interaction.requires_action',
];

/** Starts emulators, simulator and function, telling of each; whatever happens, `close` ends them. */
export async function setStage({ simulatorPort = 0 } = {}): Promise<Stage> {
  const ends: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  };
  endOnSignals(close);
  try {
    const backends = await startBackends();
    ends.push(() => backends.stop());
    Object.assign(process.env, backends.env, { METADATA_SERVER_DETECTION: 'none' });
    console.log(backends.summary);
    done('Firestore', backends.env.FIRESTORE_EMULATOR_HOST);
    done('Pub/Sub', backends.env.PUBSUB_EMULATOR_HOST);

    const project = await LocalProject.create();
    ends.push(() => project.close());
    const simulator = await startSimulator({ port: simulatorPort });
    ends.push(() => simulator.close());
    done('Gemini simulator', simulator.url);

    const gemini = new GoogleGenAI({ apiKey: 'any-key', httpOptions: { baseUrl: simulator.url } });
    const port = await freePort();
    const callbackUrl = `http://127.0.0.1:${port}`;
    const webhook = await gemini.webhooks.create({ name: 'demo', uri: callbackUrl, subscribed_events: EVENTS });
    const routeKey = randomBytes(32).toString('hex');
    const env = {
      ...project.env,
      WEBHOOK_SIGNING_SECRET: webhook.new_signing_secret,
      DYNAMIC_ROUTE_KEY: routeKey,
      GEMINI_JWKS_URL: `${simulator.url}/.well-known/jwks.json`,
    };
    const callback = await startFunction('geminiCallback', env, { port });
    ends.push(() => callback.end());
    done('geminiCallback', callbackUrl);
    const results = await startFunction('fetchResults', {
      ...project.env,
      GEMINI_API_KEY: 'any-key',
      GOOGLE_GEMINI_BASE_URL: simulator.url,
    });
    ends.push(() => results.end());
    await project.push('gemini-events', results.url);
    done('fetchResults', `${results.url}, for every message of gemini-events`);
    const variables = {
      ...env,
      GEMINI_API_KEY: 'any-key',
      GOOGLE_GEMINI_BASE_URL: simulator.url,
      CALLBACK_URL: callbackUrl,
    };
    const dynamicUrl = (route: string) => `${callbackUrl}/dynamic/${route}/${signRoute(route, routeKey)}`;
    return { simulator, gemini, project, callbackUrl, variables: present(variables), dynamicUrl, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function present(variables: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(variables).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

function endOnSignals(close: () => Promise<void>): void {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => void close().finally(() => process.exit(code)));
  }
}

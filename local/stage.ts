import { randomBytes } from 'node:crypto';
import { GoogleGenAI } from '@google/genai';
import { SUBSCRIBABLE_TYPES } from '../functions/model/eventTypes.ts';
import { signRoute } from '../functions/model/route.ts';
import type { SettingsPatch } from '../simulator/settings.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { startBackends } from './backends/index.ts';
import { type LogLine, startFunction } from './functions.ts';
import { allOrNone, freePort } from './process.ts';
import { LocalProject } from './project.ts';

export type FunctionName = 'geminiCallback' | 'fetchResults' | 'submitJob' | 'reconcileJobs';

/** The simulator, Firestore, Pub/Sub and the functions, running. */
export interface Stage {
  readonly simulator: Simulator;
  /** The real SDK, against the simulator. */
  readonly gemini: GoogleGenAI;
  readonly project: LocalProject;
  /** URLs of the functions that run. */
  readonly urls: Readonly<Partial<Record<FunctionName, string>>>;
  /** Settings of all parts, secrets included. */
  readonly variables: Readonly<Record<string, string>>;
  /** Returns the URL of a route, for a job's dynamic webhook. */
  readonly dynamicUrl: (route: string) => string;
  /** Adds a step that `close` runs first. */
  onClose(step: () => Promise<unknown>): void;
  close(): Promise<void>;
}

interface StageOptions {
  /** Functions beside `geminiCallback` and `fetchResults`. */
  readonly others?: readonly FunctionName[];
  readonly simulatorPort?: number;
  readonly settings?: SettingsPatch;
  /** Receives one line that names the backends and the reason, as soon as they run. */
  readonly onBackends?: (summary: string) => void;
  readonly onLine?: (name: FunctionName, line: LogLine) => void;
}

/** Starts everything. `close`, SIGINT and SIGTERM stop it; a part that fails to start stops the others. */
export async function startStage(options: StageOptions = {}): Promise<Stage> {
  const steps: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const step of steps.splice(0).toReversed()) await step();
  };
  const onClose = (step: () => Promise<unknown>) => void steps.push(step);
  closeOnSignals(close);
  try {
    return { ...(await start(options, onClose)), onClose, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  { others = [], simulatorPort = 0, settings = {}, onBackends, onLine }: StageOptions,
  onClose: Stage['onClose'],
): Promise<Omit<Stage, 'onClose' | 'close'>> {
  const backends = await startBackends();
  onClose(() => backends.stop());
  onBackends?.(backends.summary);
  Object.assign(process.env, backends.env, { METADATA_SERVER_DETECTION: 'none' });
  const project = await LocalProject.create();
  onClose(() => project.close());
  const simulator = await startSimulator({ port: simulatorPort, settings });
  onClose(() => simulator.close());

  const gemini = new GoogleGenAI({ apiKey: 'any-key', httpOptions: { baseUrl: simulator.url } });
  const port = await freePort();
  const callbackUrl = `http://127.0.0.1:${port}`;
  const webhook = await gemini.webhooks.create({
    name: 'local',
    uri: callbackUrl,
    subscribed_events: [...SUBSCRIBABLE_TYPES],
  });
  const routeKey = randomBytes(32).toString('hex');
  const variables = {
    ...present(project.env),
    WEBHOOK_SIGNING_SECRET: webhook.new_signing_secret ?? '',
    DYNAMIC_ROUTE_KEY: routeKey,
    GEMINI_JWKS_URL: `${simulator.url}/.well-known/jwks.json`,
    GEMINI_API_KEY: 'any-key',
    GOOGLE_GEMINI_BASE_URL: simulator.url,
    CALLBACK_URL: callbackUrl,
  };
  const starting = (['geminiCallback', 'fetchResults', ...others] as const).map(async (name) => {
    const listener = onLine && ((line: LogLine) => onLine(name, line));
    const place = name === 'geminiCallback' ? { port } : {};
    return [name, await startFunction(name, variables, { ...place, ...(listener && { onLine: listener }) })] as const;
  });
  const running = await allOrNone(starting, async ([, one]) => await one.end());
  onClose(async () => await Promise.all(running.map(async ([, one]) => await one.end())));
  const urls = Object.fromEntries(running.map(([name, { url }]) => [name, url])) as Stage['urls'];
  await project.push('gemini-events', urls.fetchResults ?? '');
  const dynamicUrl = (route: string) => `${callbackUrl}/dynamic/${route}/${signRoute(route, routeKey)}`;
  return { simulator, gemini, project, urls, variables, dynamicUrl };
}

function present(variables: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(variables).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

/** Ends with 128 and the signal's number. A second signal ends the process at once, and its children with it. */
function closeOnSignals(close: () => Promise<void>): void {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => void close().finally(() => process.exit(code)));
  }
}

import { publicJwk, type SigningKey } from '../simulator/signing.ts';
import { type Emulators, startEmulators } from '../support/emulators.ts';
import { type RunningFunction, startFunction } from '../support/functions.ts';
import { type JwksServer, startJwks } from '../support/jwks.ts';
import { TestProject } from '../support/project.ts';
import { done } from './print.ts';

/** Everything that the demo plays on, running. */
export interface Stage {
  readonly callbackUrl: string;
  readonly project: TestProject;
  close(): Promise<void>;
}

export interface StageOptions {
  readonly secret: string;
  readonly routeKey: string;
  readonly key: SigningKey;
}

/** Starts the emulators, Gemini's public keys and the function, telling of each; whatever happens, `close` ends them. */
export async function setStage({ secret, routeKey, key }: StageOptions): Promise<Stage> {
  const parts: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of parts.splice(0).toReversed()) await end();
  };
  const keep = async <T>(started: Promise<T>, end: (part: T) => Promise<unknown>): Promise<T> => {
    const part = await started;
    parts.push(() => end(part));
    return part;
  };
  endOnSignals(close);
  try {
    const emulators: Emulators = await keep(startEmulators(), (each) => each.stop());
    Object.assign(process.env, emulators.env, { METADATA_SERVER_DETECTION: 'none' });
    done('Firestore emulator', emulators.env.FIRESTORE_EMULATOR_HOST);
    done('Pub/Sub emulator', emulators.env.PUBSUB_EMULATOR_HOST);
    const project = await keep(TestProject.create(), (each) => each.close());
    const jwks: JwksServer = await keep(startJwks([publicJwk(key)]), (each) => each.close());
    done('Gemini’s public keys', jwks.url.href);
    const env = {
      ...project.env,
      WEBHOOK_SIGNING_SECRET: secret,
      DYNAMIC_ROUTE_KEY: routeKey,
      GEMINI_JWKS_URL: jwks.url.href,
    };
    const callback: RunningFunction = await keep(startFunction('geminiCallback', env), (each) => each.end());
    done('geminiCallback', callback.url);
    return { callbackUrl: callback.url, project, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function endOnSignals(close: () => Promise<void>): void {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => void close().finally(() => process.exit(code)));
  }
}

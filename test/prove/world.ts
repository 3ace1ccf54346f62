import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GoogleGenAI } from '@google/genai';
import { type Simulator, startSimulator } from '../../simulator/simulator.ts';
import { clockAhead } from '../support/clockAhead.ts';
import { seeded } from '../support/random.ts';
import { LocalProject } from '../../local/project.ts';
import { Proxy } from '../support/proxy.ts';
import { type BackendKind, type Backends, startBackends } from './backends.ts';
import { CLOCK_AHEAD_MILLIS, DELIVERY_RETRY_MILLIS, RECONCILE } from './bounds.ts';
import { Fleet } from './fleet.ts';
import { PUSHED } from './pubsubBackend.ts';

const ROUTE_KEY = 'a-route-key-of-the-test-with-32-characters';
const AUDIENCE = 'proof';
const TYPES = ['batch.succeeded', 'batch.failed', 'batch.expired', 'interaction.failed'];

/** Shares of the deliveries that the simulator changes while faults are on. */
const SENDER_FAULTS = {
  duplicate: 0.05,
  reorder: 0.03,
  delay: 0.05,
  delayMillis: 700,
  drop: 0.02,
  unknownType: 0.02,
  stale: 0.02,
  staleMillis: 3_600_000,
  unsigned: 0.02,
  wrongSignature: 0.02,
  lostAnswer: 0.03,
};

/** Faults of the simulator's API. */
const API_FAULTS = [
  { method: 'batches.create', loseAnswer: true, rate: 0.1 },
  { method: 'batches.get', status: 503, rate: 0.05 },
  { method: 'batches.get', status: 429, retryAfterSeconds: 1, rate: 0.03 },
  { method: 'files.download', cutAfterBytes: 20_000, rate: 0.2 },
];

/** The whole system: instances of the four functions, the Gemini simulator, and two backends behind proxies. */
export class World {
  readonly backends: Backends;
  readonly project: LocalProject;
  readonly simulator: Simulator;
  readonly firestore: Proxy;
  readonly pubsub: Proxy;
  readonly fleets: Readonly<Record<'callback' | 'results' | 'reconcile' | 'submit', Fleet>>;
  readonly ai: GoogleGenAI;
  readonly #faultsEnd = new AbortController();
  readonly #folder = mkdtempSync(join(tmpdir(), 'prove-'));
  #webhookId = '';
  #secrets: readonly string[] = [];

  private constructor(parts: Pick<World, 'backends' | 'project' | 'simulator' | 'firestore' | 'pubsub' | 'fleets'>) {
    this.backends = parts.backends;
    this.project = parts.project;
    this.simulator = parts.simulator;
    this.firestore = parts.firestore;
    this.pubsub = parts.pubsub;
    this.fleets = parts.fleets;
    this.ai = new GoogleGenAI({ apiKey: 'any-key', httpOptions: { baseUrl: this.simulator.url } });
  }

  static async open(seed: string, backendKind: BackendKind): Promise<World> {
    const random = seeded(`${seed} world`);
    const oneOf = <T>(forms: readonly T[]) => forms[Math.floor(random() * forms.length)] as T;
    const backends = await startBackends(backendKind);
    const project = await LocalProject.create({ ordered: false });
    const { FIRESTORE_EMULATOR_HOST = '', PUBSUB_EMULATOR_HOST = '' } = project.env;
    const simulator = await startSimulator({
      seed,
      settings: {
        jobs: { pendingMillis: 100, runningMillis: null },
        deliveries: {
          retryDelaysMillis: [0, 1_000, 2_000, ...Array.from({ length: 300 }, () => DELIVERY_RETRY_MILLIS)],
          disableAfterGivenUp: 1_000_000,
          // The seed chooses among the wire formats that Gemini's documentation leaves open.
          userMetadata: oneOf(['user_metadata', 'data.user_metadata', 'metadata.user_metadata', 'none']),
          dataId: oneOf(['full', 'bare']),
          outputFileUri: oneOf(['https', 'name', 'gs', 'none']),
          scheme: oneOf(['v1a', 'EdDSA', 'RS256']),
          audience: AUDIENCE,
        },
      },
    });
    const [plain, ahead] = [{}, clockAhead(CLOCK_AHEAD_MILLIS)];
    const fleet = async (target: string, instances: readonly NodeJS.ProcessEnv[]) =>
      await Fleet.listen(target, instances, seeded(`${seed} ${target}`));
    const world = new World({
      backends,
      project,
      simulator,
      firestore: await Proxy.start(FIRESTORE_EMULATOR_HOST),
      pubsub: await Proxy.start(PUBSUB_EMULATOR_HOST),
      fleets: {
        callback: await fleet('geminiCallback', [plain, plain, ahead]),
        results: await fleet('fetchResults', [plain, plain]),
        reconcile: await fleet('reconcileJobs', [plain]),
        submit: await fleet('submitJob', [plain, ahead]),
      },
    });
    await world.#start();
    return world;
  }

  get env(): NodeJS.ProcessEnv {
    return {
      ...this.project.env,
      FIRESTORE_EMULATOR_HOST: this.firestore.host,
      PUBSUB_EMULATOR_HOST: this.pubsub.host,
      GEMINI_API_KEY: 'any-key',
      GOOGLE_GEMINI_BASE_URL: this.simulator.url,
      GEMINI_JWKS_URL: `${this.simulator.url}/.well-known/jwks.json`,
      WEBHOOK_SIGNING_SECRET_FILE: join(this.#folder, 'secrets'),
      DYNAMIC_ROUTE_KEY: ROUTE_KEY,
      WEBHOOK_AUDIENCE: AUDIENCE,
      CALLBACK_URL: this.fleets.callback.url,
      RECONCILE_PENDING_SECONDS: String(RECONCILE.pendingSeconds),
      RECONCILE_JOB_SECONDS: String(RECONCILE.jobSeconds),
    };
  }

  /** The callback's URL for dynamic webhooks. */
  get routeUrl(): string {
    const mac = createHmac('sha256', ROUTE_KEY).update('proof').digest('base64url');
    return `${this.fleets.callback.url}/dynamic/proof/${mac}`;
  }

  beginFaults(): void {
    this.simulator.settings.patch({ faults: SENDER_FAULTS, api: { faults: API_FAULTS } });
  }

  /** Aborted when the faults end. */
  get faultsEnded(): AbortSignal {
    return this.#faultsEnd.signal;
  }

  async endFaults(): Promise<void> {
    this.#faultsEnd.abort();
    const none = Object.fromEntries(Object.keys(SENDER_FAULTS).map((name) => [name, 0]));
    this.simulator.settings.patch({ faults: none, api: { faults: [] }, jwks: { available: true, latencyMillis: 0 } });
    for (const proxy of [this.firestore, this.pubsub]) {
      proxy.delayMillis = { up: 0, down: 0 };
      await proxy.forward();
    }
  }

  /** Creates a secret at Gemini and then gives it to the functions. Former ones stay valid for a day, or are revoked. */
  async rotateSecret(revokes: 'after_h24' | 'immediately'): Promise<void> {
    const { secret = '' } = await this.ai.webhooks.rotateSigningSecret(this.#webhookId, {
      revocation_behavior: `revoke_previous_secrets_${revokes}`,
    });
    this.#keep(revokes === 'immediately' ? [secret] : [secret, ...this.#secrets].slice(0, 5));
  }

  async restartFirestore(): Promise<void> {
    await this.backends.firestore.restart(this.project.projectId);
  }

  async restartPubsub(): Promise<void> {
    await this.backends.pubsub.restart(this.project, this.fleets.results);
  }

  async close(): Promise<void> {
    this.#faultsEnd.abort();
    await Promise.all(Object.values(this.fleets).map(async (fleet) => await fleet.close()));
    await Promise.all([this.firestore.refuse(), this.pubsub.refuse(), this.simulator.close(), this.project.close()]);
    await Promise.all([this.backends.firestore.stop(), this.backends.pubsub.stop()]);
    rmSync(this.#folder, { recursive: true });
  }

  async #start(): Promise<void> {
    const uri = this.fleets.callback.url;
    const webhook = await this.ai.webhooks.create({ name: 'proof', uri, subscribed_events: TYPES });
    this.#webhookId = webhook.id ?? '';
    this.#keep([webhook.new_signing_secret ?? '']);
    await this.project.push(PUSHED, this.fleets.results.url);
    await Promise.all(Object.values(this.fleets).map(async (fleet) => await fleet.start(this.env)));
  }

  #keep(secrets: readonly string[]): void {
    this.#secrets = secrets;
    writeFileSync(join(this.#folder, 'secrets'), secrets.join('\n'));
  }
}

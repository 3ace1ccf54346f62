import { randomBytes } from 'node:crypto';
import { Batches } from './jobs/batches.ts';
import { Clock } from './clock.ts';
import type { ClockOptions } from './clock.ts';
import { Deliveries } from './webhooks/deliveries.ts';
import { Files } from './files/files.ts';
import { Interactions } from './jobs/interactions.ts';
import { Jobs } from './jobs/jobs.ts';
import { Keys } from './webhooks/keys.ts';
import { Ledger } from './ledger.ts';
import { Random } from './random.ts';
import { Settings } from './settings.ts';
import type { SettingsPatch } from './settings.ts';
import { Uploads } from './files/uploads.ts';
import { Videos } from './jobs/videos.ts';
import { Webhooks } from './webhooks/webhooks.ts';

export interface CoreOptions {
  /** The same seed and the same calls in the same order make the same ids, secrets, keys, answers and faults. Default: random. */
  readonly seed?: string | undefined;
  readonly clock?: ClockOptions;
  readonly settings?: SettingsPatch;
}

/** The API without HTTP. */
export interface Core {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: Settings;
  readonly ledger: Ledger;
  readonly keys: Keys;
  readonly webhooks: Webhooks;
  readonly deliveries: Deliveries;
  readonly jobs: Jobs;
  readonly files: Files;
  readonly uploads: Uploads;
  readonly batches: Batches;
  readonly interactions: Interactions;
  readonly videos: Videos;
  /** Aborted when the simulator closes. */
  readonly closing: AbortController;
}

export function createCore(options: CoreOptions = {}): Core {
  const clock = new Clock(options.clock);
  const random = new Random(options.seed ?? randomBytes(6).toString('hex'));
  const settings = new Settings(options.settings);
  const ledger = new Ledger(clock);
  const keys = new Keys(random, settings);
  const base = { clock, random, settings };
  const webhooks = new Webhooks(base);
  const deliveries = new Deliveries({ ...base, ledger, keys, webhooks });
  const jobs = new Jobs({ ...base, ledger, emit: deliveries.emit });
  const files = new Files(base);
  const jobServices = { ...base, jobs, files };
  return {
    ...jobServices,
    ledger,
    keys,
    webhooks,
    deliveries,
    uploads: new Uploads(random, files),
    batches: new Batches(jobServices),
    interactions: new Interactions(jobServices),
    videos: new Videos(jobServices),
    closing: new AbortController(),
  };
}

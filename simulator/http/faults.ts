import { setTimeout as sleep } from 'node:timers/promises';
import type { Core } from '../core.ts';
import type { ApiFault } from '../settings.ts';

/** Chooses the faults of API requests. */
export class ApiFaults {
  readonly #core: Core;
  readonly #hits = new WeakMap<ApiFault, number>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** The first fault that applies to this request, counted as a hit. */
  next(method: string, isRanged: boolean): ApiFault | undefined {
    const { random, settings } = this.#core;
    const label = random.next(`request/${method}`);
    const fault = settings
      .get()
      .api.faults.find(
        (one, index) => this.#applies(one, method, isRanged) && random.chance(`${label}/${index}`, one.rate),
      );
    if (fault !== undefined) this.#hits.set(fault, (this.#hits.get(fault) ?? 0) + 1);
    return fault;
  }

  /** Waits by the wall clock, or until the simulator closes. */
  async slowDown(millis: number): Promise<void> {
    const { signal } = this.#core.closing;
    if (millis > 0) await sleep(millis, undefined, { signal }).catch(() => undefined);
  }

  #applies(fault: ApiFault, method: string, isRanged: boolean): boolean {
    return (
      matches(fault.method, method) &&
      (isRanged || !fault.ranged) &&
      (this.#hits.get(fault) ?? 0) < (fault.times ?? Infinity)
    );
  }
}

function matches(pattern: string, method: string): boolean {
  return pattern === method || (pattern.endsWith('*') && method.startsWith(pattern.slice(0, -1)));
}

import type { Clock } from './clock.ts';
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';

/** The services that every part of the simulator uses. */
export interface Base {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: Settings;
}

import { describe, expect, test } from 'vitest';
import { DEFAULT_SETTINGS, Settings } from '../../../simulator/settings.ts';

describe('settings', () => {
  test('a patch changes the named settings and keeps the rest', () => {
    const settings = new Settings({ jobs: { pendingMillis: 7 } });
    settings.patch({ faults: { duplicate: 0.5 } });
    expect(settings.get()).toEqual({
      ...DEFAULT_SETTINGS,
      jobs: { ...DEFAULT_SETTINGS.jobs, pendingMillis: 7 },
      faults: { ...DEFAULT_SETTINGS.faults, duplicate: 0.5 },
    });
  });

  test.each([
    ['a rate above 1', { faults: { stale: 1.5 } }, 'stale'],
    ['a negative time', { jobs: { pendingMillis: -1 } }, 'pendingMillis'],
    ['an empty schedule', { deliveries: { retryDelaysMillis: [] } }, 'retryDelaysMillis'],
  ])('%s is refused by name and changes nothing', (_, patch, name) => {
    const settings = new Settings();
    expect(() => settings.patch(patch)).toThrow(name);
    expect(settings.get()).toEqual(DEFAULT_SETTINGS);
  });

  test('an unknown name is refused', () => {
    const settings = new Settings();
    expect(() => settings.patch(JSON.parse('{"jobs":{"pendngMillis":1}}') as object)).toThrow('pendngMillis');
  });
});

import { describe, expect, test } from 'vitest';
import { DEFAULT_SETTINGS, Settings, settingsFromEnvironment } from './settings.ts';

describe('settings', () => {
  test('a patch changes what it names and keeps the rest', () => {
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

describe('the environment', () => {
  test('sets any setting, as JSON or as text', () => {
    const environment = {
      HOME: '/home/me',
      SIMULATOR_JOBS_RUNNING_MILLIS: 'null',
      SIMULATOR_DELIVERIES_SCHEME: 'EdDSA',
      SIMULATOR_DELIVERIES_RETRY_DELAYS_MILLIS: '[0,100]',
      SIMULATOR_JWKS_KEY_IDS: 'false',
    };
    expect(settingsFromEnvironment(environment)).toEqual({
      jobs: { runningMillis: null },
      deliveries: { scheme: 'EdDSA', retryDelaysMillis: [0, 100] },
      jwks: { keyIds: false },
    });
  });

  test('names all unknown variables at once', () => {
    const environment = { SIMULATOR_JOBS_SPEED: '1', SIMULATOR_FOO: '2' };
    expect(() => settingsFromEnvironment(environment)).toThrow('SIMULATOR_JOBS_SPEED, SIMULATOR_FOO');
  });

  test('refuses a bad value', () => {
    expect(() => settingsFromEnvironment({ SIMULATOR_FAULTS_DROP: 'often' })).toThrow('drop');
  });
});

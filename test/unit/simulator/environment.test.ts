import { describe, expect, test } from 'vitest';
import { optionsFromEnvironment } from '../../../simulator/environment.ts';

describe('the environment', () => {
  test('is optional', () => {
    const defaults = {
      port: 8_787,
      host: '127.0.0.1',
      seed: undefined,
      clock: { manual: false, startMillis: undefined },
      settings: {},
    };
    expect(optionsFromEnvironment({ HOME: '/home/me' })).toEqual(defaults);
    const empty = { PORT: '', HOST: '', SEED: '', CLOCK: '', CLOCK_START: '', SIMULATOR_FAULTS_DROP: '' };
    expect(optionsFromEnvironment(empty)).toEqual(defaults);
  });

  test('sets the address and what repeats a run', () => {
    const environment = {
      PORT: '0',
      HOST: '::1',
      SEED: 'mine',
      CLOCK: 'manual',
      CLOCK_START: '2026-05-28T22:26:40+02:00',
    };
    expect(optionsFromEnvironment(environment)).toMatchObject({
      port: 0,
      host: '::1',
      seed: 'mine',
      clock: { manual: true, startMillis: 1_780_000_000_000 },
    });
  });

  test('sets any setting, as JSON or as text', () => {
    const environment = {
      SIMULATOR_JOBS_RUNNING_MILLIS: 'null',
      SIMULATOR_DELIVERIES_SCHEME: 'EdDSA',
      SIMULATOR_DELIVERIES_AUDIENCE: '123456789012',
      SIMULATOR_DELIVERIES_RETRY_DELAYS_MILLIS: '[0,100]',
      SIMULATOR_JWKS_KEY_IDS: 'false',
      SIMULATOR_API_KEY: '0x10',
    };
    expect(optionsFromEnvironment(environment).settings).toEqual({
      jobs: { runningMillis: null },
      deliveries: { scheme: 'EdDSA', audience: '123456789012', retryDelaysMillis: [0, 100] },
      jwks: { keyIds: false },
      api: { key: '0x10' },
    });
  });

  test('is refused with the name of every bad variable', () => {
    const environment = {
      PORT: '80 80',
      CLOCK: 'manuel',
      CLOCK_START: 'yesterday',
      SIMULATOR_FAULTS_DROP: '1.5',
      SIMULATOR_JOBS_SPEED: '1',
      SIMULATOR_FOO: '2',
    };
    const refusal = [
      'PORT: must be a number',
      "CLOCK: must be 'running' or 'manual'",
      'CLOCK_START: must be a time like 2026-05-28T20:26:40Z',
      'SIMULATOR_FAULTS_DROP: Too big: expected number to be <=1',
      'there is no setting SIMULATOR_JOBS_SPEED, SIMULATOR_FOO',
    ];
    expect(() => optionsFromEnvironment(environment)).toThrow(refusal.join('; '));
    expect(() => optionsFromEnvironment({ PORT: '65536' })).toThrow('PORT: must be at most 65535');
  });
});

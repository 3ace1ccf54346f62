import { expect, test } from 'vitest';
import { readCallbackConfig } from '../../../../functions/callback/config.ts';
import { readReconcileConfig } from '../../../../functions/reconcile/config.ts';
import { readResultsConfig } from '../../../../functions/results/config.ts';
import { readSubmitConfig } from '../../../../functions/submit/config.ts';

const GOOD = {
  GOOGLE_CLOUD_PROJECT: 'demo',
  GEMINI_API_KEY: 'any-key',
  DYNAMIC_ROUTE_KEY: 'r'.repeat(32),
  CALLBACK_URL: 'https://hooks.example.test/',
};

const BAD = {
  GOOGLE_CLOUD_PROJECT: 'zz/project',
  FIRESTORE_DATABASE: 'zz_database',
  EVENTS_TOPIC: 'zz/events',
  RESULTS_TOPIC: 'zz/results',
  DEAD_LETTER_TOPIC: 'zz/dead',
  FIRESTORE_EMULATOR_HOST: 'zz host:1',
  PUBSUB_EMULATOR_HOST: 'http://zz:1',
  STORAGE_EMULATOR_HOST: 'zz storage',
};

const READERS = { readCallbackConfig, readResultsConfig, readReconcileConfig, readSubmitConfig };

test.each(Object.entries(READERS))('%s names each setting of the project that is bad, and no value', (_name, read) => {
  expect(read(GOOD).topics).toEqual({
    events: 'gemini-events',
    results: 'gemini-results',
    deadLetter: 'gemini-dead-letter',
  });
  for (const [name, value] of Object.entries(BAD)) {
    const environment = { ...GOOD, [name]: value };
    expect(() => read(environment)).toThrow(`- ${name} must be`);
    expect(() => read(environment)).not.toThrow(value);
  }
  for (const host of ['127.0.0.1:8080', 'localhost:1', '[::1]:8080', 'emulators.internal:65535']) {
    expect(() =>
      read({ ...GOOD, FIRESTORE_EMULATOR_HOST: host, STORAGE_EMULATOR_HOST: `http://${host}` }),
    ).not.toThrow();
  }
});

import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../../functions/config/configError.ts';
import { Log } from '../../../../functions/observability/log.ts';
import { redactSecret } from '../../../../functions/observability/redaction.ts';
import { ServiceError } from '../../../../functions/runtime/serviceError.ts';
import { alertConditions, isAlerted, labelsOf, metrics } from '../../../support/logFilter.ts';

type Line = Readonly<Record<string, unknown>>;

function linesOf(write: (log: Log) => void): readonly Line[] {
  const lines: Line[] = [];
  write(new Log('demo', (line) => lines.push(JSON.parse(line) as Line)));
  return lines;
}

function lineOf(write: (log: Log) => void): Line {
  const [line, ...more] = linesOf(write);
  expect(more).toEqual([]);
  if (line === undefined) throw new Error('Nothing was logged.');
  return line;
}

/** Fields of a record that a caller passes on although they are no part of the entry. */
const STRAY = { event: 'batch.succeeded', severity: 'DEBUG', message: 'stray', leaseOwner: 'x' };
const delivery = { webhookId: 'msg_1', scheme: 'v1', ...STRAY };
const results = { jobId: 'batches/a', eventType: 'batch.succeeded', ...STRAY };
const progress = { published: 0, failed: 0, position: 7, ...STRAY };
const error = { code: 'NOT_FOUND', message: 'The file is missing.' };
const storeError = () =>
  new ServiceError('STORE_UNAVAILABLE', 'Firestore is unreachable.', { cause: new Error('cause') });
const counts = { republished: 0, recovered: 0, overdue: 0, resumed: 0, errors: 0 };

/** The entry that each metric counts, as the function writes it. */
const COUNTED: Readonly<Record<string, { readonly service: string; readonly write: (log: Log) => void }>> = {
  accepted: { service: 'gemini-callback', write: (log) => log.deliveryAccepted('published', delivery, 1) },
  failed: { service: 'gemini-callback', write: (log) => log.deliveryFailed(storeError(), delivery, 1) },
  refused: {
    service: 'gemini-callback',
    write: (log) => log.deliveryRefused(new ServiceError('SIGNATURE_INVALID', 'No entry matches.'), delivery, 1),
  },
  misconfigured: { service: 'submit-job', write: (log) => log.configInvalid(new ConfigError(['X is missing'])) },
  reconciled: { service: 'reconcile-jobs', write: (log) => log.reconciled({ ...counts, ...STRAY }) },
  recovered: { service: 'reconcile-jobs', write: (log) => log.deliveryRecovered('published', delivery) },
  stuck: { service: 'reconcile-jobs', write: (log) => log.deliveriesStuck(['msg_1'], 5) },
  'webhook-disabled': { service: 'reconcile-jobs', write: (log) => log.webhookDisabled('w', 'https://h.test', false) },
  'results-failed': { service: 'fetch-results', write: (log) => log.resultsFailed(results, progress, error) },
  'results-interrupted': {
    service: 'fetch-results',
    write: (log) => log.resultsInterrupted(results, progress, error, storeError()),
  },
  'results-stalled': { service: 'reconcile-jobs', write: (log) => log.resultsStalled(['batches/a'], 60) },
};

/** Labels without which an alert's condition does not hold. */
const ALERTED: Readonly<Record<string, Line>> = {
  'deliveries-too-old': { reason: 'TIMESTAMP_OUT_OF_TOLERANCE' },
};

describe('metrics and alerts read the lines that the functions write', () => {
  test('every metric has an entry in this test', () => {
    expect(Object.keys(COUNTED).toSorted()).toEqual(
      metrics()
        .map(({ name }) => name)
        .toSorted(),
    );
  });

  test.each(metrics().map((metric) => [metric.name, metric] as const))(
    'the metric %s counts its entry and no other, with all its labels',
    (name, metric) => {
      const counting = Object.entries(COUNTED).filter(([, { service, write }]) =>
        labelsOf(metric, service, lineOf(write)),
      );
      expect(counting.map(([counted]) => counted)).toEqual([name]);
      const { service, write } = COUNTED[name] ?? { service: '', write: () => {} };
      for (const label of Object.values(labelsOf(metric, service, lineOf(write)) ?? {})) expect(label).toMatch(/^\S+$/);
    },
  );

  test.each(alertConditions().map((condition) => [condition.alert, condition] as const))(
    'the alert %s reads its metric',
    (alert, condition) => {
      const metric = metrics().find(({ name }) => name === condition.metric);
      const { service, write } = COUNTED[condition.metric] ?? {};
      if (metric === undefined || service === undefined || write === undefined)
        throw new Error('There is no such metric.');
      const labels = labelsOf(metric, service, lineOf(write)) ?? {};
      expect(isAlerted(condition, { ...labels, ...ALERTED[alert] })).toBe(true);
      expect(isAlerted(condition, labels)).toBe(ALERTED[alert] === undefined);
    },
  );

  test('contention raises no alert', () => {
    const busy = new ServiceError('DELIVERY_IN_PROGRESS', 'Another request is in progress.');
    const line = lineOf((log) => log.deliveryFailed(busy, delivery, 1));
    expect(line['severity']).toBe('INFO');
    const failed = metrics().find(({ name }) => name === 'failed');
    const labels = failed && labelsOf(failed, 'gemini-callback', line);
    for (const condition of alertConditions().filter(({ metric }) => metric === 'failed')) {
      expect(isAlerted(condition, labels ?? {})).toBe(false);
    }
  });
});

test('no field of a caller replaces a reserved one, or adds one', () => {
  for (const { write } of Object.values(COUNTED)) {
    const line = lineOf(write);
    expect(line['event']).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(line['severity']).not.toBe('DEBUG');
    expect(line['message']).not.toBe('stray');
    expect(line).not.toHaveProperty('leaseOwner');
  }
});

describe('a failed request', () => {
  test('that was not expected has the stack of its cause', () => {
    const failure = ServiceError.of(new TypeError('x is not a function'));
    const line = lineOf((log) => log.requestFailed(failure));
    expect(line).toMatchObject({
      severity: 'ERROR',
      event: 'request_failed',
      reason: 'INTERNAL',
      cause: { name: 'TypeError', message: 'x is not a function' },
      stack_trace: expect.stringContaining('log.test.ts'),
    });
  });

  test('that was expected has the cause and no stack', () => {
    const line = lineOf((log) => log.requestFailed(storeError()));
    expect(line).toMatchObject({ reason: 'STORE_UNAVAILABLE', cause: { name: 'Error', message: 'cause' } });
    expect(line).not.toHaveProperty('stack_trace');
  });

  test('has one entry: results_interrupted explains more', () => {
    const thrown = new ServiceError('GEMINI_UNAVAILABLE', 'Gemini is overloaded.');
    const lines = linesOf((log) => {
      log.resultsInterrupted(results, progress, error, thrown);
      log.requestFailed(thrown);
    });
    expect(lines.map(({ event }) => event)).toEqual(['results_interrupted']);
  });
});

describe('nothing confidential is logged', () => {
  test('messages that can quote a payload are left out', () => {
    const quoting = [parseError('{"secret": payload-canary}'), Object.assign(new Error('payload-canary'), { code: 3 })];
    for (const cause of quoting) {
      const line = lineOf((log) => log.requestFailed(ServiceError.of(cause)));
      expect(JSON.stringify(line)).not.toContain('payload-canary');
      expect(line).toMatchObject({ cause: { name: cause.name }, stack_trace: expect.stringContaining('    at ') });
    }
  });

  test('a known secret is replaced in any text, also in a long line', () => {
    redactSecret('key-of-a-test-4711');
    for (const padding of ['', 'x'.repeat(5_000)]) {
      const failure = new ServiceError('GEMINI_UNAVAILABLE', `${padding.slice(0, 9)} key-of-a-test-4711 ${padding}`);
      const line = lineOf((log) => log.requestFailed(failure));
      expect(JSON.stringify(line)).not.toContain('key-of-a-test-4711');
      expect(line['message']).toContain('[hidden]');
      expect(String(line['message']).length).toBeLessThan(4_100);
    }
  });
});

test('an entry of a traced request names its trace', () => {
  const headers = { 'x-cloud-trace-context': '0af7651916cd43dd8448eb211c80319c/123;o=1' };
  expect(lineOf((log) => log.traced(headers).stopping('SIGTERM'))).toMatchObject({
    'logging.googleapis.com/trace': 'projects/demo/traces/0af7651916cd43dd8448eb211c80319c',
    'logging.googleapis.com/spanId': '123',
  });
});

function parseError(text: string): Error {
  try {
    JSON.parse(text);
  } catch (cause) {
    return cause as Error;
  }
  throw new Error('The text is JSON.');
}

import { expect, test } from 'vitest';
import { ServiceError } from '../../../../functions/runtime/serviceError.ts';

test('an error is written in Google’s error model', () => {
  const violations = [{ field: 'route', description: 'must be given' }];
  const error = new ServiceError('INVALID_ARGUMENT', 'The submission is not valid.', { violations });
  expect(error.toJSON()).toEqual({
    error: {
      code: 400,
      status: 'INVALID_ARGUMENT',
      message: 'The submission is not valid.',
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: 'INVALID_ARGUMENT',
          domain: 'gemini-callbacks',
        },
        { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: violations },
      ],
    },
  });
});

test('a reason decides the status and the headers; Retry-After can be set', () => {
  expect(new ServiceError('METHOD_NOT_ALLOWED', 'x').headers).toEqual({ allow: 'POST' });
  expect(new ServiceError('SIGNATURE_INVALID', 'x').headers).toEqual({});
  expect(new ServiceError('STORE_UNAVAILABLE', 'x').headers).toEqual({ 'retry-after': '5' });
  expect(new ServiceError('RATE_LIMITED', 'x', { retryAfterSeconds: 7 }).headers).toEqual({ 'retry-after': '7' });
});

test('an unexpected error becomes INTERNAL, is its cause and is not part of the response', () => {
  const cause = new TypeError('secret detail');
  const error = ServiceError.of(cause);
  expect(error).toMatchObject({ reason: 'INTERNAL', cause, kind: { http: 500 } });
  expect(JSON.stringify(error)).not.toContain('secret detail');
  expect(ServiceError.of(error)).toBe(error);
});

test('an error has the stack of the place that created it', () => {
  expect(new ServiceError('INTERNAL', 'x').stack).toContain('serviceError.test.ts');
});

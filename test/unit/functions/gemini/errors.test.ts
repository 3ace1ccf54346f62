import { describe, expect, test } from 'vitest';
import { fromResponse, GeminiError, toGeminiError } from '../../../../functions/gemini/errors.ts';

const answer = (code: number, message: string, { reason, status }: { reason?: string; status?: string } = {}) =>
  fromResponse(
    code,
    JSON.stringify({ error: { code, message, status, details: reason === undefined ? [] : [{ reason }] } }),
  );

describe('a refusal of the caller, its project or the moment is deferred, with advice', () => {
  test.for([
    [400, 'API key not valid. Please pass a valid API key.', { reason: 'API_KEY_INVALID' }, /GEMINI_API_KEY/],
    [400, 'API key not valid. Please pass a valid API key.', {}, /GEMINI_API_KEY/],
    [400, 'API key expired. Please renew the API key.', {}, /GEMINI_API_KEY/],
    [401, 'Request had invalid authentication credentials.', {}, /GEMINI_API_KEY/],
    [403, "Method doesn't allow unregistered callers. Please use API Key.", {}, /GEMINI_API_KEY/],
    [403, 'Your API key was reported as leaked. Please use another API key.', {}, /GEMINI_API_KEY/],
    [403, 'Requests from this address are blocked.', { reason: 'API_KEY_IP_ADDRESS_BLOCKED' }, /GEMINI_API_KEY/],
    [403, 'Permission denied: Consumer has been suspended.', { reason: 'CONSUMER_SUSPENDED' }, /project/],
    [403, 'The API is disabled.', { reason: 'SERVICE_DISABLED' }, /Enable generativelanguage/],
    [403, 'Generative Language API has not been used in project 1 before.', {}, /Enable generativelanguage/],
    [403, 'Billing is off.', { reason: 'BILLING_DISABLED' }, /billing/],
    [400, 'User location is not supported for the API use.', { status: 'FAILED_PRECONDITION' }, /region/],
    [404, 'Not visible.', { reason: 'SERVICE_NOT_VISIBLE' }, /Enable generativelanguage/],
  ] as const)('%i "%s" %o', ([code, message, details, advice]) => {
    const error = answer(code, message, details);
    expect(error).toMatchObject({ disposition: 'defer', isFinal: false, isTransient: false });
    expect(error.advice).toMatch(advice);
  });
});

test.for([
  [400, 'Invalid value at api_key_source'],
  [403, 'The API key does not have permission for this batch'],
  [403, 'You do not have permission to access the File x or it may not exist.'],
  [404, 'No batch of this API key'],
  [404, 'Gone', { reason: 'RESOURCE_WITHOUT_A_ROW', status: 'NOT_FOUND' }],
  [410, 'Gone'],
] as const)('%i "%s" is about the job or its file, and final', ([code, message, details]) => {
  expect(answer(code, message, details)).toMatchObject({ disposition: 'final', isFinal: true, isTransient: false });
});

test.for([408, 429, 500, 501, 503, 504])('%i is retried, for any message', (code) => {
  for (const message of ['API key not valid', 'Check your plan and billing details.'])
    expect(answer(code, message)).toMatchObject({ disposition: 'retry', isTransient: true });
});

test.for([
  [400, { status: 'FAILED_PRECONDITION' }],
  [400, { status: 'A_NEW_STATUS' }],
  [400, { status: 'INVALID_ARGUMENT', reason: 'A_NEW_REASON' }],
  [402, {}],
  [403, { status: 'PERMISSION_DENIED', reason: 'A_NEW_REASON' }],
  [409, { status: 'ABORTED' }],
  [418, {}],
  [451, {}],
] as const)('%i %o is unknown, and so not final', ([code, details]) => {
  expect(answer(code, 'Something new.', details)).toMatchObject({ disposition: 'defer' });
});

test.for([400, 403, 404])('%i without Google’s error model is not Gemini’s word about a job', (code) => {
  expect(fromResponse(code, '<html>Not here</html>')).toMatchObject({ disposition: 'defer', status: 'UNKNOWN' });
});

test('without an answer the request is retried', () => {
  const error = toGeminiError(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }));
  expect(error).toMatchObject({ disposition: 'retry', status: 'UNAVAILABLE', message: 'connect ECONNREFUSED' });
});

test('the code is the reason where there is one', () => {
  expect(answer(403, 'Off.', { reason: 'SERVICE_DISABLED', status: 'PERMISSION_DENIED' }).code).toBe(
    'SERVICE_DISABLED',
  );
  expect(answer(400, 'Off.', { status: 'FAILED_PRECONDITION' }).code).toBe('FAILED_PRECONDITION');
  expect(GeminiError.final('NO_OUTPUT', 'None.')).toMatchObject({ code: 'NO_OUTPUT', isFinal: true });
});

import { expect, test } from 'vitest';
import { fromAnswer } from '../../../../functions/gemini/errors.ts';

const answer = (code: number, message: string, reason?: string) =>
  fromAnswer(code, JSON.stringify({ error: { code, message, details: reason === undefined ? [] : [{ reason }] } }));

test.for([
  [400, 'API key not valid. Please pass a valid API key.', 'API_KEY_INVALID'],
  [400, 'API key not valid. Please pass a valid API key.'],
  [400, 'API key expired. Please renew the API key.'],
  [401, 'Request had invalid authentication credentials.'],
  [403, "Method doesn't allow unregistered callers (callers without established identity). Please use API Key."],
  [403, 'Your API key was reported as leaked. Please use another API key.'],
  [403, 'Requests from this address are blocked.', 'API_KEY_IP_ADDRESS_BLOCKED'],
  [403, 'Permission denied: Consumer has been suspended.', 'CONSUMER_SUSPENDED'],
] as const)('%i "%s" refuses the key, and says nothing of what was asked for', ([code, message, reason]) => {
  expect(answer(code, message, reason)).toMatchObject({ isKeyRefused: true, isRefusal: false, isTransient: false });
});

test.for([
  [400, 'Invalid value at api_key_source'],
  [403, 'The API key does not have permission for this batch'],
  [403, 'You do not have permission to access the File x or it may not exist.'],
  [404, 'No batch of this API key'],
] as const)('%i "%s" refuses what was asked for', ([code, message]) => {
  expect(answer(code, message)).toMatchObject({ isKeyRefused: false, isRefusal: true, isTransient: false });
});

test.for([408, 429, 500, 503])('%i refuses nothing, whatever it says', (code) => {
  const message = 'API key not valid';
  expect(answer(code, message)).toMatchObject({ isKeyRefused: false, isRefusal: false, isTransient: true });
});

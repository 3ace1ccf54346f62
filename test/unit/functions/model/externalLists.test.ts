import { expect, test } from 'vitest';
import { Webhooks } from '../../../../cli/webhooks/administration.ts';
import { connectGemini } from '../../../../functions/gemini/client.ts';
import { type ClaimedSubmission, Starter } from '../../../../functions/submit/starter.ts';
import { sendJson, serveHttpInTest } from '../../../support/server.ts';
import { objectsIn } from '../../../../functions/model/json.ts';

const ODD = [null, 7, 'text', [], true];

async function geminiThatAnswers(document: object) {
  const { url } = await serveHttpInTest((_request, response) => sendJson(response, 200, document));
  return connectGemini({ apiKeys: { fixed: ['a-key'], isValid: () => true }, baseUrl: new URL(url), apiVersion: 'v1' });
}

test('the objects of a list are read, and elements of other types skipped', () => {
  expect(objectsIn([...ODD, { id: 1 }])).toEqual([{ id: 1 }]);
  for (const other of [...ODD, {}, undefined]) expect(objectsIn(other)).toEqual([]);
});

test('elements of a wrong type are skipped in the list of webhooks, of their secrets and of their events', async () => {
  const webhook = { id: 'w1', uri: 'https://a.example', name: 7, state: null };
  const secret = { truncated_secret: 'whsec_...abcd', expire_time: 5 };
  const odd = { ...webhook, signing_secrets: [...ODD, secret], subscribed_events: [...ODD, 'batch.succeeded'] };
  const ai = await geminiThatAnswers({ webhooks: [...ODD, odd, { id: 8, signing_secrets: 'none' }] });
  expect(await new Webhooks(ai, 'v1').list()).toEqual([
    {
      id: 'w1',
      uri: 'https://a.example',
      signing_secrets: [{ truncated_secret: 'whsec_...abcd' }],
      subscribed_events: ['text', 'batch.succeeded'],
    },
    { id: '', uri: '', signing_secrets: [], subscribed_events: [] },
  ]);
});

test('elements of a wrong type are skipped in the list of batches', async () => {
  const job = { name: 'batches/a', metadata: { displayName: 'job (abc)' } };
  const nameless = { name: 7, metadata: { displayName: 'job (def)' } };
  const ai = await geminiThatAnswers({ operations: [...ODD, { metadata: { displayName: 8 } }, nameless, job] });
  const starter = new Starter({ ai, watched: () => ai });
  const find = async (submissionId: string) =>
    await starter.find({ submission: { kind: 'batch' }, claim: { submissionId } } as ClaimedSubmission, 86_400_000);
  expect(await find('abc')).toBe('batches/a');
  expect(await find('def'), 'a job without a name may have started').toBe('unknown');
  expect(await find('ghi')).toBe(undefined);
});

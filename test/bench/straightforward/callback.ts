import { Firestore } from '@google-cloud/firestore';
import { http } from '@google-cloud/functions-framework';
import { PubSub } from '@google-cloud/pubsub';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Webhook } from 'standardwebhooks';

/** `geminiCallback` as a good developer writes it from the documentation, for comparison. */

interface Event {
  readonly type: string;
  readonly data: { readonly id: string };
}

const firestore = new Firestore();
const topic = new PubSub().topic('gemini-events');
const webhook = new Webhook(process.env['WEBHOOK_SIGNING_SECRET'] ?? '');
const jwks = createRemoteJWKSet(new URL('https://generativelanguage.googleapis.com/.well-known/jwks.json'));

http('geminiCallback', async (request, response) => {
  const id = request.get('webhook-id') ?? '';
  let event: Event;
  try {
    const signature = request.get('webhook-signature') ?? '';
    event = signature.startsWith('v1,')
      ? (webhook.verify(request.rawBody ?? '', request.headers as Record<string, string>) as Event)
      : ((await jwtVerify(signature, jwks, { audience: process.env['WEBHOOK_AUDIENCE'] ?? '' }))
          .payload as unknown as Event);
  } catch (error) {
    console.log(JSON.stringify({ severity: 'WARNING', message: String(error), id }));
    response.status(401).json({ error: 'The signature does not match.' });
    return;
  }
  const delivery = firestore.doc(`deliveries/${id}`);
  const job = firestore.doc(`jobs/${event.data.id.replaceAll('/', '~')}`);
  const isNew = await firestore.runTransaction(async (transaction) => {
    if ((await transaction.get(delivery)).exists) return false;
    const known = await transaction.get(job);
    transaction.set(delivery, { event, state: 'pending', receivedAt: new Date() });
    transaction.set(job, { ...known.data(), jobId: event.data.id, state: event.type, updatedAt: new Date() });
    return true;
  });
  if (isNew) {
    const attributes = { 'ce-id': id, 'ce-type': event.type };
    const messageId = await topic.publishMessage({ data: request.rawBody ?? Buffer.alloc(0), attributes });
    await delivery.update({ state: 'published', messageId });
  }
  console.log(JSON.stringify({ severity: 'INFO', message: 'Delivered', id, isNew }));
  response.json({ status: isNew ? 'published' : 'duplicate', webhookId: id });
});

import { Firestore } from '@google-cloud/firestore';
import { type Message, PubSub } from '@google-cloud/pubsub';

const firestore = new Firestore();
const ALREADY_EXISTS = 6;
/** Part of Firestore's 1 MiB per document. */
const MAX_BYTES = 1_000_000;

/** Stores a result once: a second message with the same `ce-id` finds its document. Other messages are ignored. */
async function store({ attributes, data }: Message): Promise<void> {
  const { 'ce-id': id, 'ce-type': type } = attributes;
  if (id === undefined || type !== 'job.result') return;
  if (data.length > MAX_BYTES) throw new RangeError('The result is too large for a Firestore document.');
  const document = firestore.doc(`answers/${id.replaceAll('/', '~')}`);
  const { result_index: index = null, result_key: key = null } = attributes;
  try {
    // The JSON is stored as bytes, because Firestore refuses arrays in arrays and more than 20 levels.
    await document.create({ index, key, data });
    console.log(`stored ${id}`);
  } catch (error) {
    if ((error as { code?: unknown }).code !== ALREADY_EXISTS) throw error;
  }
}

const name = process.env['SUBSCRIPTION'] ?? 'answers';
const subscription = new PubSub().subscription(name);

subscription.on('message', (message: Message) => {
  store(message).then(
    () => message.ack(),
    (error: unknown) => {
      console.error(`${message.id}: ${error instanceof Error ? error.message : String(error)}`);
      message.nack();
    },
  );
});
subscription.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});

import { stringify } from 'yaml';
import { VARIABLES } from '../functions/config/variables.ts';
import { MESSAGE_SCHEMAS, RESULT_MESSAGES } from './messages.ts';

const ATTRIBUTES = { $ref: './messages/attributes.schema.json' };

/** The three topics as an AsyncAPI 3 document that refers to the JSON Schemas beside it. */
export function asyncApiDocument(version: string): string {
  const messages = {
    event: message('event'),
    ...Object.fromEntries(Object.keys(RESULT_MESSAGES).map((type) => [type.replaceAll('.', '_'), message(type)])),
    deadLetter: {
      name: 'deadLetter',
      title: 'Dead letter',
      summary: 'A delivery or message that could not be handled; the data as it came.',
      headers: ATTRIBUTES,
    },
  };
  const results = Object.keys(RESULT_MESSAGES).map((type) => type.replaceAll('.', '_'));
  return stringify(
    {
      asyncapi: '3.0.0',
      info: {
        title: 'gemini-callbacks',
        version,
        description:
          'Events and results of Gemini API jobs on Google Cloud Pub/Sub. Delivered at least once: drop repeats by `ce-id`.',
        license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      },
      defaultContentType: 'application/json',
      channels: {
        events: channel(VARIABLES.EVENTS_TOPIC.fallback, 'One message per webhook-id, ordered by job.', ['event']),
        results: channel(VARIABLES.RESULTS_TOPIC.fallback, 'The results of jobs, ordered by job.', results),
        deadLetter: channel(VARIABLES.DEAD_LETTER_TOPIC.fallback, 'What could not be handled.', ['deadLetter']),
      },
      operations: {
        publishEvents: sends('events'),
        publishResults: sends('results'),
        publishDeadLetters: sends('deadLetter'),
      },
      components: { messages },
    },
    { lineWidth: 120, aliasDuplicateObjects: false },
  );
}

function message(type: string): object {
  const { title, description } = MESSAGE_SCHEMAS[type as keyof typeof MESSAGE_SCHEMAS].meta() ?? {};
  return {
    name: type,
    title,
    summary: description,
    headers: ATTRIBUTES,
    payload: { $ref: `./messages/${type}.schema.json` },
  };
}

function channel(address: string, description: string, names: readonly string[]): object {
  const messages = Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]));
  return { address, description, messages };
}

function sends(name: string): object {
  return { action: 'send', channel: { $ref: `#/channels/${name}` } };
}

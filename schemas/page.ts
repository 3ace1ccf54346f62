import { z } from 'zod';
import { MESSAGE_SCHEMAS } from './messages.ts';
import { RECORD_SCHEMAS } from './records.ts';

interface JsonSchema {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

const HEAD = `# Messages and records

For developers who read the topics or the database. Generated from \`schemas/\` by \`npm run generate\`; the same content is available as JSON Schema (\`schemas/messages/\`, \`schemas/records/\`) and AsyncAPI (\`schemas/asyncapi.yaml\`).

| topic | one message for | data |
| --- | --- | --- |
| \`gemini-events\` | each webhook-id | [Event](#event), byte for byte as Gemini sent it |
| \`gemini-results\` | each result; each job when its results are complete, failed or wait for function results | by \`ce-type\`: [job.result](#jobresult), [job.action_required](#jobaction_required), [job.results.completed](#jobresultscompleted), [job.results.failed](#jobresultsfailed) |
| \`gemini-dead-letter\` | each delivery or message that could not be handled | as it came |

Delivery is at least once. Drop repeats by \`ce-id\`: it is the webhook-id for an event, \`<job name>/<index>\` for a result, and \`<job name>/<ce-type>\` for the other messages. The ordering key is the job's name.
In TypeScript, \`parse()\` from \`gemini-callbacks/messages\` validates a message and narrows it by \`ce-type\`.
`;

/** Returns `docs/messages.md`. */
export function messagesPage(): string {
  return [
    HEAD,
    '## Messages\n',
    ...sectionsOf(MESSAGE_SCHEMAS),
    '## Records\n',
    RECORDS,
    ...sectionsOf(RECORD_SCHEMAS),
  ].join('\n');
}

const RECORDS = `Timestamps are Firestore timestamps; in JSON, RFC 3339. The document id of a job is its name with \`/\` written as \`~\`: \`batches/abc\` is \`jobs/batches~abc\`.\n`;

function sectionsOf(schemas: Readonly<Record<string, z.ZodType>>): readonly string[] {
  return Object.entries(schemas).map(([name, schema]) => {
    const json = z.toJSONSchema(schema) as JsonSchema;
    const rows = [...rowsOf(json)].join('\n');
    return `### ${name}\n\n${json.description ?? ''}\n\n| field | type | |\n| --- | --- | --- |\n${rows}\n`;
  });
}

/** The fields of an object; those of its objects and lists follow by their path. */
function* rowsOf(schema: JsonSchema, path = '', isDocumented = new Set<string>()): Generator<string> {
  for (const variant of schema.anyOf ?? []) yield* rowsOf(variant, path, isDocumented);
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const full = `${path}${name}`;
    if (!isDocumented.has(full)) {
      const isRequired = schema.required?.includes(name) ?? false;
      yield `| \`${full}\` | ${typeOf(field)}${isRequired ? '' : ', optional'} | ${field.description ?? ''} |`;
      isDocumented.add(full);
    }
    yield* rowsOf(field, `${full}.`, isDocumented);
    if (field.items) yield* rowsOf(field.items, `${full}[].`, isDocumented);
  }
}

function typeOf({ type, enum: values, const: constant, format }: JsonSchema): string {
  if (constant !== undefined) return `\`${JSON.stringify(constant)}\``;
  if (values !== undefined) return values.map((value) => `\`${JSON.stringify(value)}\``).join(', ');
  if (format === 'date-time') return 'timestamp';
  return type === 'object' ? 'map' : (type ?? 'any');
}

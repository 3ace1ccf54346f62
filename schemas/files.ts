import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { z } from 'zod';
import { asyncApiDocument } from './asyncapi.ts';
import { MESSAGE_SCHEMAS } from './messages.ts';
import { messagesPage } from './page.ts';
import { RECORD_SCHEMAS } from './records.ts';

const ROOT = join(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

/** The generated files, by path from the root of the repository. */
export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const groups = { messages: MESSAGE_SCHEMAS, records: RECORD_SCHEMAS };
  for (const [folder, schemas] of Object.entries(groups)) {
    for (const [name, schema] of Object.entries(schemas)) {
      files.set(`schemas/${folder}/${name}.schema.json`, await pretty(jsonSchemaOf(schema), 'json'));
    }
  }
  files.set('schemas/asyncapi.yaml', await pretty(asyncApiDocument(version), 'yaml'));
  files.set('docs/messages.md', await pretty(messagesPage(), 'markdown'));
  return files;
}

function jsonSchemaOf(schema: z.ZodType): string {
  const json = z.toJSONSchema(schema, {
    // JavaScript's largest exact integer is no limit of a count.
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return JSON.stringify(json);
}

async function pretty(text: string, parser: 'json' | 'yaml' | 'markdown'): Promise<string> {
  return await format(text, { parser, printWidth: 120, singleQuote: true });
}

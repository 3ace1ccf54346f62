import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Timestamp } from '@google-cloud/firestore';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const FOLDER = join(import.meta.dirname, '../../schemas');

const ajv = new Ajv2020({ allErrors: true, strict: false });
addFormats.default(ajv);
const validators = new Map<string, ValidateFunction>();

/** The violations of a published schema, for example `records/job`; none where the value is valid. */
export function problemsOf(schema: string, value: unknown): readonly string[] {
  const validate = validators.get(schema) ?? compile(schema);
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${schema} ${instancePath}: ${message}`);
}

/** A Firestore document as its JSON export shows it. */
export function exported(value: unknown): unknown {
  if (value instanceof Timestamp) return value.toDate().toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(exported);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, exported(field)]));
}

function compile(schema: string): ValidateFunction {
  const validate = ajv.compile(JSON.parse(readFileSync(join(FOLDER, `${schema}.schema.json`), 'utf8')) as object);
  validators.set(schema, validate);
  return validate;
}

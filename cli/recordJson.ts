import { DocumentReference, Timestamp } from '@google-cloud/firestore';
import { isJsonObject } from '../functions/model/json.ts';

/** A record as JSON: times are RFC 3339 text, bytes are base64. It can hold fields that its type does not name. */
export type RecordJson<Document> = Document extends Date | Uint8Array
  ? string
  : Document extends readonly (infer Item)[]
    ? readonly RecordJson<Item>[]
    : Document extends object
      ? { readonly [Name in keyof Document]: RecordJson<Document[Name]> }
      : Document;

/** Returns a document's data as JSON. */
export function recordJson<Document>(data: unknown): RecordJson<Document> {
  return plain(data) as RecordJson<Document>;
}

function plain(value: unknown): unknown {
  if (value instanceof Timestamp) return value.toDate().toISOString();
  if (value instanceof DocumentReference) return value.path;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(plain);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

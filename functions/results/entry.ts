import { type Entry, MAX_ENTRY_BYTES } from '../model/entry.ts';
import { errorResult, type JobResult, MAX_MESSAGE_BYTES, resultJson } from '../model/result.ts';
import { type EntryFields, readEntryFields } from './entryFields.ts';

/** Deeper JSON exhausts the stack of many consumers' parsers: Python's allows 1,000 calls. */
const MAX_DEPTH = 512;

/** Base64 adds a third, which a message just holds. */
const MAX_RAW_BYTES = 7_000_000;

/** The limit for the members that stay in a message whose response is in the bucket. */
const MAX_BESIDE_BYTES = 1_000_000;

/** Names in a message that only the product may write: an entry's own members of these names are left out. */
const RESERVED_NAMES = ['jobId', 'index', 'uri', 'bytes', 'crc32c', 'rawBase64'];
const RESERVED: ReadonlySet<string> = new Set(RESERVED_NAMES);
const KNOWN: ReadonlySet<string> = new Set([...RESERVED, 'key', 'response', 'error']);

const KEY_NAME = Buffer.from('"key":');

const RAW = 'its bytes are in rawBase64, or at uri.';

const NO_RESULT = { code: 'NO_RESULT', message: 'Gemini gave neither a response nor an error.' } as const;

const TOO_LARGE_BESIDE = {
  code: 'RESULT_TOO_LARGE',
  message: 'The members beside the response do not fit into a message; the whole entry is at uri, as it came.',
} as const;

const TOO_DEEP = {
  code: 'NESTED_TOO_DEEP',
  message: `More than ${MAX_DEPTH} levels of objects and arrays; ${RAW}`,
} as const;

const TOO_MANY_FIELDS = { code: 'TOO_MANY_FIELDS', message: `More members than a result may have; ${RAW}` } as const;

/**
 * Makes a result of an entry. Its bytes are published unchanged; an entry that cannot be published as it is becomes an
 * error with its bytes.
 *
 * @param invalidCode the error's code for an entry that is no JSON object.
 */
export async function entryResult(
  { bytes, length }: Entry,
  index: number,
  invalidCode: 'INVALID_LINE' | 'INVALID_RESPONSE',
): Promise<JobResult> {
  if (bytes === undefined)
    return errorResult(index, 'LINE_TOO_LONG', `The entry is longer than ${MAX_ENTRY_BYTES} bytes.`, { bytes: length });
  const entry = await readEntryFields(bytes, 'batch', KNOWN);
  if (entry === undefined) return rawResult(bytes, index, { code: invalidCode, message: `No JSON object; ${RAW}` });
  if (isTooDeep(entry)) return rawResult(bytes, index, TOO_DEEP, entry);
  return length > MAX_MESSAGE_BYTES ? largeResult(entry, bytes, index) : smallResult(entry, bytes, index);
}

/** Makes the result anew for a message with the address of its response, because the message cannot hold both. */
export async function splitResult(result: JobResult): Promise<JobResult> {
  const json = resultJson(result);
  const entry = await readEntryFields(json, 'batch', KNOWN);
  if (entry === undefined) throw new TypeError('A result is always a JSON object.');
  return { ...largeResult(entry, json, result.index), usage: result.usage };
}

/** Returns an error in place of a result whose JSON is too deep to be published. */
export function tooDeepResult(json: Buffer, index: number): JobResult {
  return rawResult(json, index, TOO_DEEP);
}

export function isTooDeep({ depth }: EntryFields): boolean {
  return depth > MAX_DEPTH;
}

function smallResult(entry: EntryFields, json: Buffer, index: number): JobResult {
  const { usage } = entry;
  const hasError = isGiven(entry.fields.get('error')?.value);
  const hasResult = hasError || isGiven(entry.fields.get('response')?.value);
  const common = { index, key: keyOf(entry), usage, status: hasError || !hasResult ? 'error' : 'ok' } as const;
  if (hasResult && isUnambiguous(entry)) return { ...common, fields: {}, members: [contentsOf(json)] };
  if (!entry.hasAllFields) return rawResult(json, index, TOO_MANY_FIELDS, entry);
  return hasResult
    ? { ...common, fields: {}, members: membersOf(entry) }
    : { ...common, fields: { error: NO_RESULT }, members: membersOf(entry, 'error') };
}

/** The content is the response or the error where that alone is too large, otherwise the whole entry. */
function largeResult(entry: EntryFields, json: Buffer, index: number): JobResult {
  const { fields, usage } = entry;
  const key = keyOf(entry);
  const error = fields.get('error');
  const given = [...fields].filter(([name, field]) => isResult(name) && isGiven(field.value));
  const [name, large] = given.toSorted(([, a], [, b]) => b.value.length - a.value.length)[0] ?? [];
  const members = membersOf(entry, name);
  if (large !== undefined && entry.hasAllFields && sizeOf(members) <= MAX_BESIDE_BYTES)
    return {
      index,
      key,
      usage,
      status: isGiven(error?.value) ? 'error' : 'ok',
      fields: {},
      members,
      content: large.value,
    };
  const ownKey = keyMember(key);
  const common = { index, usage, status: 'error', content: json } as const;
  if (sizeOf(ownKey) > MAX_BESIDE_BYTES) return { ...common, fields: { error: TOO_LARGE_BESIDE } };
  if (error && isGiven(error.value) && sizeOf([...ownKey, error.member]) <= MAX_BESIDE_BYTES)
    return { ...common, key, fields: {}, members: [...ownKey, error.member] };
  return { ...common, key, fields: { error: name === undefined ? NO_RESULT : TOO_LARGE_BESIDE }, members: ownKey };
}

/** An error with the bytes themselves: in the message in base64, or in the bucket where they are too many. */
function rawResult(
  bytes: Buffer,
  index: number,
  error: { readonly code: string; readonly message: string },
  entry?: EntryFields,
): JobResult {
  const key = entry && keyOf(entry);
  const isSmallKey = sizeOf(keyMember(key)) <= MAX_BESIDE_BYTES;
  const common = {
    index,
    status: 'error',
    usage: entry?.usage,
    ...(isSmallKey ? { key, members: keyMember(key) } : {}),
  } as const;
  if (bytes.length > MAX_RAW_BYTES)
    return { ...common, fields: { error }, content: bytes, contentType: 'application/octet-stream' };
  return { ...common, fields: { bytes: bytes.length, rawBase64: bytes.toString('base64'), error } };
}

/** Returns the key of a line; of an inline response, the one in its metadata. */
function keyOf({ fields, metadataKey }: EntryFields): Buffer | undefined {
  const key = fields.get('key');
  return [key?.value, metadataKey].find(isGiven);
}

/** Returns the member `key` of a message; none where there is no key. */
export function keyMember(key: Buffer | undefined): readonly Buffer[] {
  return key === undefined ? [] : [Buffer.concat([KEY_NAME, key])];
}

/** The members that a message holds as they are, and the key. */
function membersOf(entry: EntryFields, without?: string): readonly Buffer[] {
  const kept = [...entry.fields].filter(([name]) => name !== without && name !== 'key' && !RESERVED.has(name));
  return [...keyMember(keyOf(entry)), ...kept.map(([, { member }]) => member)];
}

/** Returns `true` where the entry's own members can stand in the message: none is the product's, and the key is there. */
function isUnambiguous({ fields, metadataKey }: EntryFields): boolean {
  return (
    (!isGiven(metadataKey) || isGiven(fields.get('key')?.value)) && !RESERVED_NAMES.some((name) => fields.has(name))
  );
}

function contentsOf(json: Buffer): Buffer {
  return json.subarray(json.indexOf('{') + 1, json.lastIndexOf('}'));
}

function isResult(name: string): boolean {
  return name === 'response' || name === 'error';
}

function isGiven(json: Buffer | undefined): json is Buffer {
  return json !== undefined && json.toString('latin1', 0, 5) !== 'null';
}

function sizeOf(members: readonly Buffer[]): number {
  return members.reduce((bytes, member) => bytes + member.length, 0);
}

/** Returns a time as protocol buffers have it. */
function timestampOf(time: Date) {
  const millis = time.getTime();
  return { seconds: Math.floor(millis / 1_000), nanos: (millis % 1_000) * 1_000_000 };
}

/** Returns the fields of a document as Firestore has them. */
export function fieldsOf(document: object): Record<string, object> {
  return Object.fromEntries(Object.entries(document).map(([name, value]) => [name, valueOf(value)]));
}

function valueOf(value: unknown): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'number') return { integerValue: value };
  if (value instanceof Date) return { timestampValue: timestampOf(value) };
  if (Buffer.isBuffer(value)) return { bytesValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(valueOf) } };
  return { mapValue: { fields: fieldsOf(value as object) } };
}

import { type DocumentData, FieldValue, type FirestoreDataConverter, Timestamp } from '@google-cloud/firestore';

/** Fields to write: values, or instructions to the server. `undefined` leaves a field as it is. */
export type Change<Fields> = { readonly [Name in keyof Fields]?: Fields[Name] | FieldValue | undefined };

/** The fields of a new record: values, or instructions to the server. */
export type Creation<Fields> = { readonly [Name in keyof Fields]: Fields[Name] | FieldValue };

/** Returns a converter whose documents have `Date` for every timestamp, also inside maps and arrays. */
export function converterOf<Document extends object>(): FirestoreDataConverter<Document> {
  return {
    toFirestore: (document): DocumentData => document,
    fromFirestore: (snapshot) => withDates(snapshot.data()) as Document,
  };
}

/** Returns a change of a map's fields as a change of the document: fields of the map that are not named stay. */
export function under<Fields>(map: string, change: Change<Fields>): DocumentData {
  return Object.fromEntries(Object.entries(change).map(([name, value]) => [`${map}.${name}`, value]));
}

/** Returns a value to write; `undefined` removes the field. */
export function orDelete<T>(value: T | undefined): T | FieldValue {
  return value ?? FieldValue.delete();
}

function withDates(value: unknown): unknown {
  if (value instanceof Timestamp) return value.toDate();
  if (Array.isArray(value)) return value.map(withDates);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withDates(each)]));
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

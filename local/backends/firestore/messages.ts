/** The served part of google.firestore.v1, as `loadServices` decodes it. */

export interface ProtoTimestamp {
  readonly seconds: string | number;
  readonly nanos: number;
}

/** Converts to microseconds since 1970, Firestore's precision. Exact until the year 2255. */
export function toMicros({ seconds, nanos }: ProtoTimestamp): number {
  return Number(seconds) * 1_000_000 + Math.floor(nanos / 1_000);
}

export function fromMicros(micros: number): ProtoTimestamp {
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds, nanos: (micros - seconds * 1_000_000) * 1_000 };
}

/** The content of a value by its type. */
export interface Contents {
  readonly nullValue: 'NULL_VALUE';
  readonly booleanValue: boolean;
  readonly integerValue: string;
  readonly doubleValue: number;
  readonly timestampValue: ProtoTimestamp;
  readonly stringValue: string;
  readonly bytesValue: Buffer;
  readonly referenceValue: string;
  readonly geoPointValue: { readonly latitude: number; readonly longitude: number };
  readonly arrayValue: { readonly values: readonly Value[] };
  readonly mapValue: { readonly fields: Fields };
}

export type Value = { [Type in keyof Contents]: { readonly valueType: Type } & Pick<Contents, Type> }[keyof Contents];

export type Fields = Readonly<Record<string, Value>>;

export interface FieldMask {
  readonly fieldPaths: readonly string[];
}

export interface FieldTransform {
  readonly fieldPath: string;
  readonly transformType?: string;
  readonly increment?: Value;
  readonly appendMissingElements?: Contents['arrayValue'];
}

export interface Write {
  readonly operation?: string;
  readonly update?: { readonly name: string; readonly fields: Fields };
  readonly delete?: string;
  readonly updateMask: FieldMask | null;
  readonly updateTransforms: readonly FieldTransform[];
  readonly currentDocument: { readonly exists?: boolean; readonly updateTime?: ProtoTimestamp } | null;
}

interface FieldReference {
  readonly fieldPath: string;
}

export interface FieldFilter {
  readonly field: FieldReference | null;
  readonly op: string;
  readonly value?: Value | null;
}

export interface Filter {
  readonly compositeFilter?: { readonly op: string; readonly filters: readonly Filter[] };
  readonly fieldFilter?: FieldFilter;
  readonly unaryFilter?: FieldFilter;
}

export interface Cursor {
  readonly values: readonly Value[];
  readonly before: boolean;
}

export interface StructuredQuery {
  readonly select: { readonly fields: readonly FieldReference[] } | null;
  readonly from: readonly { readonly collectionId: string; readonly allDescendants: boolean }[];
  readonly where: Filter | null;
  readonly orderBy: readonly { readonly field: FieldReference | null; readonly direction: string }[];
  readonly startAt: Cursor | null;
  readonly endAt: Cursor | null;
  readonly offset: number;
  readonly limit: { readonly value: number } | null;
  readonly findNearest: object | null;
}

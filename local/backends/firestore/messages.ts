/** The served part of google.firestore.v1, as decoded by `loadService`: scalars that have their default value are absent. */

export interface ProtoTimestamp {
  readonly seconds?: string | number;
  readonly nanos?: number;
}

export type Value =
  | { readonly valueType: 'nullValue'; readonly nullValue: 'NULL_VALUE' }
  | { readonly valueType: 'booleanValue'; readonly booleanValue: boolean }
  | { readonly valueType: 'integerValue'; readonly integerValue: string }
  | { readonly valueType: 'doubleValue'; readonly doubleValue: number }
  | { readonly valueType: 'timestampValue'; readonly timestampValue: ProtoTimestamp }
  | { readonly valueType: 'stringValue'; readonly stringValue: string }
  | { readonly valueType: 'bytesValue'; readonly bytesValue: Buffer }
  | { readonly valueType: 'referenceValue'; readonly referenceValue: string }
  | { readonly valueType: 'geoPointValue'; readonly geoPointValue: { latitude?: number; longitude?: number } }
  | { readonly valueType: 'arrayValue'; readonly arrayValue: { readonly values: readonly Value[] } }
  | { readonly valueType: 'mapValue'; readonly mapValue: { readonly fields: Fields } };

export type Fields = Readonly<Record<string, Value>>;

export interface DocumentMessage {
  readonly name: string;
  readonly fields: Fields;
  readonly createTime?: ProtoTimestamp;
  readonly updateTime?: ProtoTimestamp;
}

export interface FieldMask {
  readonly fieldPaths: readonly string[];
}

export interface FieldTransform {
  readonly fieldPath: string;
  readonly transformType: string;
  readonly setToServerValue?: string;
  readonly increment?: Value;
  readonly maximum?: Value;
  readonly minimum?: Value;
  readonly appendMissingElements?: { readonly values: readonly Value[] };
  readonly removeAllFromArray?: { readonly values: readonly Value[] };
}

export interface Precondition {
  readonly exists?: boolean;
  readonly updateTime?: ProtoTimestamp;
}

export interface Write {
  readonly operation?: string;
  readonly update?: DocumentMessage;
  readonly delete?: string;
  readonly updateMask?: FieldMask;
  readonly updateTransforms?: readonly FieldTransform[];
  readonly currentDocument?: Precondition;
}

export interface TransactionOptions {
  readonly readOnly?: { readonly readTime?: ProtoTimestamp };
}

/** The consistency that a read asks for: at most one of the three. */
export interface ReadOptions {
  readonly transaction?: Buffer;
  readonly newTransaction?: TransactionOptions;
  readonly readTime?: ProtoTimestamp;
}

export interface FieldFilter {
  readonly field: { readonly fieldPath: string };
  readonly op: string;
  readonly value?: Value;
}

export interface Filter {
  readonly compositeFilter?: { readonly op: string; readonly filters: readonly Filter[] };
  readonly fieldFilter?: FieldFilter;
  readonly unaryFilter?: FieldFilter;
}

export interface Cursor {
  readonly values: readonly Value[];
  readonly before?: boolean;
}

export interface StructuredQuery {
  readonly select?: { readonly fields: readonly { readonly fieldPath: string }[] };
  readonly from: readonly { readonly collectionId?: string; readonly allDescendants?: boolean }[];
  readonly where?: Filter;
  readonly orderBy: readonly { readonly field: { readonly fieldPath: string }; readonly direction?: string }[];
  readonly startAt?: Cursor;
  readonly endAt?: Cursor;
  readonly offset?: number;
  readonly limit?: { readonly value?: number };
  readonly findNearest?: object;
}

export interface Target {
  readonly targetId: number;
  readonly query?: { readonly parent: string; readonly structuredQuery: StructuredQuery };
  readonly documents?: { readonly documents: readonly string[] };
  readonly resumeToken?: Buffer;
  readonly readTime?: ProtoTimestamp;
}

import { unimplemented } from '../rpc.ts';
import { project } from './fieldPath.ts';
import type { FieldMask, ReadOptions, StructuredQuery } from './messages.ts';
import type { Query } from './query.ts';
import type { StoredDocument } from './store.ts';
import { fromMicros } from './time.ts';
import type { Transaction } from './transactions.ts';

export interface BatchGetRequest extends ReadOptions {
  readonly documents: readonly string[];
  readonly mask: FieldMask | null;
}

export interface QueryRequest extends ReadOptions {
  readonly structuredQuery?: StructuredQuery;
}

export interface AggregationRequest extends ReadOptions {
  readonly structuredAggregationQuery?: QueryRequest & { readonly aggregations: readonly Aggregation[] };
}

interface Aggregation {
  readonly alias: string;
  readonly operator: string;
  readonly count?: { readonly upTo: { readonly value: string } | null };
}

export function toMessage({ name, fields, createMicros, updateMicros }: StoredDocument, mask?: readonly string[]) {
  const times = { createTime: fromMicros(createMicros), updateTime: fromMicros(updateMicros) };
  return { name, fields: mask ? project(fields, mask) : fields, ...times };
}

export function getDocuments(transaction: Transaction, { documents, mask }: BatchGetRequest): readonly object[] {
  return documents.map((name) => {
    const document = transaction.get(transaction.database.pathOf(name));
    return document ? { found: toMessage(document, mask?.fieldPaths) } : { missing: name };
  });
}

export function queryDocuments(transaction: Transaction, query: Query): readonly object[] {
  const found = transaction.find(query).map((document) => ({ document: toMessage(document, query.mask) }));
  return [...found, { done: true }];
}

export function countDocuments(
  transaction: Transaction,
  query: Query,
  aggregations: readonly Aggregation[],
): readonly object[] {
  const { length } = transaction.find(query);
  const counts = aggregations.map(({ alias, operator, count }, index) => {
    if (!count) throw unimplemented(`the aggregation ${operator}`);
    const integerValue = String(Math.min(length, Number(count.upTo?.value ?? Infinity)));
    return [alias || `field_${index + 1}`, { integerValue }] as const;
  });
  return [{ result: { aggregateFields: Object.fromEntries(counts) } }];
}

import { describe, expect, test } from 'vitest';
import { checkIndexes, type IndexFile } from '../../../../../local/backends/firestore/indexes.ts';
import type { Filter, StructuredQuery } from '../../../../../local/backends/firestore/messages.ts';
import { compileQuery } from '../../../../../local/backends/firestore/query.ts';

const ascending = (fieldPath: string) => ({ fieldPath, order: 'ASCENDING' as const });
const descending = (fieldPath: string) => ({ fieldPath, order: 'DESCENDING' as const });
const contains = (fieldPath: string) => ({ fieldPath, arrayConfig: 'CONTAINS' as const });
const composite = (...fields: IndexFile['indexes'][number]['fields']) => ({
  collectionGroup: 'jobs',
  queryScope: 'COLLECTION' as const,
  fields,
});

const FILE: IndexFile = {
  indexes: [
    composite(ascending('state'), descending('time')),
    composite(ascending('kind'), descending('time')),
    composite(ascending('state'), ascending('kind'), ascending('time')),
    composite(ascending('map.state'), ascending('time')),
    composite(contains('tags'), ascending('time')),
    { ...composite(ascending('state'), ascending('time')), queryScope: 'COLLECTION_GROUP' },
  ],
  fieldOverrides: [
    { collectionGroup: 'jobs', fieldPath: 'map', indexes: [] },
    {
      collectionGroup: 'jobs',
      fieldPath: 'map.id',
      indexes: [
        { order: 'ASCENDING', queryScope: 'COLLECTION' },
        { order: 'ASCENDING', queryScope: 'COLLECTION_GROUP' },
      ],
    },
  ],
};

const text = (stringValue: string) => ({ valueType: 'stringValue', stringValue }) as const;
const name = { valueType: 'referenceValue', referenceValue: 'projects/p/databases/d/documents/jobs/a' } as const;
const list = { valueType: 'arrayValue', arrayValue: { values: [text('a'), text('b')] } } as const;
const where = (fieldPath: string, op: string): Filter => ({
  fieldFilter: { field: { fieldPath }, op, value: fieldPath === '__name__' ? name : op === 'IN' ? list : text('a') },
});
const all = (op: 'AND' | 'OR', ...filters: Filter[]): Filter => ({ compositeFilter: { op, filters } });

const EMPTY = { select: null, startAt: null, endAt: null, offset: 0, limit: null, findNearest: null };

function refusal(filter: Filter | undefined, orders: readonly string[]): string | undefined {
  const query: StructuredQuery = {
    ...EMPTY,
    from: [{ collectionId: 'jobs', allDescendants: false }],
    where: filter ?? null,
    orderBy: orders.map((order) => ({
      field: { fieldPath: order.replace('-', '') },
      direction: order.startsWith('-') ? 'DESCENDING' : 'ASCENDING',
    })),
  };
  try {
    checkIndexes(FILE, compileQuery('', query));
    return undefined;
  } catch (error) {
    return String(error);
  }
}

const [state, kind] = [where('state', 'EQUAL'), where('kind', 'EQUAL')];

describe('runs', () => {
  test.each<[string, Filter | undefined, readonly string[]]>([
    ['a whole collection', undefined, []],
    ['one field in either order', undefined, ['-other']],
    ['a range of one field', where('other', 'LESS_THAN'), []],
    ['equality of any fields, whose own indexes are merged', all('AND', state, where('other', 'EQUAL')), []],
    ['array-contains alone', where('other', 'ARRAY_CONTAINS'), []],
    ['a composite index', state, ['-time']],
    ['a composite index, with a range', all('AND', state, where('time', 'LESS_THAN')), ['-time']],
    ['a composite index for each value of in', where('state', 'IN'), ['-time']],
    ['two composite indexes that are merged', all('AND', state, kind), ['-time']],
    ['a composite index of three fields, in any order', all('AND', kind, state), ['time']],
    ['an exempted field in a composite index', where('map.state', 'EQUAL'), ['time']],
    ['array-contains in a composite index', where('tags', 'ARRAY_CONTAINS'), ['time']],
    ['an index of a field in an exempted map', where('map.id', 'EQUAL'), []],
    ['an order by a field that is compared for equality', state, ['state']],
    ['or of served alternatives', all('OR', state, kind), ['-time']],
    ['names', where('__name__', 'GREATER_THAN'), []],
  ])('%s', (_name, filter, orders) => {
    expect(refusal(filter, orders)).toBeUndefined();
  });
});

describe('refuses', () => {
  test.each<[string, Filter | undefined, readonly string[]]>([
    ['the other direction', kind, ['time']],
    ['another field', where('other', 'EQUAL'), ['-time']],
    ['one field of two without an index to merge', all('AND', state, where('other', 'EQUAL')), ['-time']],
    ['two orders', undefined, ['state', 'time']],
    ['two ranges', all('AND', where('state', 'LESS_THAN'), where('time', 'LESS_THAN')), []],
    ['an exempted field', where('map.state', 'EQUAL'), []],
    ['an exempted direction', undefined, ['-map.id']],
    ['or with one alternative that no index serves', all('OR', kind, where('other', 'EQUAL')), ['-time']],
  ])('%s', (_name, filter, orders) => {
    expect(refusal(filter, orders)).toContain('The query requires an index.');
  });
});

test('the refusal has the index to add', () => {
  expect(refusal(all('AND', state, where('tags', 'ARRAY_CONTAINS')), ['-other'])).toContain(
    JSON.stringify({
      collectionGroup: 'jobs',
      queryScope: 'COLLECTION',
      fields: [ascending('state'), contains('tags'), descending('other')],
    }),
  );
});

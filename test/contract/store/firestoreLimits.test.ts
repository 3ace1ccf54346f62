import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fitsFirestore } from '../../../functions/model/firestoreLimits.ts';
import { isJsonObject, type JsonObject } from '../../../functions/model/json.ts';
import { storeForFile } from './support.ts';

const { project } = await storeForFile();

const LIMIT = 500_000;

function nested(levels: number): JsonObject {
  return levels === 0 ? {} : { a: nested(levels - 1) };
}

test.each<[string, JsonObject, boolean]>([
  ['an ordinary event', { type: 'x', data: { id: 'a', list: [1, { b: [2] }] }, none: null }, true],
  ['an array in an array', { a: [[1]] }, false],
  ['a reserved name', { __name__: 1 }, false],
  ['a prototype key', JSON.parse('{"__proto__": 1}') as JsonObject, false],
  ['an empty name', { '': 1 }, false],
  ['a name with dots and slashes', { 'a.b/c`': 1 }, true],
  ['a number that was rounded', { n: 2 ** 53 }, false],
  ['the largest safe integer', { n: Number.MAX_SAFE_INTEGER }, true],
  ['an infinite number', JSON.parse('{"n": 1e400}') as JsonObject, false],
  ['a lone surrogate', { s: '\ud800' }, false],
  ['19 levels', nested(18), true],
  ['too many levels', nested(19), false],
])('%s fits: %s', async (_name, value, fits) => {
  expect(fitsFirestore(value, LIMIT)).toBe(fits);
  expect(fits ? await stored(value) : value).toEqual(value);
});

test('small values count at their size in Firestore, not in JSON', () => {
  expect(fitsFirestore({ zeros: Array.from({ length: 120_000 }, () => 0) }, LIMIT)).toBe(false);
  expect(fitsFirestore({ zeros: Array.from({ length: 10_000 }, () => 0) }, LIMIT)).toBe(true);
});

test('any object that fits is stored and read unchanged', async () => {
  const objects = fc.json({ maxDepth: 6, stringUnit: 'binary' }).map((json) => JSON.parse(json) as unknown);
  await fc.assert(
    fc.asyncProperty(objects.filter(isJsonObject), async (value) => {
      fc.pre(fitsFirestore(value, LIMIT));
      expect(await stored(value)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 60 },
  );
});

async function stored(value: JsonObject): Promise<unknown> {
  const document = project.firestore.collection('values').doc();
  await document.set({ event: value });
  return (await document.get()).get('event');
}

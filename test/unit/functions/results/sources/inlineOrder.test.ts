import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InlineOrder } from '../../../../../functions/results/sources/inlineOrder.ts';

const identities = fc.array(fc.string({ maxLength: 2 }), { minLength: 1, maxLength: 30 });

function read(order: InlineOrder, list: readonly string[]): readonly number[] {
  order.restart();
  return list.map((identity) => order.indexOf(Buffer.from(identity)));
}

test('gives each response the same index in any order, also after a cut and a restart', () => {
  fc.assert(
    fc.property(
      identities.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
      fc.nat(),
      ([list, shuffled], cut) => {
        const first = new InlineOrder();
        const before = read(first, list.slice(0, cut % (list.length + 1)));
        expect(before).toEqual(before.map((_, index) => index));
        const resumed = new InlineOrder(first.recorded);
        const after = read(resumed, shuffled);
        expect(after.toSorted((a, b) => a - b)).toEqual(list.map((_, index) => index));
        const identityAt = new Map(after.map((index, place) => [index, shuffled[place]]));
        expect(before.map((index) => identityAt.get(index))).toEqual(list.slice(0, before.length));
        expect(read(resumed, shuffled)).toEqual(after);
      },
    ),
  );
});

test('keeps the recorded order unchanged while it grows', () => {
  const order = new InlineOrder();
  read(order, ['a']);
  const one = order.recorded;
  const copy = Buffer.from(one ?? '');
  read(
    order,
    Array.from({ length: 1_000 }, (_, n) => String(n)),
  );
  expect(one?.equals(copy)).toBe(true);
  expect(order.recorded?.subarray(0, 8).equals(copy)).toBe(true);
});

test('records no order that is too large for the job record', () => {
  const order = new InlineOrder();
  read(
    order,
    Array.from({ length: 16_385 }, (_, n) => String(n)),
  );
  expect(order.recorded).toBeUndefined();
});

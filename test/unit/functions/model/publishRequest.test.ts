import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CommonFields, EncodableMessage, PublishRequest } from '../../../../functions/model/publishRequest.ts';
import { decodeRequest } from '../../../support/messages.ts';

const text = fc.string({ unit: 'binary', maxLength: 300 });
const attributes = fc.dictionary(text, text, { maxKeys: 5 });
const lengths = fc.constantFrom(0, 1, 127, 128, 16_383, 16_384, 70_000, 2_100_000);
const data = fc.array(
  lengths.map((length) => Buffer.alloc(length, 'x')),
  { maxLength: 3 },
);
const messages = fc.array(fc.tuple(attributes, data), { minLength: 1, maxLength: 4 });

test("Pub/Sub's definitions read any messages as they were added, to any topic", () => {
  fc.assert(
    fc.property(
      messages,
      attributes,
      fc.option(text, { nil: undefined }),
      text,
      (given, shared, orderingKey, topic) => {
        const common = new CommonFields({ attributes: shared, ...(orderingKey === undefined ? {} : { orderingKey }) });
        const request = new PublishRequest(16);
        for (const [own, pieces] of given) {
          const message = new EncodableMessage(common, own, pieces);
          const before = request.length;
          request.add(message);
          expect(request.length - before).toBe(message.length);
        }
        expect(request.count).toBe(given.length);
        for (const place of ['first', topic]) {
          const decoded = decodeRequest(request.to(place));
          expect(decoded.topic).toBe(place);
          expect(decoded.messages).toHaveLength(given.length);
          for (const [index, [own, pieces]] of given.entries()) {
            const message = decoded.messages[index];
            expect(message?.attributes).toEqual({ ...own, ...shared });
            expect(message?.orderingKey ?? '').toBe(orderingKey ?? '');
            expect(message?.data.equals(Buffer.concat(pieces))).toBe(true);
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

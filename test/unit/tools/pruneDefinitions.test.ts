import { expect, test } from 'vitest';
import { type Namespace, pruneDefinitions, reachableFrom } from '../../../tools/pruneDefinitions.ts';
import { buildWith } from './project.ts';

const method = (requestType: string, responseType: string) => ({ requestType, responseType });
const message = (fields: Record<string, string>, nested?: Record<string, Namespace>): Namespace => ({
  fields: Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, { type }])),
  ...(nested ? { nested } : {}),
});

const ROOT: Namespace = {
  nested: {
    google: {
      nested: {
        shop: {
          nested: {
            Shop: { methods: { Buy: method('Order', '.google.shop.Receipt') } },
            Office: { methods: { Close: method('Closing', 'Closing') } },
            Order: message({ items: 'Item', at: 'google.time.Timestamp' }, { Item: message({ next: 'Order' }) }),
            Item: message({}),
            Receipt: message({ state: 'State' }),
            State: { values: { OPEN: 0 } },
            Closing: message({ reason: 'Reason' }),
            Reason: { values: { NONE: 0 } },
          },
        },
        time: { nested: { Timestamp: message({ seconds: 'int64' }), Duration: message({}) } },
        other: { nested: { Unused: message({}) } },
      },
    },
  },
};

test('what a service reaches is kept: messages, their fields, nested types and enums', () => {
  const { google } = reachableFrom('google.shop.Shop', ROOT).nested ?? {};
  expect(Object.keys(google?.nested ?? {})).toEqual(['shop', 'time']);
  expect(Object.keys(google?.nested?.['shop']?.nested ?? {})).toEqual(['Shop', 'Order', 'Receipt', 'State']);
  expect(Object.keys(google?.nested?.['shop']?.nested?.['Order']?.nested ?? {})).toEqual(['Item']);
  expect(Object.keys(google?.nested?.['time']?.nested ?? {})).toEqual(['Timestamp']);
});

test('a service that the definitions do not have is an error', () => {
  expect(() => reachableFrom('google.shop.Bakery', ROOT)).toThrow('no service google.shop.Bakery');
  expect(() => reachableFrom('google.shop.Order', ROOT)).toThrow('no service google.shop.Order');
});

const DEFINITIONS = 'node_modules/shop-api/build/protos/protos.json';

test('a build prunes the definitions of the packages in use', async () => {
  const files = { 'index.js': `import root from './${DEFINITIONS}'; console.log(root);`, [DEFINITIONS]: ROOT };
  const code = await buildWith(pruneDefinitions({ 'shop-api': 'google.shop.Shop' }), files);
  expect(code).toContain('Receipt');
  expect(code).not.toContain('Closing');
});

test('a build without the definitions of a package fails', async () => {
  const building = buildWith(pruneDefinitions({ 'shop-api': 'google.shop.Shop' }), { 'index.js': 'console.log(1);' });
  await expect(building).rejects.toThrow('No definitions of shop-api were bundled');
});

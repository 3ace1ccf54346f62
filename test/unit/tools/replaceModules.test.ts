import { expect, test } from 'vitest';
import { emptyClient, replaceModules } from '../../../tools/replaceModules.ts';
import { buildWith } from './project.ts';

const CLIENT = 'shop-api/src/client.js';
const FILES = {
  'index.js': `import { Client } from './node_modules/${CLIENT}'; new Client().initialize();`,
  [`node_modules/${CLIENT}`]: 'export class Client { initialize() { return "original"; } }',
};

test('a module is replaced', async () => {
  const code = await buildWith(replaceModules({ [CLIENT]: emptyClient('Client') }), FILES);
  expect(code).not.toContain('original');
  expect(code).toContain('close() {');
});

test('a rule for a module that is not bundled fails the build and names the module', async () => {
  const building = buildWith(replaceModules({ [CLIENT]: '', 'shop-api/src/moved.js': '' }), FILES);
  await expect(building).rejects.toThrow('Modules to replace were not bundled: shop-api/src/moved.js');
});

import { expect, test } from 'vitest';
import { describeBackends, statusOf } from '../support.ts';
import { connect, connectRaw } from './support.ts';

const nested = (levels: number): object =>
  levels === 0 ? { integerValue: 1 } : { mapValue: { fields: { m: nested(levels - 1) } } };
const list = (...values: object[]) => ({ arrayValue: { values } });
const text = (length: number) => ({ stringValue: 'x'.repeat(length) });

type Case = readonly [title: string, path: string, fields: Record<string, object>];

const ACCEPTED: readonly Case[] = [
  ['20 levels', 'a/b', { m: nested(20) }],
  ['an array in a map in an array', 'a/b', { l: list({ mapValue: { fields: { l: list() } } }) }],
  ['a value of 1,048,487 bytes', 'a/b', { s: text(1_048_487) }],
  ['an id of 1,500 bytes', `a/${'é'.repeat(750)}`, {}],
  ['the id "__id7__"', 'a/__id7__', {}],
  ['a field name with dots', 'a/b', { 'x.y': text(1) }],
];

const REFUSED: readonly (readonly [...Case, message: RegExp])[] = [
  ['a document over 1 MiB', 'a/b', { s: text(700_000), t: text(400_000) }, /maximum entity size is 1048576 bytes/],
  ['a value over 1,048,487 bytes', 'a/b', { s: text(1_048_488) }, /longer than 1048487 bytes/],
  ['more than 20 levels', 'a/b', { m: nested(21) }, /Property m contains an invalid nested entity/],
  ['a value without a type', 'a/b', { x: {} }, /./],
  ['an array in an array', 'a/b', { l: list(list()) }, /Cannot convert an array value in an array value/],
  ['a reserved field name', 'a/b', { __x__: text(1) }, /field name '?__x__'? is reserved/],
  ['a reserved name in a map', 'a/b', { m: { mapValue: { fields: { __x__: text(1) } } } }, /is reserved/],
  ['an empty field name', 'a/b', { '': text(1) }, /property.name is the empty string/],
  ['a field name over 1,500 bytes', 'a/b', { ['é'.repeat(751)]: text(1) }, /longer than 1500 bytes/],
  ['the id "."', 'a/.', {}, /contains a resource id "."/],
  ['the id ".."', 'a/..', {}, /contains a resource id ".."/],
  ['a reserved id', 'a/__x__', {}, /Resource id "__x__" is invalid because it is reserved/],
  ['a reserved collection', '__x__/a', {}, /Collection id "__x__" is invalid because it is reserved/],
  ['an id over 1,500 bytes', `a/${'é'.repeat(751)}`, {}, /key path element name is longer than 1500 bytes/],
  ['an empty id', 'a/', {}, /invalid trailing "\/"|resource id ""/],
  ['a collection as a document', 'a/b/c', {}, /lacks "\/"/],
];

const transform = (one: object) => ({ update: {}, updateTransforms: [{ fieldPath: 'n', ...one }] });

describeBackends('Firestore', 'limits', (backend) => {
  test.each(ACCEPTED)('accept %s', async (_title, path, fields) => {
    const { documents, write } = connectRaw(backend.host);
    expect(await write({ update: { name: `${documents}/${path}`, fields } })).toBe('OK');
  });

  test.each(REFUSED)('refuse %s', async (_title, path, fields, message) => {
    const { client, database, documents } = connectRaw(backend.host);
    const commit = client.commit({ database, writes: [{ update: { name: `${documents}/${path}`, fields } }] });
    await expect(commit).rejects.toMatchObject({ code: 3, details: expect.stringMatching(message) });
  });

  test.each<[string, object]>([
    ['an empty write', {}],
    ['a mask with an invalid path', { update: {}, updateMask: { fieldPaths: ['a..b'] } }],
    ['a transform without a type', transform({})],
    ['an increment by a string', transform({ increment: { stringValue: 'a' } })],
  ])('refuse %s', async (_title, one) => {
    const { documents, write } = connectRaw(backend.host);
    expect(await write('update' in one ? { ...one, update: { name: `${documents}/a/b` } } : one)).toBe(
      'INVALID_ARGUMENT',
    );
  });

  test('refuse a database that is no name', async () => {
    const { client } = connectRaw(backend.host);
    expect(await statusOf(client.commit({ database: 'none', writes: [] }))).toBe('INVALID_ARGUMENT');
  });

  test('accept a document of exactly 1 MiB, and refuse one byte more', async () => {
    const document = connect(backend.host).doc('a/b');
    // 16 + "a/b" (2 + 2) for the name, 32 for the document, 2 for each field's name and 1 for each string.
    const data = (bytes: number) => ({
      s: 'x'.repeat(700_000),
      t: 'x'.repeat(bytes - 700_000 - 16 - 4 - 32 - 4 - 2),
    });
    expect(await statusOf(document.set(data(1_048_576)))).toBe('OK');
    expect(await statusOf(document.set(data(1_048_577)))).toBe('INVALID_ARGUMENT');
  });

  test('accept a commit over 4 MiB; the official emulator refuses it', async () => {
    const { client, database, documents } = connectRaw(backend.host);
    const writes = Array.from({ length: 5 }, (_, index) => ({
      update: { name: `${documents}/a/${index}`, fields: { s: text(1_000_000) } },
    }));
    const commit = client.commit({ database, writes }, { retry: null });
    expect(await statusOf(commit)).toBe(backend.isEmbedded ? 'OK' : 'RESOURCE_EXHAUSTED');
  });
});

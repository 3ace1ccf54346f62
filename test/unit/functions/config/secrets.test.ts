import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secrets } from '../../../../functions/config/secrets.ts';
import { Log } from '../../../../functions/observability/log.ts';
import { eventually } from '../../../../local/process.ts';

let folder: string;
let path: string;
let now: number;
let lines: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secrets-'));
  path = join(folder, 'current');
  now = 1_000_000;
  lines = [];
});

afterEach(() => rm(folder, { recursive: true }));

function secretsOf(first: readonly string[]): Secrets<string> {
  const source = {
    fixed: ['fixed-secret'],
    file: { path, first },
    isValid: (secret: string) => secret.endsWith('-secret'),
  };
  const log = new Log(undefined, (line) => lines.push(line));
  return new Secrets({ name: 'THE_FILE', source, make: (secret) => secret, log, now: () => now });
}

test('a changed file is read again after 30 s at the latest, and those of the variable stay', async () => {
  await writeFile(path, 'new-secret,\n old-secret\n');
  const secrets = secretsOf(['old-secret']);
  expect(await secrets.values()).toEqual(['fixed-secret', 'old-secret']);
  now += 30_000;
  expect(await secrets.values()).toEqual(['fixed-secret', 'new-secret', 'old-secret']);
});

test('a file that is half as old is read in the background', async () => {
  await writeFile(path, 'new-secret');
  const secrets = secretsOf(['old-secret']);
  now += 15_000;
  expect(await secrets.values()).toEqual(['fixed-secret', 'old-secret']);
  await eventually('the new secret', 2_000, async () => (await secrets.values()).includes('new-secret') || undefined);
});

test.each([
  ['missing', undefined],
  ['empty', ''],
  ['malformed in part', 'good-secret bad'],
])('the last valid secrets stay in use while the file is %s', async (_name, content) => {
  if (content !== undefined) await writeFile(path, content);
  const secrets = secretsOf(['old-secret']);
  now += 30_000;
  expect(await secrets.values()).toEqual(['fixed-secret', 'old-secret']);
  expect(lines.join('')).toContain('secrets_not_reread');
  expect(lines.join('')).not.toMatch(/-secret/);
});

test('a file is read once for simultaneous requests', async () => {
  await writeFile(path, 'new-secret');
  const secrets = secretsOf(['old-secret']);
  now += 30_000;
  await Promise.all(Array.from({ length: 50 }, () => secrets.values()));
  expect(lines).toHaveLength(1);
});

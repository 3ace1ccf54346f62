import { mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../local/process.ts';
import { newSecret } from '../../simulator/signing.ts';
import {
  dynamicPath,
  FOREIGN_ROUTE_KEY,
  newId,
  NEXT_SECRET,
  ROUTE_KEY,
  SECOND_ROUTE_KEY,
  SECRET,
} from '../contract/callback/sender.ts';
import { callbackForFile, expectEventually, verdict } from '../contract/callback/support.ts';

/** The contract's 30 s, and the delay of a busy machine. */
const REREAD_MILLIS = 32_000;

const folder = await mkdtemp(join(tmpdir(), 'faults-rotation-'));
const link = join(folder, 'secrets');
const routeKeys = join(folder, 'route-keys');
/** A secret of the environment, which does not change. */
const FIXED = newSecret();
await symlink(await file(SECRET), link);
await writeFile(routeKeys, ROUTE_KEY);
const [callback, spoiled] = await Promise.all([
  callbackForFile({
    WEBHOOK_SIGNING_SECRET: FIXED,
    WEBHOOK_SIGNING_SECRET_FILE: link,
    DYNAMIC_ROUTE_KEY: SECOND_ROUTE_KEY,
    DYNAMIC_ROUTE_KEY_FILE: routeKeys,
  }),
  callbackForFile({ WEBHOOK_SIGNING_SECRET: '', WEBHOOK_SIGNING_SECRET_FILE: await file(SECRET, 'spoiled') }),
]);
for (const secret of [SECRET, NEXT_SECRET, FIXED]) for (const each of [callback, spoiled]) each.keepSecret(secret);

beforeAll(async () => {
  expect(verdict(await callback.v1())).toBe('200 published');
  expect(verdict(await callback.v1a())).toBe('200 published');
  expect(verdict(await spoiled.v1())).toBe('200 published');
});
afterAll(async () => await rm(folder, { recursive: true }));

async function file(content: string, name = newId()): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

describe.concurrent('a running function', { timeout: REREAD_MILLIS + 20_000 }, () => {
  test('accepts new signing secrets within 30 s of the change of their mount, and keeps those of its environment', async () => {
    // The platform replaces the link of a mounted secret in one step.
    const next = join(folder, newId());
    await symlink(await file(`${NEXT_SECRET}\n`), next);
    await rename(next, link);
    const id = newId();
    await expectEventually('200 published', REREAD_MILLIS, async () => await callback.v1({ id, secret: NEXT_SECRET }));
    expect(verdict(await callback.v1({ secret: SECRET }))).toBe('401 SIGNATURE_INVALID');
    expect(verdict(await callback.v1({ secret: FIXED }))).toBe('200 published');
  });

  test('accepts new route keys within 30 s, and keeps those of its environment', async () => {
    await rename(await file(FOREIGN_ROUTE_KEY), routeKeys);
    const [id, path] = [newId(), dynamicPath('nightly', FOREIGN_ROUTE_KEY)];
    await expectEventually('200 published', REREAD_MILLIS, async () => await callback.v1a({ id, path }));
    expect(verdict(await callback.v1a())).toBe('401 ROUTE_INVALID');
    expect(verdict(await callback.v1a({ path: dynamicPath('nightly', SECOND_ROUTE_KEY) }))).toBe('200 published');
  });

  test('keeps its signing secrets when their file disappears, and logs an error', async () => {
    await unlink(join(folder, 'spoiled'));
    const verdicts = new Set<string>();
    const line = await eventually('an error in the log', REREAD_MILLIS, async () => {
      verdicts.add(verdict(await spoiled.v1()));
      await sleep(300);
      return spoiled.running.log.find(({ severity }) => severity === 'ERROR');
    });
    expect(line['message']).toContain('WEBHOOK_SIGNING_SECRET_FILE');
    verdicts.add(verdict(await spoiled.v1()));
    expect([...verdicts]).toEqual(['200 published']);
  });
});

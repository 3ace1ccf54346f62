import { mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newSecret, publicJwk } from '../../simulator/signing.ts';
import { type JwksServer, startJwks } from '../support/jwks.ts';
import { eventually } from '../../local/process.ts';
import { LocalProject } from '../../local/project.ts';
import {
  Callback,
  dynamicPath,
  ED,
  ED_2,
  FOREIGN_ED,
  FOREIGN_ROUTE_KEY,
  JWKS,
  newId,
  NEXT_SECRET,
  ROUTE_KEY,
  SECOND_ROUTE_KEY,
  SECRET,
  sendUntil,
  verdict,
} from '../contract/callback/support.ts';

/** The contract's 30 s, and what a test of them may add. */
const REREAD_MILLIS = 32_000;
const LONG = { timeout: 75_000 };
const WAITING = { timeout: REREAD_MILLIS + 20_000 };

let folder: string;
let jwks: JwksServer;
let project: LocalProject;
const started: Callback[] = [];
beforeAll(async () => {
  [folder, jwks, project] = await Promise.all([
    mkdtemp(join(tmpdir(), 'contract-secrets-')),
    startJwks(JWKS),
    LocalProject.create(),
  ]);
});
afterAll(async () => {
  await Promise.all(started.map(async (callback) => await callback.running.end('SIGKILL')));
  await Promise.all([project.close(), jwks.close(), rm(folder, { recursive: true })]);
});

async function start(env: NodeJS.ProcessEnv): Promise<Callback> {
  const callback = await Callback.start({ GEMINI_JWKS_URL: jwks.url.href, ...env }, project);
  started.push(callback);
  return callback;
}

async function file(content: string): Promise<string> {
  const path = join(folder, newId());
  await writeFile(path, content);
  return path;
}

/** Puts a new file in the place of another in one step, as a secret mount does. */
async function replace(path: string, content: string): Promise<void> {
  await rename(await file(content), path);
}

/** Five, for so many run at the same time. */
describe.concurrent('while the function runs, secrets', () => {
  test('of a file are replaced within 30 s, those of the environment stay', WAITING, async () => {
    const path = await file(SECRET);
    const fixed = newSecret();
    const callback = await start({ WEBHOOK_SIGNING_SECRET: fixed, WEBHOOK_SIGNING_SECRET_FILE: path });
    expect(verdict(await callback.v1())).toBe('200 published');
    await replace(path, `${NEXT_SECRET}\n`);
    const id = newId();
    const send = async () => await callback.v1({ id, secret: NEXT_SECRET });
    expect(await sendUntil('200 published', REREAD_MILLIS, send)).toBe('200 published');
    expect(verdict(await callback.v1({ secret: SECRET }))).toBe('401 SIGNATURE_INVALID');
    expect(verdict(await callback.v1({ secret: fixed }))).toBe('200 published');
    for (const secret of [SECRET, NEXT_SECRET, fixed]) callback.keepSecret(secret);
    expect(callback.leaks()).toEqual([]);
  });

  test('of a mounted folder are replaced when its link is turned, as on the platform', WAITING, async () => {
    const link = join(folder, `link-${newId()}`);
    await symlink(await file(SECRET), link);
    const callback = await start({ WEBHOOK_SIGNING_SECRET_FILE: link });
    expect(verdict(await callback.v1())).toBe('200 published');
    const turned = join(folder, `link-${newId()}`);
    await symlink(await file(`${NEXT_SECRET},${SECRET}`), turned);
    await rename(turned, link);
    const id = newId();
    const send = async () => await callback.v1({ id, secret: NEXT_SECRET });
    expect(await sendUntil('200 published', REREAD_MILLIS, send)).toBe('200 published');
    expect(verdict(await callback.v1())).toBe('200 published');
  });

  test('that sign routes are replaced within 30 s, too', WAITING, async () => {
    const path = await file(ROUTE_KEY);
    const callback = await start({ DYNAMIC_ROUTE_KEY: SECOND_ROUTE_KEY, DYNAMIC_ROUTE_KEY_FILE: path });
    expect(verdict(await callback.v1a())).toBe('200 published');
    await replace(path, FOREIGN_ROUTE_KEY);
    const [id, renewed] = [newId(), dynamicPath('nightly', FOREIGN_ROUTE_KEY)];
    const send = async () => await callback.v1a({ id, path: renewed });
    expect(await sendUntil('200 published', REREAD_MILLIS, send)).toBe('200 published');
    expect(verdict(await callback.v1a({ path: dynamicPath() }))).toBe('401 ROUTE_INVALID');
    expect(verdict(await callback.v1a({ path: dynamicPath('nightly', SECOND_ROUTE_KEY) }))).toBe('200 published');
  });

  test('of a file stay in use when the file becomes invalid, and an error is logged', WAITING, async () => {
    const unseen = 'half-a-secret-that-must-stay-hidden';
    const ways: readonly ((path: string) => Promise<void>)[] = [
      async (path) => await replace(path, `${NEXT_SECRET}\n${unseen}`),
      async (path) => await replace(path, '\n'),
      async (path) => await unlink(path),
    ];
    const checks = ways.map(async (spoil) => {
      const path = await file(SECRET);
      const callback = await start({ WEBHOOK_SIGNING_SECRET_FILE: path });
      await spoil(path);
      const seen = new Set<string>();
      const complaint = await eventually('an error line', REREAD_MILLIS, async () => {
        seen.add(verdict(await callback.v1()));
        await sleep(300);
        return callback.running.log.find(({ severity }) => severity === 'ERROR');
      });
      seen.add(verdict(await callback.v1()));
      for (const secret of [SECRET, NEXT_SECRET, unseen]) callback.keepSecret(secret);
      return { message: complaint['message'], seen: [...seen], leaks: callback.leaks() };
    });
    const expected = {
      message: expect.stringContaining('WEBHOOK_SIGNING_SECRET_FILE'),
      seen: ['200 published'],
      leaks: [],
    };
    expect(await Promise.all(checks)).toEqual([expected, expected, expected]);
  });

  test('of Gemini are found within a minute, also when forgeries have used up the refetch', LONG, async () => {
    const keys = await startJwks([publicJwk(ED)]);
    const callback = await start({ DYNAMIC_ROUTE_KEY: ROUTE_KEY, GEMINI_JWKS_URL: keys.url.href });
    expect(verdict(await callback.v1a())).toBe('200 published');
    for (const key of [ED_2, FOREIGN_ED]) {
      expect(verdict(await callback.v1a({ key }))).toBe('401 SIGNATURE_INVALID');
    }
    keys.keys = [publicJwk(ED_2)];
    const id = newId();
    const send = async () => await callback.v1a({ id, key: ED_2 });
    expect(await sendUntil('200 published', 60_000, send)).toBe('200 published');
    expect(keys.requests()).toBeLessThanOrEqual(3);
    await keys.close();
  });
});

describe('secrets', () => {
  test.each([
    ['commas', ','],
    ['blanks', ' '],
    ['newlines', '\n'],
    ['tabs, carriage returns and commas', '\t,\r\n '],
  ])('of a file and of the environment serve together, separated by %s', async (_name, separator) => {
    const [a, b, c, d] = [newSecret(), newSecret(), newSecret(), newSecret()];
    const callback = await start({
      WEBHOOK_SIGNING_SECRET: [a, b].join(separator),
      WEBHOOK_SIGNING_SECRET_FILE: await file(`${[c, d].join(separator)}\n`),
    });
    for (const secret of [a, b, c, d]) {
      callback.keepSecret(secret);
      expect(verdict(await callback.v1({ secret }))).toBe('200 published');
    }
    expect(verdict(await callback.v1({ secret: newSecret() }))).toBe('401 SIGNATURE_INVALID');
    expect(callback.leaks()).toEqual([]);
  });

  test('of a file alone are enough, of either kind', async () => {
    const secret = await start({ WEBHOOK_SIGNING_SECRET_FILE: await file(SECRET) });
    expect(verdict(await secret.v1())).toBe('200 published');
    const key = await start({ DYNAMIC_ROUTE_KEY_FILE: await file(`${ROUTE_KEY}\n`) });
    expect(verdict(await key.v1a())).toBe('200 published');
  });
});

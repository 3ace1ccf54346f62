import { buffer } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { download } from '../../../../functions/gemini/download.ts';
import { GeminiHttp } from '../../../../functions/gemini/http.ts';
import type { SettingsPatch } from '../../../../simulator/settings.ts';
import { startSimulator } from '../../../../simulator/simulator.ts';

const BYTES = 1_000_000;
const method = 'files.download';
const CUT = { method, cutAfterBytes: 600_000, times: 1 };

async function setUp(settings: SettingsPatch = {}) {
  const simulator = await startSimulator({ seed: 'download', settings });
  onTestFinished(async () => await simulator.close());
  const name = simulator.generateFile({ lines: BYTES / 500, lineBytes: 500 });
  const gemini = new GeminiHttp({ apiKey: 'any-key', baseUrl: new URL(simulator.url), apiVersion: 'v1' });
  const read = async (start = 0) => await buffer(download(gemini, name, start, AbortSignal.timeout(20_000)));
  return { simulator, read };
}

const statusesOf = ({ simulator }: Awaited<ReturnType<typeof setUp>>) =>
  simulator.ledger.requests.map(({ status }) => status);

const refusal = (status: number): SettingsPatch => ({ api: { faults: [{ method, ranged: true, status }, CUT] } });
const cutAnd = (files: SettingsPatch['files'] = {}): SettingsPatch => ({ files, api: { faults: [CUT] } });

test.for([
  ['honours ranges', cutAnd(), [200, 206]],
  ['ignores them', cutAnd({ ranges: false }), [200, 200]],
  ['refuses them with 400', refusal(400), [200, 400, 200]],
  ['refuses them with 416', refusal(416), [200, 416, 200]],
  ['refuses them with 501', refusal(501), [200, 501, 200]],
  ['does not say which part it gives', cutAnd({ contentRange: false }), [200, 206, 200]],
  ['gives less than was asked for', cutAnd({ partBytes: 150_000 }), [200, 206, 206, 206]],
] as const)('a download that is cut comes whole from a server that %s', async ([, settings, statuses]) => {
  const whole = await (await setUp()).read();
  const stage = await setUp(settings);
  expect((await stage.read()).equals(whole)).toBe(true);
  expect(statusesOf(stage)).toEqual(statuses);
  expect(whole).toHaveLength(BYTES);
});

test.for([
  ['a server that honours ranges says so', {}, [416]],
  ['others give the whole, and it is skipped', { files: { ranges: false } }, [200]],
] as const)('where all is here already nothing comes: %s', async ([, settings, statuses]) => {
  const stage = await setUp(settings);
  expect(await stage.read(BYTES)).toHaveLength(0);
  expect(statusesOf(stage)).toEqual(statuses);
});

test('a refusal that has nothing to do with ranges is final', async () => {
  const stage = await setUp({ api: { faults: [{ method, status: 400 }] } });
  await expect(stage.read(10)).rejects.toMatchObject({ httpStatus: 400 });
  expect(statusesOf(stage)).toEqual([400, 400]);
});

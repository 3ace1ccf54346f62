import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readOptions } from '../../../deploy/options.ts';
import { type FoundService, isPublic, servingRevision, revisionTagged } from '../../../deploy/revisions.ts';
import { serviceResources } from '../../../deploy/serviceResource.ts';
import { publicAccess } from '../../../deploy/steps/publicAccess.ts';
import { RunApi } from './runApi.ts';

let api: RunApi;

beforeAll(async () => {
  api = await RunApi.open();
});
afterAll(async () => await api.close());

const variables = {
  PROJECT_NUMBER: '123456789012',
  CALLBACK_URL: 'https://gemini-callback-123456789012.europe-west1.run.app',
  IMAGE: `europe-west1-docker.pkg.dev/my-project/gemini-callbacks/gemini-callback@sha256:${'0'.repeat(64)}`,
};
const place = { project: 'my-project', region: 'europe-west1', prefix: '' };
const installation = readOptions({ resultsBucket: 'my-results' }, place);
const resources = serviceResources(installation, '0123456789abcdef');
const [callback] = resources;

async function gcloud(line: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-c', line], { env: { ...api.env, ...variables } });
  return stdout;
}

const describeService = async (read: string) => JSON.parse(await gcloud(read)) as FoundService;

/** The stand-in of gcloud shows services as the tests expect them; here gcloud itself writes and shows them. */
test.each(resources.map((resource) => [resource.service.name, resource] as const))(
  'gcloud shows %s as it was deployed',
  async (_name, service) => {
    const { deploy, read, differences } = service;
    await gcloud(deploy({ isBuild: false, isCandidate: false }));
    const found = (await describeService(read)) as never;
    expect(differences(found, variables)).toEqual([]);
    const names = differences(found, { ...variables, IMAGE: 'another' }).map((text) => text.split(':', 1)[0]);
    expect(names).toEqual(service.isBuilt ? [] : ['image']);
  },
  120_000,
);

test('gcloud makes the service public, keeps traffic from a candidate, and moves traffic', async () => {
  if (callback === undefined) throw new Error('There is no service.');
  const access = publicAccess(installation);
  await gcloud(access.create?.[0] ?? '');
  const before = await describeService(callback.read);
  const first = servingRevision(before) ?? '';
  expect(isPublic(before)).toBe(true);
  await gcloud(callback.deploy({ isBuild: false, isCandidate: true }));
  const held = await describeService(callback.read);
  const candidate = revisionTagged(held, 'candidate')?.revisionName ?? '';
  expect([servingRevision(held), candidate, isPublic(held)]).toEqual([first, expect.not.stringMatching(first), true]);
  await gcloud(callback.shift(candidate, first));
  const moved = await describeService(callback.read);
  expect([servingRevision(moved), revisionTagged(moved, 'previous')?.revisionName]).toEqual([candidate, first]);
}, 120_000);

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readOptions } from '../../../deploy/options.ts';
import { type FoundService, isPublic, servingRevision, revisionTagged } from '../../../deploy/revisions.ts';
import { serviceResources } from '../../../deploy/serviceResource.ts';
import { publicAccess } from '../../../deploy/steps/publicAccess.ts';
import { runAll } from '../../support/gcloud.ts';
import { forFile } from '../../support/opened.ts';
import { startRunApi } from './runApi.ts';

const api = await forFile(startRunApi());

const variables = {
  PROJECT_NUMBER: '123456789012',
  CALLBACK_URL: 'https://gemini-callback-123456789012.europe-west1.run.app',
  IMAGE: `europe-west1-docker.pkg.dev/my-project/gemini-callbacks/gemini-callback@sha256:${'0'.repeat(64)}`,
};
const place = { project: 'my-project', region: 'europe-west1', prefix: '' };
const installation = readOptions({ resultsBucket: 'my-results' }, place);
const resources = serviceResources(installation, '0123456789abcdef');

/** Runs lines of the shell in gcloud, and returns the services that those with `describe` print. */
async function gcloud(...lines: readonly string[]): Promise<readonly FoundService[]> {
  const split = `gcloud() { printf '%s\\0' "$@"; printf '\\n'; }\n${lines.join('\n')}`;
  const { stdout } = await promisify(execFile)('bash', ['-c', split], { env: { ...process.env, ...variables } });
  const commands = stdout
    .trimEnd()
    .split('\n')
    .map((words) => ({ args: words.split('\0').slice(0, -1), stdin: '' }));
  const ended = await runAll(commands, api.env);
  expect(ended.filter(({ exitCode }) => exitCode !== 0)).toEqual([]);
  return ended.flatMap((each, index) =>
    commands[index]?.args.includes('describe') ? [JSON.parse(each.stdout) as FoundService] : [],
  );
}

/** The stand-in of gcloud shows services as the tests expect them; here gcloud itself writes and shows them. */
test('gcloud shows each service as it was deployed', async () => {
  const lines = resources.flatMap(({ deploy, read }) => [deploy({ isBuild: false, isCandidate: false }), read]);
  const found = await gcloud(...lines);
  expect(found).toHaveLength(4);
  for (const [index, { differences, isBuilt }] of resources.entries()) {
    expect(differences(found[index] as never, variables)).toEqual([]);
    const others = differences(found[index] as never, { ...variables, IMAGE: 'another' });
    expect(others.map((difference) => difference.split(':', 1)[0])).toEqual(isBuilt ? [] : ['image']);
  }
}, 120_000);

test('gcloud makes the service public, keeps traffic from a candidate, and moves traffic', async () => {
  const [callback] = resources;
  if (callback === undefined) throw new Error('There is no service.');
  const access = publicAccess(installation);
  const candidateLine = callback.deploy({ isBuild: false, isCandidate: true });
  const [before = {}, held = {}] = await gcloud(access.create?.[0] ?? '', callback.read, candidateLine, callback.read);
  const first = servingRevision(before) ?? '';
  const candidate = revisionTagged(held, 'candidate')?.revisionName ?? '';
  expect([isPublic(before), isPublic(held)]).toEqual([true, true]);
  expect([servingRevision(held), candidate]).toEqual([first, expect.not.stringMatching(first)]);
  const [moved = {}] = await gcloud(callback.shift(candidate, first), callback.read);
  expect([servingRevision(moved), revisionTagged(moved, 'previous')?.revisionName]).toEqual([candidate, first]);
}, 120_000);

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStage } from './harness.ts';

const { cloud, rules, deploy, destroy, project } = await openStage();
const DATABASE = 'firestore databases/(default)';

test('a resource of another owner is used where it fits, and never removed', async () => {
  const before: readonly [string, Record<string, unknown>][] = [
    ['secrets/gemini-api-key', { name: 'gemini-api-key' }],
    ['storage buckets/gs://results-of-a-test', { name: 'results-of-a-test' }],
    [DATABASE, { name: '(default)', type: 'FIRESTORE_NATIVE' }],
  ];
  for (const [key, thing] of before) cloud.things.set(key, thing);
  const apiKey = `projects/${project}/secrets/gemini-api-key`;
  cloud.secrets.set(apiKey, ['theirs']);
  const steps = '--only=firestore,accounts,messaging,secrets,repository,access';
  expect((await deploy('--results-bucket=results-of-a-test', steps)).exitCode).toBe(0);
  const { output } = await destroy('--yes', '--with-data', steps);
  expect(output).toMatch(/secret gemini-api-key \(it existed before the installation\), database .* --with-database/);
  expect([...cloud.things].filter(([key]) => !key.startsWith('services/'))).toEqual(before);
  expect(cloud.secrets.get(apiKey)).toEqual(['theirs']);
}, 60_000);

test.each([
  ['pubsub topics/gemini-events', { name: 'gemini-events' }, 'messaging', '--prefix'],
  [
    'pubsub subscriptions/gemini-dead-letters',
    { labels: { 'gemini-callbacks': 'old' }, filter: 'attributes:job_id' },
    'messaging',
    '"gcloud pubsub subscriptions delete gemini-dead-letters',
  ],
  [DATABASE, { type: 'DATASTORE_MODE' }, 'firestore', '--database=gemini'],
  ['scheduler jobs/reconcile-jobs', { description: 'Theirs', state: 'ENABLED' }, 'scheduler', '--prefix'],
])(
  '%s of another owner is refused where it does not fit, and the message says what to do',
  async (key, thing, step, advice) => {
    cloud.things.set('run services/reconcile-jobs', {});
    cloud.things.set(key, thing);
    const { exitCode, output } = await deploy(`--only=${step}`);
    expect([exitCode, output]).toEqual([1, expect.stringContaining(advice)]);
    expect(cloud.things.get(key)).toEqual(thing);
  },
);

test("another application's rules stay, and nothing else in its database changes", async () => {
  const release = `projects/${project}/releases/cloud.firestore`;
  const released = (content: string) => {
    rules.rulesets.set('theirs', { source: { files: [{ name: 'firestore.rules', content }] } });
    rules.releases.set(release, { rulesetName: 'theirs' });
  };
  cloud.things.set(DATABASE, { name: '(default)', type: 'FIRESTORE_NATIVE' });
  released('service cloud.firestore { match /{all=**} { allow read; } }');
  const refused = await deploy('--only=firestore,rules,indexes');
  expect([refused.exitCode, refused.output]).toEqual([1, expect.stringContaining('--skip=rules')]);
  expect(cloud.changes()).toEqual([]);
  released(readFileSync(join(import.meta.dirname, '../../../firestore.rules'), 'utf8').replace(/^.*\/\/.*$/gm, ''));
  expect((await deploy('--only=firestore,rules')).output).toContain('Deployed: 2 unchanged');
  expect(rules.releases.get(release)).toEqual({ rulesetName: 'theirs' });
}, 30_000);

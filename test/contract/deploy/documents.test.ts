import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, test } from 'vitest';
import { forFile } from '../../support/opened.ts';
import { Cloud } from './cloud.ts';
import { refusedBy } from './harness.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');

const cloud = await forFile(Cloud.open());
beforeEach(cloud.save());

/** Programs beside gcloud, with answers of the services that they call. */
const PROGRAMS = `
  curl() { echo '{"new_signing_secret": "whsec_c2VjcmV0"}'; }
  gh() { echo 987654321; }
  node() { cat > /dev/null; echo whsec_c2VjcmV0; }`;

/** Runs the last block of a document's section with the stand-in of gcloud. */
async function runBlock(document: string, heading: string): Promise<readonly string[]> {
  const [, section = ''] = read(document).split(`\n## ${heading}\n`);
  const [, block = ''] = /^```bash\n([^]*?)^```/m.exec(section) ?? [];
  const script = `set -euo pipefail\n${PROGRAMS}\n${block}`;
  const env = { ...cloud.env, CLOUDSDK_CORE_DISABLE_PROMPTS: '1' };
  await promisify(execFile)('bash', ['-c', script], { cwd: ROOT, env });
  expect(await refusedBy(cloud.commands)).toEqual([]);
  return cloud.changes();
}

test('plain gcloud deploys geminiCallback with its database, topics, secret and account', async () => {
  const changes = await runBlock('docs/deploy.md', 'Plain gcloud');
  expect(changes.length).toBeGreaterThan(10);
  const account = 'serviceAccount:gemini-callback@my-project.iam.gserviceaccount.com';
  expect(cloud.bindings.get('projects/my-project')).toEqual([
    {
      role: 'roles/datastore.user',
      member: account,
      condition: 'resource.name=="projects/my-project/databases/(default)"',
    },
    { role: 'roles/run.builder', member: expect.stringContaining('-compute@') },
  ]);
  for (const topic of ['gemini-events', 'gemini-dead-letter'])
    expect(cloud.bindings.get(`pubsub topics/${topic}`)).toEqual([{ role: 'roles/pubsub.publisher', member: account }]);
  expect(cloud.services.get('gemini-callback')).toMatchObject({ isPublic: true, serving: 'gemini-callback-00001-abc' });
}, 60_000);

/** Evaluates a condition of the form `assertion.a=='b' && …`. */
function admits(condition: string, token: Readonly<Record<string, string>>): boolean {
  return condition.split(' && ').every((term) => {
    const [, claim = '', value] = /^assertion\.(\w+)=='([^']*)'$/.exec(term) ?? [];
    expect([term, claim]).not.toEqual([term, '']);
    return token[claim] === value;
  });
}

test('GitHub Actions is trusted for one repository and environment, by tokens of either form of subject', async () => {
  for (const account of ['callback', 'results', 'reconcile', 'submit', 'build'])
    cloud.things.set(`iam service-accounts/gemini-${account}`, {});
  const changes = await runBlock('docs/github-actions.md', 'Set-up');
  const provider = changes.find((line) => line.includes('providers create-oidc')) ?? '';
  expect(provider).toContain('attribute.repository_id=assertion.repository_id');
  const [, condition = ''] = /--attribute-condition=(.*?) --/.exec(provider) ?? [];
  const id = '987654321';
  const repository = 'my-organisation/gemini-callbacks';
  const admitted = (sub: string, environment: string, repository_id = id) =>
    admits(condition, { sub, repository_id, ...(environment && { environment }) });
  expect(admitted(`repo:${repository}:environment:production`, 'production')).toBe(true);
  const withIds = `my-organisation@12/gemini-callbacks@${id}`;
  expect(admitted(`repo:${withIds}:environment:production`, 'production')).toBe(true);
  expect(admitted(`repo:${repository}:environment:staging`, 'staging')).toBe(false);
  expect(admitted(`repo:${repository}:pull_request`, '')).toBe(false);
  expect(admitted(`repo:${repository}:ref:refs/heads/main`, '')).toBe(false);
  // The name was given up and taken over by another owner.
  expect(admitted(`repo:${repository}:environment:production`, 'production', '111')).toBe(false);
  expect(cloud.bindings.get('iam service-accounts/deployer')).toEqual([
    {
      role: 'roles/iam.workloadIdentityUser',
      member: `principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/github/attribute.repository_id/${id}`,
    },
  ]);
  const roles = (cloud.bindings.get('projects/my-project') ?? []).map(({ role }) => role);
  expect(roles).toEqual(['roles/run.sourceDeveloper', 'roles/serviceusage.serviceUsageConsumer', 'roles/browser']);
}, 60_000);

test('the workflow has no credential while it installs packages, and deploys to the environment that is trusted', () => {
  const workflow = read('.github/workflows/deploy.yml');
  const [install, auth] = [workflow.indexOf('npm ci --ignore-scripts'), workflow.indexOf('google-github-actions/auth')];
  expect(install).toBeGreaterThan(0);
  expect(auth).toBeGreaterThan(install);
  expect(workflow.slice(auth)).not.toMatch(/npm (ci|install)|npx/);
  expect(workflow).toContain("environment: ${{ inputs.environment || 'production' }}");
  expect(workflow).toContain("STEPS: ${{ inputs.steps || 'functions' }}");
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const ROOT = join(import.meta.dirname, '../../..');
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');

/** The part of the specification (https://containers.dev/implementors/json_reference/) that the file uses. */
const DevContainer = z.strictObject({
  $schema: z.url(),
  name: z.string(),
  image: z.string().regex(/^mcr\.microsoft\.com\/devcontainers\/[a-z]+:[\w.-]+$/),
  features: z.record(
    z.string().regex(/^(ghcr\.io\/devcontainers\/features\/[a-z]+:\d+|\.\/[a-z]+)$/),
    z.strictObject({ version: z.string().regex(/^\d+$/).optional() }),
  ),
  postCreateCommand: z.string(),
  forwardPorts: z.array(z.int().min(1).max(65_535)),
  portsAttributes: z.record(
    z.string().regex(/^\d+$/),
    z.strictObject({ label: z.string(), onAutoForward: z.enum(['notify', 'openBrowser', 'silent', 'ignore']) }),
  ),
});

/** https://containers.dev/implementors/features/ */
const Feature = z.strictObject({
  id: z.string(),
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  name: z.string(),
  installsAfter: z.array(z.string()),
});

const container = DevContainer.parse(JSON.parse(read('.devcontainer/devcontainer.json')));

test('the dev container has the Node.js of package.json and the Java of CI', () => {
  const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: { node: string } };
  const { jobs } = parse(read('.github/workflows/ci.yml')) as {
    jobs: { ci: { steps: { with?: { 'java-version'?: number } }[] } };
  };
  const java = jobs.ci.steps.flatMap((step) => step.with?.['java-version'] ?? []);
  expect(container.features).toMatchObject({
    'ghcr.io/devcontainers/features/node:1': { version: devDependencies.node.split('.')[0] },
    'ghcr.io/devcontainers/features/java:1': { version: String(java[0]) },
  });
});

test('the dev container installs gcloud and both emulators by the packages that the error message names', () => {
  const local = Object.keys(container.features).find((name) => name.startsWith('./')) ?? '';
  const folder = join('.devcontainer', local);
  const { id, installsAfter } = Feature.parse(JSON.parse(read(join(folder, 'devcontainer-feature.json'))));
  expect(local).toBe(`./${id}`);
  const names = Object.keys(container.features).map((name) => name.replace(/:\d+$/, ''));
  expect(names).toEqual(expect.arrayContaining(installsAfter));
  const [, packages = ''] = /apt-get install (google-[^)]+)\)/.exec(read('local/backends/official.ts')) ?? [];
  expect(packages.split(' ')).toHaveLength(2);
  const installed = read(join(folder, 'install.sh')).split(/\s+/);
  expect(installed).toEqual(expect.arrayContaining(['google-cloud-cli', ...packages.split(' ')]));
});

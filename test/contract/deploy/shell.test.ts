import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Shell } from '../../../deploy/shell.ts';

const folder = mkdtempSync(join(tmpdir(), 'shell-'));
afterAll(() => rmSync(folder, { recursive: true }));

let lines = 0;

/** A line that fails so many times with what it is told to say, and how often it has been run. */
function failing(said: string, times: number) {
  const runs = join(folder, String((lines += 1)));
  const notes: string[] = [];
  const shell = new Shell(process.env, { note: (text) => notes.push(text) }, 0.01);
  shell.set('SAID', said);
  const line = `echo >> ${runs}; [ $(wc -l < ${runs}) -gt ${times} ] && echo '"there"' || { echo "$SAID" >&2; exit 1; }`;
  return { shell, line, notes, runs: () => readFileSync(runs, 'utf8').length };
}

const PASSING = [
  ['Pub/Sub API has not been used in project 1 before or it is disabled.', 'takes some minutes'],
  ['Cannot find metric(s) that match type = "logging.googleapis.com/user/a".', 'A new metric'],
  ['INVALID_ARGUMENT: Service account a@b.iam.gserviceaccount.com does not exist.', 'A new service account'],
  ['NOT_FOUND: Service account a@b.iam.gserviceaccount.com does not exist.', 'A new service account'],
  ['Permission denied on secret: projects/1/secrets/a for Revision service account a@b', 'A new role'],
  ['Access to bucket gcf-v2-sources-1-a denied. You must grant Storage Object Viewer permission to a@b', 'A new role'],
  ['a@b does not have storage.objects.get access to the Google Cloud Storage object.', 'A new role'],
  ['ABORTED: There were concurrent policy changes.', 'Another change'],
  ['HTTPError 409: too much contention on these datastore entities. please try again.', 'Another change'],
  ["RESOURCE_EXHAUSTED: Quota exceeded for quota metric 'Write' and limit 'Write requests per minute'", 'of a minute'],
] as const;

test.each(PASSING)('is run again until it has passed: %s', async (said, about) => {
  const { shell, line, notes, runs } = failing(said, 2);
  expect(await shell.require('it', line)).toContain('there');
  expect(notes).toEqual([
    expect.stringContaining(about),
    expect.stringMatching(/it: .*Again in 2 s, for \d+ s at most/),
  ]);
  expect(runs()).toBe(3);
});

test('is not run for ever', async () => {
  const { shell, line, runs } = failing('NOT_FOUND: Service account a@b does not exist.', 1_000);
  await expect(shell.require('it', line)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
  // 1, 2, 4, 8, 16 and four times 30 s, which are 151 of 180.
  expect(runs()).toBe(10);
});

test.each([
  ['You do not currently have an active account selected.', 'gcloud auth login'],
  ['FAILED_PRECONDITION: Billing account for project is not found.', 'console.cloud.google.com/billing'],
  ['PERMISSION_DENIED: you do not have permission to access projects instance [a] (or it may not exist)', '--project'],
  ["NOT_FOUND: Project 'a' not found or deleted.", 'Check --project'],
  ['PERMISSION_DENIED: Permission denied on resource.', 'Your account may not do this'],
  ['RESOURCE_EXHAUSTED: Quota exceeded.', 'Wait a minute'],
  ['INTERNAL: Something else.', 'Mend what it says'],
])('is run once, and it is said what to do: %s', async (said, advice) => {
  const { shell, line, runs } = failing(said, 1);
  await expect(shell.require('it', line)).rejects.toThrow(advice);
  expect(runs()).toBe(1);
});

test.each([
  "NOT_FOUND: Project 'my-project' or database '(default)' does not exist.",
  "NOT_FOUND: Resource 'geminicallback' of kind 'SERVICE' in region 'a' in project 'my-project' does not exist.",
  "ResponseError: status=[404], code=[Ok], message=[Resource 'projects/my-project/a' was not found]",
  'gs://my-project-results not found: 404.',
  'Cannot find service [geminicallback]',
  'NOT_FOUND: Unknown service account.',
])('says of something that it is missing: %s', async (said) => {
  const { shell, line, runs } = failing(said, 1);
  expect(await shell.find('it', line)).toBeUndefined();
  expect(runs()).toBe(1);
});

test.each(['bash: gcloud: command not found', 'FAILED_PRECONDITION: Billing account for project is not found.'])(
  'does not say that something is missing: %s',
  async (said) => {
    const { shell, line } = failing(said, 1);
    await expect(shell.find('it', line)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
  },
);

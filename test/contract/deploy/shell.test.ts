import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Shell } from '../../../deploy/shell.ts';

const folder = mkdtempSync(join(tmpdir(), 'shell-'));
afterAll(() => rmSync(folder, { recursive: true }));

let lines = 0;

/** A line that fails a number of times with a message, and counts its runs. */
function failing(message: string, times: number) {
  const runs = join(folder, String((lines += 1)));
  const notes: string[] = [];
  const shell = new Shell(process.env, { note: (text) => notes.push(text) }, 0.01);
  shell.set('MESSAGE', message);
  const line = `echo >> ${runs}; [ $(wc -l < ${runs}) -gt ${times} ] && echo '"there"' || { echo "$MESSAGE" >&2; exit 1; }`;
  return { shell, line, notes, runs: () => readFileSync(runs, 'utf8').length };
}

/** release.test.ts has a message of each race. */
test('retries at growing distances until a race is over', async () => {
  const { shell, line, notes, runs } = failing('ABORTED: There were concurrent policy changes.', 2);
  expect(await shell.require('it', line)).toContain('there');
  expect(notes).toEqual([
    expect.stringContaining('it: Another change of the same resource is under way. Retrying in 1 s'),
    expect.stringContaining('Retrying in 2 s'),
  ]);
  expect(runs()).toBe(3);
});

test('reports a race as a permission error after five minutes', async () => {
  const { shell, line, runs } = failing('PERMISSION_DENIED: a@b.iam.gserviceaccount.com does not have permission', 99);
  await expect(shell.require('it', line)).rejects.toMatchObject({
    code: 'COMMAND_FAILED',
    message: expect.stringContaining('Your account lacks a role'),
  });
  // 1, 2, 4, 8, 16 and eight times 30 s, which are 271 of 300.
  expect(runs()).toBe(14);
});

test.each([
  ['You do not currently have an active account selected.', 'gcloud auth login'],
  ['FAILED_PRECONDITION: Billing account for project is not found.', 'console.cloud.google.com/billing'],
  ['PERMISSION_DENIED: Permission denied on resource.', 'Your account lacks a role'],
  ['FAILED_PRECONDITION: invoker_iam_disabled is not currently available', 'run.managed.requireInvokerIam'],
  ['RESOURCE_EXHAUSTED: Quota exceeded.', 'Wait a minute'],
  ['INTERNAL: Something else.', 'Fix the cause that the message names'],
])('runs once and reports what to do: %s', async (message, advice) => {
  const { shell, line, runs } = failing(message, 1);
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
])('finds nothing where gcloud says: %s', async (message) => {
  const { shell, line, runs } = failing(message, 1);
  expect(await shell.find('it', line)).toBeUndefined();
  expect(runs()).toBe(1);
});

test.each(['bash: gcloud: command not found', 'FAILED_PRECONDITION: Billing account for project is not found.'])(
  'fails instead of finding nothing: %s',
  async (message) => {
    const { shell, line } = failing(message, 1);
    await expect(shell.find('it', line)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
  },
);

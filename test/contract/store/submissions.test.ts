import { Timestamp } from '@google-cloud/firestore';
import { expect, onTestFinished, test } from 'vitest';
import { Deadline } from '../../../functions/runtime/deadline.ts';
import { Database } from '../../../functions/store/database.ts';
import { type SubmissionClaim, Submissions } from '../../../functions/store/submissions.ts';
import { LocalProject } from '../../../local/project.ts';

const KEY = { recordId: 'sub_1', fingerprint: 'f' };
const JOB = { jobId: 'batches/a', kind: 'batch', route: 'nightly', root: undefined, metadata: {} } as const;
const soon = () => Deadline.inMillis(10_000);

async function openStore() {
  const project = await LocalProject.create();
  const firestore = new Database({ projectId: project.projectId, database: '(default)' });
  onTestFinished(async () => void (await Promise.all([firestore.terminate(), project.close()])));
  const submissions = new Submissions(firestore);
  const record = firestore.doc(`submissions/${KEY.recordId}`);

  async function claim(): Promise<SubmissionClaim> {
    const claimed = await submissions.claim(KEY, soon());
    if (!('claim' in claimed)) throw new Error(`The submission is ${claimed.status}.`);
    return claimed.claim;
  }

  /** Returns the claim of an expired lease, and the claim of the next owner. */
  async function handOver(): Promise<readonly [SubmissionClaim, SubmissionClaim]> {
    const before = await claim();
    await record.update({ leaseUntil: Timestamp.fromMillis(0) });
    return [before, await claim()];
  }
  return { submissions, record, handOver };
}

test('a request whose submission another has acquired neither calls Gemini nor changes the record', async () => {
  const { submissions, record, handOver } = await openStore();
  const [before, now] = await handOver();
  expect(before.submissionId).toBe(now.submissionId);
  const stored = (await record.get()).data();
  await expect(submissions.recordAttempt(before, soon())).rejects.toMatchObject({ reason: 'SUBMISSION_IN_PROGRESS' });
  await submissions.releaseUnresolved(before, soon());
  await submissions.forget(before, soon());
  expect((await record.get()).data()).toEqual(stored);
  await submissions.recordAttempt(now, soon());
  expect((await record.get()).get('startedAt')).toBeInstanceOf(Timestamp);
});

test('a job that the former owner started is not started again by the new one', async () => {
  const { submissions, handOver } = await openStore();
  const [before, now] = await handOver();
  await submissions.recordJob(before, JOB, soon());
  await expect(submissions.recordAttempt(now, soon())).rejects.toMatchObject({ reason: 'SUBMISSION_IN_PROGRESS' });
  expect(await submissions.claim(KEY, soon())).toMatchObject({ status: 'done', jobId: JOB.jobId });
});

test('the call to Gemini renews the lease, so that it lasts until the answer is recorded', async () => {
  const { submissions, record, handOver } = await openStore();
  const [, now] = await handOver();
  await record.update({ leaseUntil: Timestamp.fromMillis(0) });
  await submissions.recordAttempt(now, soon());
  expect(await submissions.claim(KEY, soon())).toEqual({ status: 'busy' });
});

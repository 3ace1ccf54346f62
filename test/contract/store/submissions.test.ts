import { Timestamp } from '@google-cloud/firestore';
import { expect, test } from 'vitest';
import { type SubmissionClaim, Submissions } from '../../../functions/store/submissions.ts';
import { soon, storeForFile } from './support.ts';

const JOB = { jobId: 'batches/a', kind: 'batch', route: 'nightly', root: undefined, metadata: {} } as const;

const { firestore } = await storeForFile();
const submissions = new Submissions(firestore);

/** A submission whose lease has expired, and whose next owner has claimed it. */
async function handedOver(recordId: string) {
  const record = firestore.doc(`submissions/${recordId}`);
  const key = { recordId, fingerprint: 'f' };

  async function claim(): Promise<SubmissionClaim> {
    const claimed = await submissions.claim(key, soon());
    if (!('claim' in claimed)) throw new Error(`The submission is ${claimed.status}.`);
    return claimed.claim;
  }

  const before = await claim();
  await record.update({ leaseUntil: Timestamp.fromMillis(0) });
  return { record, key, before, now: await claim() };
}

test('a request whose submission another has acquired neither calls Gemini nor changes the record', async () => {
  const { record, before, now } = await handedOver('sub_1');
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
  const { key, before, now } = await handedOver('sub_2');
  await submissions.recordJob(before, JOB, soon());
  await expect(submissions.recordAttempt(now, soon())).rejects.toMatchObject({ reason: 'SUBMISSION_IN_PROGRESS' });
  expect(await submissions.claim(key, soon())).toMatchObject({ status: 'done', jobId: JOB.jobId });
});

test('the call to Gemini renews the lease, so that it lasts until the answer is recorded', async () => {
  const { key, record, now } = await handedOver('sub_3');
  await record.update({ leaseUntil: Timestamp.fromMillis(0) });
  await submissions.recordAttempt(now, soon());
  expect(await submissions.claim(key, soon())).toEqual({ status: 'busy' });
});

import { expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type { DeliveryDocument } from '../../../../functions/store/documents/delivery.ts';
import type { JobDocument, ResultsFields } from '../../../../functions/store/documents/job.ts';
import type { SubmissionDocument } from '../../../../functions/store/documents/submission.ts';
import type { delivery, job, submission } from '../../../../schemas/records.ts';

/** The fields that a type names; published schemas allow others beside them. */
type Named<T> = keyof { [Name in keyof T as string extends Name ? never : Name]: T[Name] };

type Undocumented<Document, Schema> = Exclude<keyof Document, Named<Schema>>;

type JobRecord = z.output<typeof job>;
type ResultsRecord = NonNullable<JobRecord['results']>;

test('every field of a published record is one that the code knows', () => {
  expectTypeOf<Exclude<Named<z.output<typeof delivery>>, keyof DeliveryDocument>>().toBeNever();
  expectTypeOf<Exclude<Named<JobRecord>, keyof JobDocument>>().toBeNever();
  expectTypeOf<Exclude<Named<ResultsRecord>, keyof ResultsFields>>().toBeNever();
  expectTypeOf<Exclude<Named<z.output<typeof submission>>, keyof SubmissionDocument>>().toBeNever();
});

test('every field that the code writes has a description', () => {
  expectTypeOf<Undocumented<DeliveryDocument, z.output<typeof delivery>>>().toBeNever();
  expectTypeOf<Undocumented<JobDocument, JobRecord>>().toBeNever();
  expectTypeOf<Undocumented<ResultsFields, ResultsRecord>>().toBeNever();
  expectTypeOf<Undocumented<NonNullable<JobDocument['reconcile']>, NonNullable<JobRecord['reconcile']>>>().toBeNever();
  expectTypeOf<Undocumented<SubmissionDocument, z.output<typeof submission>>>().toBeNever();
});

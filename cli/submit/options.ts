/** Flags of every kind of submission. */
export interface CommonOptions {
  readonly model?: string;
  readonly route: string;
  readonly metadata?: string;
  readonly idempotencyKey?: string;
  readonly wait?: true;
}

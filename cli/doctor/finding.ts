/** The outcome of one check. */
export interface Finding {
  readonly check: string;
  /** `unchecked`: it cannot be checked from here, which is not a problem. */
  readonly status: 'ok' | 'problem' | 'unchecked';
  readonly detail: string;
  /** The command, or the step, that fixes the problem. */
  readonly fix?: string;
}

/** A named check with one outcome or several. An error that it throws is a problem, too. */
export interface Check {
  readonly name: string;
  readonly run: () => Promise<readonly CheckOutcome[]>;
}

export type CheckOutcome = Omit<Finding, 'check'>;

export const ok = (detail: string): CheckOutcome => ({ status: 'ok', detail });
export const unchecked = (detail: string): CheckOutcome => ({ status: 'unchecked', detail });
export const problem = (detail: string, fix: string): CheckOutcome => ({ status: 'problem', detail, fix });

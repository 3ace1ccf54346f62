/** What one check has found. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'problem' | 'skipped';
  /** What is so, or what is wrong. */
  readonly detail: string;
  /** The command, or the step, that mends it. */
  readonly fix?: string;
}

/** A check: it names itself, and finds one thing or several. What it throws is a problem as well. */
export interface Check {
  readonly name: string;
  readonly run: () => Promise<readonly Outcome[]>;
}

export type Outcome = Omit<Finding, 'check'>;

export const ok = (detail: string): Outcome => ({ status: 'ok', detail });
export const skipped = (detail: string): Outcome => ({ status: 'skipped', detail });
export const problem = (detail: string, fix: string): Outcome => ({ status: 'problem', detail, fix });

/**
 * `final`: the job or its file is the reason, so no later attempt can succeed.
 * `retry`: Gemini is overloaded, broken or out of reach; the same attempt tries again after a pause.
 * `defer`: the API key, its project, the caller's location or the moment is the reason. The attempt ends, and a later
 * one succeeds once an operator has fixed it.
 */
export type Disposition = 'final' | 'retry' | 'defer';

/** The facts by which a refusal is classified. */
interface Refusal {
  /** Absent without a response. */
  readonly httpStatus: number | undefined;
  /** Name of a `google.rpc.Code`. */
  readonly status: string;
  /** Reason of a `google.rpc.ErrorInfo`. */
  readonly reason: string | undefined;
  readonly message: string;
}

interface Rule {
  readonly disposition: Disposition;
  /** Every condition that a rule states must hold. */
  readonly httpStatus?: (code: number) => boolean;
  readonly status?: RegExp;
  /** `null`: the answer gives no reason. */
  readonly reason?: RegExp | null;
  readonly message?: RegExp;
  /** The operator's fix, a sentence. */
  readonly advice?: string;
}

const CHECK_KEY = 'Check GEMINI_API_KEY.';
const ENABLE_API = 'Enable generativelanguage.googleapis.com in the project of GEMINI_API_KEY.';
const CHECK_BILLING = 'Check the billing of the project of GEMINI_API_KEY.';
const CHECK_PROJECT = 'Check the project of GEMINI_API_KEY.';
const MOVE = 'Run the function in a region from which the Gemini API can be used.';

/**
 * The rules, of which the first match decides. A refusal that matches none is not final: results that are given up by
 * mistake are lost, while another attempt costs one request.
 *
 * Reasons: https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto. Messages decide only where
 * Gemini is known to give no reason (docs/gemini-wire.md 7.4).
 */
const RULES: readonly Rule[] = [
  { disposition: 'defer', reason: /^BILLING_DISABLED$/, advice: CHECK_BILLING },
  { disposition: 'defer', reason: /^(SERVICE_DISABLED|SERVICE_NOT_VISIBLE)$/, advice: ENABLE_API },
  { disposition: 'defer', reason: /LOCATION/, advice: MOVE },
  { disposition: 'retry', httpStatus: (code) => code === 408 || code === 429 || code >= 500 },
  { disposition: 'defer', reason: /^(API_KEY|ACCESS_TOKEN|CREDENTIALS|ACCOUNT_STATE)_/, advice: CHECK_KEY },
  {
    disposition: 'defer',
    reason: /^(CONSUMER|USER|ORG|IAM|SECURITY|GCP|TLS|RATE|RESOURCE_(PROJECT|USAGE|QUOTA))_/,
    advice: CHECK_PROJECT,
  },
  {
    disposition: 'defer',
    message: /^API key (not valid|not found|expired)|unregistered callers|API key was reported as leaked/i,
    advice: CHECK_KEY,
  },
  { disposition: 'defer', message: /location is not supported|not available in your (country|region)/i, advice: MOVE },
  { disposition: 'defer', message: /has not been used in project|API is disabled/i, advice: ENABLE_API },
  { disposition: 'defer', message: /\bbilling\b/i, advice: CHECK_BILLING },
  { disposition: 'defer', message: /project has been (denied|suspended)|consumer .*suspended/i, advice: CHECK_PROJECT },
  { disposition: 'defer', httpStatus: (code) => code === 401, advice: CHECK_KEY },
  { disposition: 'final', httpStatus: (code) => code === 404, status: /^NOT_FOUND$/ },
  { disposition: 'final', httpStatus: (code) => code === 410 },
  { disposition: 'final', httpStatus: (code) => code === 403, status: /^PERMISSION_DENIED$/, reason: null },
  { disposition: 'final', httpStatus: (code) => code === 400, status: /^INVALID_ARGUMENT$/, reason: null },
];

/** Returns how to proceed after a refusal, and the operator's fix. */
export function classifyRefusal(refusal: Refusal): {
  readonly disposition: Disposition;
  readonly advice?: string | undefined;
} {
  if (refusal.httpStatus === undefined) return { disposition: 'retry' };
  return RULES.find((rule) => matches(rule, refusal)) ?? { disposition: 'defer' };
}

function matches(rule: Rule, { httpStatus = 0, status, reason, message }: Refusal): boolean {
  return (
    (rule.httpStatus?.(httpStatus) ?? true) &&
    (rule.status?.test(status) ?? true) &&
    (rule.message?.test(message) ?? true) &&
    matchesReason(rule.reason, reason)
  );
}

function matchesReason(expected: Rule['reason'], reason: string | undefined): boolean {
  if (expected === undefined) return true;
  return expected === null ? reason === undefined : reason !== undefined && expected.test(reason);
}

import { isJsonObject } from './json.ts';

/** Tokens summed over results. */
export interface TokenUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly thoughtTokens: number;
  readonly cachedTokens: number;
  readonly totalTokens: number;
  /** The number of results that name their tokens. */
  readonly results: number;
}

type Count = Exclude<keyof TokenUsage, 'results'>;

/** The names in `usageMetadata` of a response and in `usage` of an interaction (docs/gemini-wire.md 7.4, 9.3). */
const COUNTS: ReadonlyMap<string, Count> = new Map([
  ['promptTokenCount', 'inputTokens'],
  ['candidatesTokenCount', 'outputTokens'],
  ['thoughtsTokenCount', 'thoughtTokens'],
  ['cachedContentTokenCount', 'cachedTokens'],
  ['totalTokenCount', 'totalTokens'],
  ['total_input_tokens', 'inputTokens'],
  ['total_output_tokens', 'outputTokens'],
  ['total_thought_tokens', 'thoughtTokens'],
  ['total_cached_tokens', 'cachedTokens'],
  ['total_tokens', 'totalTokens'],
]);

const NO_TOKENS: TokenUsage = {
  inputTokens: 0,
  outputTokens: 0,
  thoughtTokens: 0,
  cachedTokens: 0,
  totalTokens: 0,
  results: 0,
};

const INT64 = /^\d{1,19}$/;

/**
 * Reads the tokens of one result.
 *
 * @param counts Gemini's object of counts: numbers, or int64 as strings. Other members are ignored.
 * @returns `undefined` where it names none.
 */
export function tokenUsageIn(counts: unknown): TokenUsage | undefined {
  if (!isJsonObject(counts)) return undefined;
  let usage: Record<keyof TokenUsage, number> | undefined;
  for (const name in counts) {
    const field = COUNTS.get(name);
    const value = field && countOf(counts[name]);
    if (field === undefined || value === undefined) continue;
    usage ??= { ...NO_TOKENS, results: 1 };
    usage[field] = value;
  }
  return usage;
}

function countOf(value: unknown): number | undefined {
  const count = typeof value === 'string' && INT64.test(value) ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
}

export function addTokenUsage(sum: TokenUsage | undefined, more: TokenUsage | undefined): TokenUsage | undefined {
  if (sum === undefined || more === undefined) return sum ?? more;
  return {
    inputTokens: sum.inputTokens + more.inputTokens,
    outputTokens: sum.outputTokens + more.outputTokens,
    thoughtTokens: sum.thoughtTokens + more.thoughtTokens,
    cachedTokens: sum.cachedTokens + more.cachedTokens,
    totalTokens: sum.totalTokens + more.totalTokens,
    results: sum.results + more.results,
  };
}

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

/** Collects the tokens of one result by Gemini's names. */
export class ResultTokens {
  #usage: Record<keyof TokenUsage, number> | undefined;

  /** Other names, and a count that is no whole number, are ignored. */
  set(name: string, count: number): void {
    const field = COUNTS.get(name);
    if (field === undefined || !Number.isSafeInteger(count)) return;
    this.#usage ??= { ...NO_TOKENS, results: 1 };
    this.#usage[field] = count;
  }

  /** `undefined` where the result names none. */
  get usage(): TokenUsage | undefined {
    return this.#usage;
  }
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

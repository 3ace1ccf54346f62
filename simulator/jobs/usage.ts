/** Estimates tokens: four characters each. */
export function tokens(text: string): number {
  return Math.ceil(text.length / 4);
}

/** The `usageMetadata` of a `GenerateContentResponse`. */
export function usageMetadata(promptTokenCount: number, candidatesTokenCount: number): object {
  return { promptTokenCount, candidatesTokenCount, totalTokenCount: promptTokenCount + candidatesTokenCount };
}

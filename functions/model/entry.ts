/** A line of an output file or an inline response, as it came; its JSON is not checked. */
export interface Entry {
  /** `undefined` where it is longer than {@link MAX_ENTRY_BYTES}. */
  readonly bytes: Buffer | undefined;
  readonly length: number;
}

/** Two entries must fit into the memory of a small function; an image of 2K is 8 MB (docs/gemini-wire.md 7.4). */
export const MAX_ENTRY_BYTES = 67_108_864;

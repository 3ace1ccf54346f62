import type { PatternNode } from './patterns.ts';

/** A value that matches a pattern. Offsets count bytes from the start of the input. */
export interface ScannedValue {
  readonly pattern: string;
  /** The member's name, or the element's index. A very long name is an empty string (see `JsonName`). */
  readonly key: string | number;
  /** The first byte of the member's name; of an element, the same as `start`. */
  readonly memberStart: number;
  readonly start: number;
  readonly end: number;
}

export interface ScannerOptions {
  /** Places to report, such as `metadata.state` or `items.*`; where two match, the one without `*`. See `compilePatterns`. */
  readonly patterns: PatternNode;
  /** Patterns whose values are delimited by brackets, strings and commas only; their grammar is not checked. */
  readonly opaque?: ReadonlySet<string>;
  /** Patterns whose values are reported without a need for their bytes. */
  readonly marks?: ReadonlySet<string>;
  readonly onValue: (value: ScannedValue) => void;
}

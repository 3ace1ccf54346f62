/** Flags of `status`. */
export interface StatusFlags {
  readonly watch?: true;
  readonly interval: string;
}

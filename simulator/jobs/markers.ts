/** Texts in a request by which its sender decides how it ends. */
export const MARKERS = {
  /** In a prompt: this request fails. */
  error: '[error]',
  /** In a batch's display name, or the input of an interaction or video: the job fails. */
  fail: '[fail]',
  /** At the same places: the job keeps running. */
  hang: '[hang]',
  /** In a video's prompt: the safety filters remove its videos. */
  blocked: '[blocked]',
} as const;

/** Part of a file, `end` excluded. */
interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Returns the one range of a `Range` header (RFC 9110, 14.2); `undefined` for a header to ignore:
 * missing, malformed, of another unit or with several ranges; or `unsatisfiable` for one behind the end.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined | 'unsatisfiable' {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(first) > Number(last)) return undefined;
  const start = first === '' ? Math.max(sizeBytes - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return start < end ? { start, end } : 'unsatisfiable';
}

/** The range of a Firestore timestamp: the years 1 to 9999. */
const EARLIEST = Date.parse('0001-01-01T00:00:00Z');
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');

export function isStorableTime(time: Date): boolean {
  return time.getTime() >= EARLIEST && time.getTime() <= LATEST;
}

const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/**
 * Returns `true` for a time of RFC 3339 that exists in the calendar. `Date.parse` alone accepts local times, English
 * dates and the 30th of February as well.
 */
export function isRfc3339(text: string): boolean {
  const [, year = '', month = '', day = ''] = RFC_3339.exec(text) ?? [];
  return day !== '' && Number(day) >= 1 && Number(day) <= daysOf(Number(year), Number(month));
}

/** Returns 0 for a month that does not exist. */
function daysOf(year: number, month: number): number {
  if (month < 1 || month > 12) return 0;
  return new Date(Date.UTC(2_000 + (year % 400), month, 0)).getUTCDate();
}

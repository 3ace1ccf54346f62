import { isJsonObject, type JsonObject } from './json.ts';

/** Firestore allows 20 levels in a document; the field that holds the map is the first. */
const MAX_DEPTH = 19;

/**
 * Returns `true` where Firestore holds this value as a map, unchanged: no array inside an array, no reserved or empty field name,
 * no number that JavaScript has rounded, not too deep, and no larger than `maxBytes` as Firestore counts (a number is
 * 8 bytes there, and one digit in JSON).
 */
export function fitsFirestore(value: JsonObject, maxBytes: number): boolean {
  let bytesLeft = maxBytes;

  function fits(item: unknown, depth: number, insideArray: boolean): boolean {
    bytesLeft -= 32;
    if (bytesLeft < 0) return false;
    if (typeof item === 'string') return textFits(item);
    if (typeof item === 'number')
      return Number.isFinite(item) && !(Number.isInteger(item) && !Number.isSafeInteger(item));
    if (Array.isArray(item))
      return !insideArray && depth < MAX_DEPTH && item.every((each) => fits(each, depth + 1, true));
    if (!isJsonObject(item)) return true;
    return (
      depth < MAX_DEPTH && Object.entries(item).every(([name, each]) => nameFits(name) && fits(each, depth + 1, false))
    );
  }

  function textFits(text: string): boolean {
    bytesLeft -= Buffer.byteLength(text);
    return text.isWellFormed();
  }

  function nameFits(name: string): boolean {
    return name !== '' && !/^__.*__$/s.test(name) && Buffer.byteLength(name) <= 1_500 && textFits(name);
  }

  return fits(value, 0, false) && bytesLeft >= 0;
}

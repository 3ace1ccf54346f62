const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];

/**
 * The values of a JSON object as the bytes that they are written in, by their names: nothing is parsed or copied, so an
 * object of any size costs no memory. What is inside a value is not checked beyond its quotes and brackets.
 *
 * @returns `undefined` where the bytes are no object.
 */
export function slicesOf(json: Buffer): ReadonlyMap<string, Buffer> | undefined {
  const slices = new Map<string, Buffer>();
  let at = skipSpace(json, 0);
  if (json[at] !== OPEN_OBJECT) return undefined;
  const first = skipSpace(json, at + 1);
  if (json[first] === CLOSE_OBJECT) return endsBehind(json, first) ? slices : undefined;
  do {
    const name = skipSpace(json, at + 1);
    const nameEnd = endOfString(json, name);
    const colon = skipSpace(json, nameEnd);
    const value = skipSpace(json, colon + 1);
    const valueEnd = endOfValue(json, value);
    if (json[name] !== QUOTE || json[colon] !== COLON || valueEnd <= value) return undefined;
    slices.set(String(JSON.parse(json.toString('utf8', name, nameEnd))), json.subarray(value, valueEnd));
    at = skipSpace(json, valueEnd);
  } while (json[at] === COMMA);
  return json[at] === CLOSE_OBJECT && endsBehind(json, at) ? slices : undefined;
}

function endsBehind(json: Buffer, last: number): boolean {
  return skipSpace(json, last + 1) >= json.length;
}

/** Beyond the end where the value does not end. */
function endOfValue(json: Buffer, start: number): number {
  const first = json[start];
  if (first === QUOTE) return endOfString(json, start);
  return first === OPEN_OBJECT || first === OPEN_ARRAY ? endOfNested(json, start) : endOfLiteral(json, start);
}

function endOfNested(json: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === QUOTE) at = endOfString(json, at) - 1;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return json.length + 1;
}

function endOfLiteral(json: Buffer, start: number): number {
  let at = start;
  while (at < json.length && json[at] !== COMMA && json[at] !== CLOSE_OBJECT && !isSpace(json[at])) at += 1;
  return at;
}

/** Behind the quote that closes the string; long strings are searched by native code. */
function endOfString(json: Buffer, start: number): number {
  for (let quote = json.indexOf(QUOTE, start + 1); quote !== -1; quote = json.indexOf(QUOTE, quote + 1)) {
    let before = quote - 1;
    while (json[before] === BACKSLASH) before -= 1;
    if ((quote - before) % 2 === 1) return quote + 1;
  }
  return json.length + 1;
}

function skipSpace(json: Buffer, start: number): number {
  let at = start;
  while (isSpace(json[at])) at += 1;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** A state of a JSON number's grammar (RFC 8259, section 6), as an index into {@link TRANSITIONS}. */
export type NumberState = number;

const [INVALID, MINUS, ZERO, INTEGER, POINT, FRACTION, EXPONENT_MARK, EXPONENT_SIGN, EXPONENT] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8,
] as const;
const [OTHER, NOUGHT, DIGIT, DOT, LETTER_E, PLUS, HYPHEN] = [0, 1, 2, 3, 4, 5, 6] as const;
const CLASSES = 7;

const CLASS_OF_BYTE = new Uint8Array(256).fill(OTHER);
for (const [text, byteClass] of [
  ['0', NOUGHT],
  ['123456789', DIGIT],
  ['.', DOT],
  ['eE', LETTER_E],
  ['+', PLUS],
  ['-', HYPHEN],
] as const) {
  for (const byte of Buffer.from(text)) CLASS_OF_BYTE[byte] = byteClass;
}

const DIGITS = [NOUGHT, DIGIT] as const;
const TRANSITIONS = new Uint8Array((EXPONENT + 1) * CLASSES).fill(INVALID);
for (const [from, byteClasses, to] of [
  [MINUS, [NOUGHT], ZERO],
  [MINUS, [DIGIT], INTEGER],
  [ZERO, [DOT], POINT],
  [ZERO, [LETTER_E], EXPONENT_MARK],
  [INTEGER, DIGITS, INTEGER],
  [INTEGER, [DOT], POINT],
  [INTEGER, [LETTER_E], EXPONENT_MARK],
  [POINT, DIGITS, FRACTION],
  [FRACTION, DIGITS, FRACTION],
  [FRACTION, [LETTER_E], EXPONENT_MARK],
  [EXPONENT_MARK, DIGITS, EXPONENT],
  [EXPONENT_MARK, [PLUS, HYPHEN], EXPONENT_SIGN],
  [EXPONENT_SIGN, DIGITS, EXPONENT],
  [EXPONENT, DIGITS, EXPONENT],
] as const) {
  for (const byteClass of byteClasses) TRANSITIONS[from * CLASSES + byteClass] = to;
}

/** Returns the state after a number's first byte, `0` where no number begins with it. */
export function numberStart(byte: number): NumberState {
  const byteClass = CLASS_OF_BYTE[byte];
  if (byteClass === HYPHEN) return MINUS;
  if (byteClass === NOUGHT) return ZERO;
  return byteClass === DIGIT ? INTEGER : INVALID;
}

/** Returns the state after one more byte, `0` where the byte does not continue the number. */
export function numberNext(state: NumberState, byte: number): NumberState {
  return TRANSITIONS[state * CLASSES + (CLASS_OF_BYTE[byte] ?? OTHER)] ?? INVALID;
}

/** Returns `true` where the number may end in this state. */
export function isWholeNumber(state: NumberState): boolean {
  return state === ZERO || state === INTEGER || state === FRACTION || state === EXPONENT;
}

import { getField, parseFieldPath, withField } from './fieldPath.ts';
import { normalizeFields } from './limits.ts';
import type { Fields, FieldTransform, Value } from './messages.ts';
import { invalid, unimplemented } from './status.ts';
import { fromMicros } from './time.ts';
import { areEqual, compareValues } from './values.ts';

const NULL: Value = { valueType: 'nullValue', nullValue: 'NULL_VALUE' };
const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

interface Transformed {
  readonly fields: Fields;
  /** One for each transform; null for those of arrays. */
  readonly results: readonly Value[];
}

/** Applies a write's transforms one after the other. */
export function applyTransforms(fields: Fields, transforms: readonly FieldTransform[], micros: number): Transformed {
  const results: Value[] = [];
  let transformed = fields;
  for (const transform of transforms) {
    const path = parseFieldPath(transform.fieldPath);
    const value = transformValue(getField(transformed, path), transform, micros);
    transformed = withField(transformed, path, value);
    results.push(value.valueType === 'arrayValue' ? NULL : value);
  }
  return { fields: transforms.length > 0 ? normalizeFields(transformed) : transformed, results };
}

function transformValue(current: Value | undefined, transform: FieldTransform, micros: number): Value {
  const { setToServerValue, increment, maximum, minimum, appendMissingElements, removeAllFromArray } = transform;
  if (setToServerValue === 'REQUEST_TIME') {
    // The service's request time has milliseconds only.
    return { valueType: 'timestampValue', timestampValue: fromMicros(micros - (micros % 1_000)) };
  }
  if (increment) return add(current, requireNumber(increment));
  if (maximum) return extreme(current, requireNumber(maximum), 1);
  if (minimum) return extreme(current, requireNumber(minimum), -1);
  if (appendMissingElements) return arrayOf(appendMissingElements.values.reduce(append, elementsOf(current)));
  if (removeAllFromArray) {
    const isRemoved = (item: Value) => removeAllFromArray.values.some((value) => areEqual(item, value));
    return arrayOf(elementsOf(current).filter((item) => !isRemoved(item)));
  }
  throw unimplemented(`the transform ${transform.transformType} of ${transform.fieldPath}`);
}

function isNumber(value: Value | undefined): boolean {
  return value?.valueType === 'integerValue' || value?.valueType === 'doubleValue';
}

function requireNumber(value: Value): Value {
  if (!isNumber(value)) throw invalid('A numeric transform needs an integer or a double.');
  return value;
}

/** Adds as Firestore does: integers saturate, a double makes the sum a double, and what is not a number is replaced. */
function add(current: Value | undefined, operand: Value): Value {
  if (current === undefined || !isNumber(current)) return operand;
  if (current.valueType === 'integerValue' && operand.valueType === 'integerValue') {
    const sum = BigInt(current.integerValue) + BigInt(operand.integerValue);
    const saturated = sum > MAX_INT64 ? MAX_INT64 : sum < MIN_INT64 ? MIN_INT64 : sum;
    return { valueType: 'integerValue', integerValue: String(saturated) };
  }
  return { valueType: 'doubleValue', doubleValue: toDouble(current) + toDouble(operand) };
}

function toDouble(value: Value): number {
  return value.valueType === 'doubleValue'
    ? value.doubleValue
    : Number((value as { integerValue: string }).integerValue);
}

function extreme(current: Value | undefined, operand: Value, sign: 1 | -1): Value {
  if (current === undefined || !isNumber(current)) return operand;
  return compareValues(operand, current) * sign > 0 ? operand : current;
}

function elementsOf(value: Value | undefined): readonly Value[] {
  return value?.valueType === 'arrayValue' ? value.arrayValue.values : [];
}

function append(elements: readonly Value[], value: Value): readonly Value[] {
  return elements.some((element) => areEqual(element, value)) ? elements : [...elements, value];
}

function arrayOf(values: readonly Value[]): Value {
  return { valueType: 'arrayValue', arrayValue: { values } };
}

import { invalid, unimplemented } from '../rpc.ts';
import { getField, parseFieldPath, withField } from './document.ts';
import { type Fields, type FieldTransform, fromMicros, type Value } from './messages.ts';
import { areEqual } from './values.ts';

type Transform = (current: Value | undefined, transform: FieldTransform, micros: number) => Value;

const TRANSFORMS: Readonly<Record<string, Transform>> = {
  setToServerValue: (_current, _transform, micros) => {
    // The service's request time has milliseconds only.
    return { valueType: 'timestampValue', timestampValue: fromMicros(micros - (micros % 1_000)) };
  },
  increment: (current, { increment: operand }) => {
    if (!isNumber(operand)) throw invalid('An increment needs an integer or a double.');
    return isNumber(current) ? add(current, operand) : operand;
  },
  appendMissingElements: (current, { appendMissingElements: operand }) => {
    const values = current?.valueType === 'arrayValue' ? [...current.arrayValue.values] : [];
    for (const value of operand?.values ?? []) if (!values.some((each) => areEqual(each, value))) values.push(value);
    return { valueType: 'arrayValue', arrayValue: { values } };
  },
};

/** Applies a write's transforms one after the other, and returns the result of each, which is null for arrays. */
export function applyTransforms(
  fields: Fields,
  transforms: readonly FieldTransform[],
  micros: number,
): { readonly fields: Fields; readonly results: readonly Value[] } {
  const results: Value[] = [];
  const transformed = transforms.reduce((current, transform) => {
    const { fieldPath, transformType } = transform;
    if (!transformType) throw invalid(`The transform of ${fieldPath} is empty.`);
    const apply = TRANSFORMS[transformType];
    if (!apply) throw unimplemented(`the transform ${transformType} of ${fieldPath}`);
    const path = parseFieldPath(fieldPath);
    const value = apply(getField(current, path), transform, micros);
    results.push(value.valueType === 'arrayValue' ? { valueType: 'nullValue', nullValue: 'NULL_VALUE' } : value);
    return withField(current, path, value);
  }, fields);
  return { fields: transformed, results };
}

type NumberValue = Extract<Value, { valueType: 'integerValue' | 'doubleValue' }>;

function isNumber(value: Value | undefined): value is NumberValue {
  return value?.valueType === 'integerValue' || value?.valueType === 'doubleValue';
}

/** Adds as Firestore does: integers saturate, and a double makes the sum a double. */
function add(current: NumberValue, operand: NumberValue): Value {
  if (current.valueType === 'integerValue' && operand.valueType === 'integerValue') {
    const sum = BigInt(current.integerValue) + BigInt(operand.integerValue);
    const [min, max] = [-(2n ** 63n), 2n ** 63n - 1n];
    return { valueType: 'integerValue', integerValue: String(sum > max ? max : sum < min ? min : sum) };
  }
  return { valueType: 'doubleValue', doubleValue: toDouble(current) + toDouble(operand) };
}

function toDouble(value: NumberValue): number {
  return value.valueType === 'integerValue' ? Number(value.integerValue) : value.doubleValue;
}

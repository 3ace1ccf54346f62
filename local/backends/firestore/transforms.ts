import { invalid } from '../rpc.ts';
import { getField, parseFieldPath, withField } from './fieldPath.ts';
import type { Fields, FieldTransform, Operands, Value } from './messages.ts';
import { fromMicros } from './time.ts';
import { areEqual, compareValues } from './values.ts';

type Transform<Operand> = (current: Value | undefined, operand: Operand, micros: number) => Value;

const TRANSFORMS: { readonly [Type in keyof Operands]: Transform<Operands[Type]> } = {
  // The service's request time has milliseconds only.
  setToServerValue: (_current, _operand, micros) => {
    return { valueType: 'timestampValue', timestampValue: fromMicros(micros - (micros % 1_000)) };
  },
  increment: numeric(add),
  maximum: numeric((current, operand) => (compareValues(operand, current) > 0 ? operand : current)),
  minimum: numeric((current, operand) => (compareValues(operand, current) < 0 ? operand : current)),
  appendMissingElements: (current, { values }) => arrayOf(values.reduce(append, elementsOf(current))),
  removeAllFromArray: (current, { values }) =>
    arrayOf(elementsOf(current).filter((element) => !values.some((value) => areEqual(element, value)))),
};

interface Transformed {
  readonly fields: Fields;
  /** One for each transform; null for those of arrays. */
  readonly results: readonly Value[];
}

/** Applies a write's transforms one after the other. */
export function applyTransforms(fields: Fields, transforms: readonly FieldTransform[], micros: number): Transformed {
  const results: Value[] = [];
  const transformed = transforms.reduce((current, transform) => {
    const { fieldPath, transformType } = transform;
    if (transformType === undefined) throw invalid(`The transform of ${fieldPath} is empty.`);
    const path = parseFieldPath(fieldPath);
    const apply = TRANSFORMS[transformType] as Transform<unknown>;
    const value = apply(getField(current, path), transform[transformType], micros);
    results.push(value.valueType === 'arrayValue' ? { valueType: 'nullValue', nullValue: 'NULL_VALUE' } : value);
    return withField(current, path, value);
  }, fields);
  return { fields: transformed, results };
}

/** A transform of numbers replaces a value that is not a number. */
function numeric(combine: (current: Value, operand: Value) => Value): Transform<Value> {
  return (current, operand) => {
    if (!isNumber(operand)) throw invalid('A numeric transform needs an integer or a double.');
    return current && isNumber(current) ? combine(current, operand) : operand;
  };
}

function isNumber({ valueType }: Value): boolean {
  return valueType === 'integerValue' || valueType === 'doubleValue';
}

/** Adds as Firestore does: integers saturate, and a double makes the sum a double. */
function add(current: Value, operand: Value): Value {
  if (current.valueType === 'integerValue' && operand.valueType === 'integerValue') {
    const sum = BigInt(current.integerValue) + BigInt(operand.integerValue);
    const [min, max] = [-(2n ** 63n), 2n ** 63n - 1n];
    return { valueType: 'integerValue', integerValue: String(sum > max ? max : sum < min ? min : sum) };
  }
  return { valueType: 'doubleValue', doubleValue: toDouble(current) + toDouble(operand) };
}

function toDouble(value: Value): number {
  return value.valueType === 'integerValue'
    ? Number(value.integerValue)
    : (value as { doubleValue: number }).doubleValue;
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

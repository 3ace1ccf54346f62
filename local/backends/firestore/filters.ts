import { getField, NAME, parseFieldPath } from './fieldPath.ts';
import type { FieldFilter, Filter, Value } from './messages.ts';
import { invalid, unimplemented } from './status.ts';
import type { StoredDocument } from './store.ts';
import { areComparable, areEqual, compareValues, isNaN, isNull } from './values.ts';

/** How an index serves a condition. */
type Kind = 'equality' | 'inequality' | 'contains';

interface Condition {
  readonly field: string;
  readonly kind: Kind;
  matches(document: StoredDocument): boolean;
  /** The disjunctions that the condition counts as: the values of `IN` and `ARRAY_CONTAINS_ANY`, otherwise 1. */
  readonly alternatives: number;
  /** Matches all values but some, which a query may do once. */
  readonly isExclusion: boolean;
}

/** The documents that match all conditions. */
export type Conjunction = readonly Condition[];

const MAX_DISJUNCTIONS = 30;
const MAX_NOT_IN = 10;

/** Expands a filter into alternatives (disjunctive normal form), as Firestore itself does. */
export function compileFilter(filter: Filter | undefined): readonly Conjunction[] {
  const alternatives = filter ? expand(filter) : [[]];
  const count = alternatives.reduce((sum, all) => sum + all.reduce((product, one) => product * one.alternatives, 1), 0);
  if (count > MAX_DISJUNCTIONS)
    throw invalid(`A query has at most ${MAX_DISJUNCTIONS} disjunctions; this has ${count}.`);
  const exclusions = new Set(alternatives.flat().filter(({ isExclusion }) => isExclusion));
  if (exclusions.size > 1) {
    throw invalid("Only a single 'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL' filter allowed per query.");
  }
  for (const conjunction of alternatives) {
    if (conjunction.filter(({ kind }) => kind === 'contains').length > 1) {
      throw invalid("A maximum of 1 'ARRAY_CONTAINS' filter is allowed per disjunction.");
    }
  }
  return alternatives;
}

function expand({ compositeFilter, fieldFilter, unaryFilter }: Filter): readonly Conjunction[] {
  const single = fieldFilter ?? unaryFilter;
  if (single) return [[compileCondition(single)]];
  const parts = (compositeFilter?.filters ?? []).map(expand);
  if (compositeFilter?.op === 'OR') return parts.flat();
  return parts.reduce<readonly Conjunction[]>(
    (products, part) => products.flatMap((left) => part.map((right) => [...left, ...right])),
    [[]],
  );
}

/** Returns a document's value at a field path; a reference for `__name__`. */
export function readerOf(field: string): (document: StoredDocument) => Value | undefined {
  if (field === NAME) return ({ name }) => ({ valueType: 'referenceValue', referenceValue: name });
  const path = parseFieldPath(field);
  return ({ fields }) => getField(fields, path);
}

interface Operator {
  readonly kind: Kind;
  readonly matches: (value: Value, operands: readonly Value[]) => boolean;
  /** The largest number of operands of an operator that takes a list. */
  readonly maxOperands?: number;
  readonly isUnary?: true;
}

const range = (accepts: (order: number) => boolean): Operator => ({
  kind: 'inequality',
  matches: (value, [operand]) =>
    operand !== undefined && areComparable(value, operand) && !isNaN(value) && accepts(compareValues(value, operand)),
});

const isAnyOf = (value: Value, operands: readonly Value[]): boolean =>
  operands.some((operand) => areEqual(value, operand) && !isNull(operand));

const containsAnyOf = (value: Value, operands: readonly Value[]): boolean =>
  value.valueType === 'arrayValue' && value.arrayValue.values.some((item) => isAnyOf(item, operands));

const OPERATORS: Readonly<Record<string, Operator>> = {
  LESS_THAN: range((order) => order < 0),
  LESS_THAN_OR_EQUAL: range((order) => order <= 0),
  GREATER_THAN: range((order) => order > 0),
  GREATER_THAN_OR_EQUAL: range((order) => order >= 0),
  EQUAL: { kind: 'equality', matches: (value, [operand]) => operand !== undefined && areEqual(value, operand) },
  NOT_EQUAL: { kind: 'inequality', matches: (value, operands) => !isNull(value) && !isAnyOf(value, operands) },
  IN: { kind: 'equality', matches: isAnyOf, maxOperands: MAX_DISJUNCTIONS },
  NOT_IN: {
    kind: 'inequality',
    matches: (value, operands) => !isNull(value) && !operands.some(isNull) && !isAnyOf(value, operands),
    maxOperands: MAX_NOT_IN,
  },
  ARRAY_CONTAINS: { kind: 'contains', matches: containsAnyOf },
  ARRAY_CONTAINS_ANY: { kind: 'contains', matches: containsAnyOf, maxOperands: MAX_DISJUNCTIONS },
  IS_NULL: { kind: 'equality', matches: isNull, isUnary: true },
  IS_NOT_NULL: { kind: 'inequality', matches: (value) => !isNull(value), isUnary: true },
  IS_NAN: { kind: 'equality', matches: isNaN, isUnary: true },
  IS_NOT_NAN: { kind: 'inequality', matches: (value) => !isNaN(value) && !isNull(value), isUnary: true },
};

function compileCondition({ field: { fieldPath: field }, op, value }: FieldFilter): Condition {
  const operator = OPERATORS[op];
  if (operator === undefined) throw unimplemented(`the filter operator ${op}`);
  const operands = operandsOf(op, operator, value);
  const read = readerOf(field);
  const isExclusion = op.includes('NOT');
  return {
    field,
    kind: operator.kind,
    isExclusion,
    alternatives: operator.maxOperands !== undefined && !isExclusion ? operands.length : 1,
    matches: (document) => {
      const stored = read(document);
      return stored !== undefined && operator.matches(stored, operands);
    },
  };
}

function operandsOf(op: string, { maxOperands, isUnary }: Operator, value: Value | undefined): readonly Value[] {
  if (isUnary) return [];
  if (value === undefined) throw invalid(`The filter ${op} has no value.`);
  if (maxOperands === undefined) return [value];
  if (value.valueType !== 'arrayValue') throw invalid(`'${op}' requires an array value.`);
  const { values } = value.arrayValue;
  if (values.length === 0) throw invalid(`'${op}' requires a non-empty array.`);
  if (values.length > maxOperands) throw invalid(`'${op}' supports up to ${maxOperands} comparison values.`);
  return values;
}

import { invalid } from '../rpc.ts';
import { getField, NAME, parseFieldPath } from './fieldPath.ts';
import type { FieldFilter, Filter, Value } from './messages.ts';
import type { StoredDocument } from './store.ts';
import { areComparable, areEqual, compareValues, isNaN, isNull } from './values.ts';

interface Condition {
  readonly field: string;
  readonly op: string;
  /** How an index serves the condition. */
  readonly kind: 'equality' | 'inequality' | 'contains';
  readonly operands: readonly Value[];
  readonly matches: (document: StoredDocument) => boolean;
}

/** The documents that match all conditions. */
export type Conjunction = readonly Condition[];

const MAX_DISJUNCTIONS = 30;
const MAX_NOT_IN = 10;

interface Operator extends Pick<Condition, 'kind'> {
  readonly matches: (value: Value, operands: readonly Value[]) => boolean;
  /** The largest number of operands of an operator that takes a list. */
  readonly maxOperands?: number;
}

const range = (accepts: (order: number) => boolean): Operator => ({
  kind: 'inequality',
  matches: (value, operands) =>
    !isNaN(value) &&
    operands.some((operand) => areComparable(value, operand) && accepts(compareValues(value, operand))),
});
const isAnyOf = (value: Value, operands: readonly Value[]): boolean =>
  operands.some((operand) => areEqual(value, operand) && !isNull(operand));
const containsAnyOf = (value: Value, operands: readonly Value[]): boolean =>
  value.valueType === 'arrayValue' && value.arrayValue.values.some((item) => isAnyOf(item, operands));
const isNoneOf = (value: Value, operands: readonly Value[]): boolean => !isNull(value) && !isAnyOf(value, operands);

const OPERATORS: Readonly<Record<string, Operator>> = {
  LESS_THAN: range((order) => order < 0),
  LESS_THAN_OR_EQUAL: range((order) => order <= 0),
  GREATER_THAN: range((order) => order > 0),
  GREATER_THAN_OR_EQUAL: range((order) => order >= 0),
  EQUAL: { kind: 'equality', matches: (value, operands) => operands.some((operand) => areEqual(value, operand)) },
  NOT_EQUAL: { kind: 'inequality', matches: isNoneOf },
  IN: { kind: 'equality', matches: isAnyOf, maxOperands: MAX_DISJUNCTIONS },
  NOT_IN: {
    kind: 'inequality',
    matches: (value, operands) => !operands.some(isNull) && isNoneOf(value, operands),
    maxOperands: MAX_NOT_IN,
  },
  ARRAY_CONTAINS: { kind: 'contains', matches: containsAnyOf },
  ARRAY_CONTAINS_ANY: { kind: 'contains', matches: containsAnyOf, maxOperands: MAX_DISJUNCTIONS },
  IS_NULL: { kind: 'equality', matches: isNull },
  IS_NOT_NULL: { kind: 'inequality', matches: (value) => !isNull(value) },
  IS_NAN: { kind: 'equality', matches: isNaN },
  IS_NOT_NAN: { kind: 'inequality', matches: (value) => !isNaN(value) && !isNull(value) },
};

/**
 * Expands a filter into alternatives (disjunctive normal form), as Firestore itself does.
 *
 * @throws RpcError INVALID_ARGUMENT for a combination that Firestore does not run.
 */
export function compileFilter(filter: Filter | null): readonly Conjunction[] {
  const alternatives = filter ? expand(filter) : [[]];
  const count = alternatives.reduce((sum, conjunction) => sum + disjunctionsOf(conjunction), 0);
  if (count > MAX_DISJUNCTIONS)
    throw invalid(`A query has at most ${MAX_DISJUNCTIONS} disjunctions; this has ${count}.`);
  if (new Set(alternatives.flat().filter(({ op }) => op.includes('NOT'))).size > 1) {
    throw invalid("Only a single 'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL' filter allowed per query.");
  }
  if (alternatives.some((conjunction) => conjunction.filter(({ kind }) => kind === 'contains').length > 1)) {
    throw invalid("A maximum of 1 'ARRAY_CONTAINS' filter is allowed per disjunction.");
  }
  return alternatives;
}

/** Counts each value of `IN` and `ARRAY_CONTAINS_ANY`. */
function disjunctionsOf(conjunction: Conjunction): number {
  const lists = conjunction.filter(({ op }) => op === 'IN' || op === 'ARRAY_CONTAINS_ANY');
  return lists.reduce((product, { operands }) => product * operands.length, 1);
}

function expand({ compositeFilter, fieldFilter, unaryFilter }: Filter): readonly Conjunction[] {
  const single = fieldFilter ?? unaryFilter;
  if (single) return [[compileCondition(single)]];
  if (!compositeFilter) throw invalid('A filter is empty.');
  const parts = compositeFilter.filters.map(expand);
  if (compositeFilter.op === 'OR') return parts.flat();
  return parts.reduce<readonly Conjunction[]>(
    (products, part) => products.flatMap((left) => part.map((right) => [...left, ...right])),
    [[]],
  );
}

function compileCondition({ field, op, value }: FieldFilter): Condition {
  const operator = OPERATORS[op];
  if (operator === undefined) throw invalid(`The filter of ${field?.fieldPath} has no operator.`);
  const { kind, maxOperands, matches } = operator;
  const operands = maxOperands === undefined ? (value ? [value] : []) : listOf(op, value, maxOperands);
  const fieldPath = field?.fieldPath ?? '';
  if (!value && !op.startsWith('IS_')) throw invalid(`The filter ${op} of ${fieldPath} has no value.`);
  if (fieldPath === NAME) operands.forEach(requireReference);
  const read = readerOf(fieldPath);
  return {
    field: fieldPath,
    op,
    kind,
    operands,
    matches: (document) => {
      const stored = read(document);
      return stored !== undefined && matches(stored, operands);
    },
  };
}

function listOf(op: string, value: Value | null | undefined, max: number): readonly Value[] {
  if (value?.valueType !== 'arrayValue') throw invalid(`'${op}' requires an array value.`);
  const { values } = value.arrayValue;
  if (values.length === 0) throw invalid(`'${op}' requires a non-empty array.`);
  if (values.length > max) throw invalid(`'${op}' supports up to ${max} comparison values.`);
  return values;
}

export function requireReference({ valueType }: Value): void {
  if (valueType !== 'referenceValue') throw invalid(`${NAME} is compared with the names of documents only.`);
}

/** Returns a document's value at a field path; a reference for `__name__`. */
export function readerOf(field: string): (document: StoredDocument) => Value | undefined {
  if (field === NAME) return ({ name }) => ({ valueType: 'referenceValue', referenceValue: name });
  const path = parseFieldPath(field);
  return ({ fields }) => getField(fields, path);
}

import { invalid } from '../rpc.ts';
import { readerOf, type StoredDocument } from './document.ts';
import type { FieldFilter, Filter, Value } from './messages.ts';
import { areComparable, areEqual, compareValues } from './values.ts';

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

interface Operator extends Pick<Condition, 'kind'> {
  readonly matches: (value: Value, operands: readonly Value[]) => boolean;
  /** The largest number of operands of an operator that takes a list. */
  readonly maxOperands?: number;
}

const MAX_DISJUNCTIONS = 30;
const MAX_NOT_IN = 10;

const NULL: Value = { valueType: 'nullValue', nullValue: 'NULL_VALUE' };
const NAN: Value = { valueType: 'doubleValue', doubleValue: Number.NaN };

const range = (accepts: (order: number) => boolean): Operator => ({
  kind: 'inequality',
  matches: (value, operands) =>
    !areEqual(value, NAN) &&
    operands.some((operand) => areComparable(value, operand) && accepts(compareValues(value, operand))),
});
const equals = (value: Value, operands: readonly Value[]) => operands.some((operand) => areEqual(value, operand));
const isAnyOf = (value: Value, operands: readonly Value[]) => !areEqual(value, NULL) && equals(value, operands);
const isNoneOf = (value: Value, operands: readonly Value[]) => !areEqual(value, NULL) && !equals(value, operands);
const containsAnyOf = (value: Value, operands: readonly Value[]) =>
  value.valueType === 'arrayValue' && value.arrayValue.values.some((item) => isAnyOf(item, operands));

const OPERATORS: Readonly<Record<string, Operator>> = {
  LESS_THAN: range((order) => order < 0),
  LESS_THAN_OR_EQUAL: range((order) => order <= 0),
  GREATER_THAN: range((order) => order > 0),
  GREATER_THAN_OR_EQUAL: range((order) => order >= 0),
  EQUAL: { kind: 'equality', matches: equals },
  NOT_EQUAL: { kind: 'inequality', matches: isNoneOf },
  IN: { kind: 'equality', matches: isAnyOf, maxOperands: MAX_DISJUNCTIONS },
  NOT_IN: {
    kind: 'inequality',
    matches: (value, operands) => !equals(NULL, operands) && isNoneOf(value, operands),
    maxOperands: MAX_NOT_IN,
  },
  ARRAY_CONTAINS: { kind: 'contains', matches: containsAnyOf },
  ARRAY_CONTAINS_ANY: { kind: 'contains', matches: containsAnyOf, maxOperands: MAX_DISJUNCTIONS },
};

/** The comparisons that operators without a value stand for. */
const UNARY: Readonly<Record<string, Pick<FieldFilter, 'op' | 'value'>>> = {
  IS_NULL: { op: 'EQUAL', value: NULL },
  IS_NOT_NULL: { op: 'NOT_EQUAL', value: NULL },
  IS_NAN: { op: 'EQUAL', value: NAN },
  IS_NOT_NAN: { op: 'NOT_EQUAL', value: NAN },
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
  if (new Set(alternatives.flat().filter(({ op }) => op.startsWith('NOT'))).size > 1) {
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
  if (fieldFilter) return [[compileCondition(fieldFilter)]];
  if (unaryFilter) return [[compileCondition({ ...unaryFilter, ...UNARY[unaryFilter.op] })]];
  if (!compositeFilter) throw invalid('A filter is empty.');
  const parts = compositeFilter.filters.map(expand);
  if (compositeFilter.op === 'OR') return parts.flat();
  return parts.reduce<readonly Conjunction[]>(
    (products, part) => products.flatMap((left) => part.map((right) => [...left, ...right])),
    [[]],
  );
}

function compileCondition({ field, op, value }: FieldFilter): Condition {
  const { fieldPath = '' } = field ?? {};
  const operator = OPERATORS[op];
  if (!operator || !value) throw invalid(`The filter of ${fieldPath} needs an operator and a value, not ${op}.`);
  const { kind, maxOperands, matches } = operator;
  const operands = maxOperands === undefined ? [value] : listOf(op, value, maxOperands);
  const read = readerOf(fieldPath);
  const matchesDocument = (document: StoredDocument) => {
    const stored = read(document);
    return stored !== undefined && matches(stored, operands);
  };
  return { field: fieldPath, op, kind, operands, matches: matchesDocument };
}

function listOf(op: string, value: Value, max: number): readonly Value[] {
  const values = value.valueType === 'arrayValue' ? value.arrayValue.values : [];
  if (values.length === 0) throw invalid(`'${op}' requires a non-empty array.`);
  if (values.length > max) throw invalid(`'${op}' supports up to ${max} comparison values.`);
  return values;
}

import type { Random } from '../random.ts';

/** Nested schemas deeper than this become empty objects, which ends recursive ones. */
const MAX_DEPTH = 8;

type Schema = Readonly<Record<string, unknown>>;

/** Returns a value that fits a JSON schema, in either spelling of its types (`string`, `STRING`). */
export function sampleOf(schema: unknown, label: string, random: Random): unknown {
  return sample(asSchema(schema), { root: asSchema(schema), name: 'value', label, random, depth: 0 });
}

interface Place {
  /** Holds the definitions that a `$ref` names. */
  readonly root: Schema;
  readonly name: string;
  readonly label: string;
  readonly random: Random;
  readonly depth: number;
}

function sample(given: Schema, place: Place): unknown {
  const schema = resolved(given, place.root);
  const { random, label } = place;
  if ('const' in schema) return schema['const'];
  if (isFilled(schema['enum'])) return random.pick(label, schema['enum']);
  const choice = [schema['anyOf'], schema['oneOf']].find(isFilled);
  if (choice !== undefined && place.depth < MAX_DEPTH) return sample(asSchema(choice[0]), deeper(place, place.name));
  switch (typeOf(schema)) {
    case 'integer':
    case 'number':
      return sampleNumber(schema, place);
    case 'boolean':
      return random.chance(label, 0.5);
    case 'array':
      return sampleArray(schema, place);
    case 'object':
      return sampleObject(schema, place);
    case 'null':
      return null;
    default:
      return `${place.name} ${random.letters(label, 4)}`;
  }
}

function sampleNumber({ minimum, maximum }: Schema, { random, label }: Place): number {
  const low = typeof minimum === 'number' ? minimum : 0;
  const high = typeof maximum === 'number' ? maximum : low + 99;
  return Math.min(Math.ceil(low) + Math.floor(random.fraction(label) * (high - low + 1)), high);
}

function sampleArray({ items, minItems }: Schema, place: Place): unknown[] {
  if (place.depth >= MAX_DEPTH || items === undefined) return [];
  const length = Math.min(Math.max(Number(minItems ?? 1), 1), 100);
  return Array.from({ length }, (_, index) => sample(asSchema(items), deeper(place, `${place.name} ${index + 1}`)));
}

function sampleObject({ properties }: Schema, place: Place): object {
  if (place.depth >= MAX_DEPTH) return {};
  const values = Object.entries(asSchema(properties)).map(([name, schema]) => {
    return [name, sample(asSchema(schema), deeper(place, name))];
  });
  return Object.fromEntries(values) as object;
}

function deeper(place: Place, name: string): Place {
  return { ...place, name, label: `${place.label}/${name}`, depth: place.depth + 1 };
}

function resolved(schema: Schema, root: Schema): Schema {
  const path = typeof schema['$ref'] === 'string' ? schema['$ref'].split('/').slice(1) : [];
  if (path.length === 0) return schema;
  return path.reduce<Schema>((scope, key) => asSchema(scope[key]), root);
}

function typeOf({ type, properties }: Schema): string {
  const [first] = Array.isArray(type) ? (type as unknown[]) : [type];
  if (typeof first === 'string') return first.toLowerCase();
  return properties === undefined ? 'string' : 'object';
}

function asSchema(value: unknown): Schema {
  return typeof value === 'object' && value !== null ? (value as Schema) : {};
}

function isFilled(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0;
}

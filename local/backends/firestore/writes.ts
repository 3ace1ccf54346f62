import { isDeepStrictEqual } from 'node:util';
import { status } from '@grpc/grpc-js';
import { getField, parseFieldPath, withField } from './fieldPath.ts';
import { checkDocumentSize, checkRequestSize, normalizeFields } from './limits.ts';
import type { Fields, Precondition, ProtoTimestamp, Value, Write } from './messages.ts';
import { parseDocumentName } from './names.ts';
import { invalid, StatusError, unimplemented } from './status.ts';
import type { Database, StoredDocument } from './store.ts';
import { fromMicros, toMicros } from './time.ts';
import { applyTransforms } from './transforms.ts';

/** The result of one write. */
interface WriteResult {
  readonly updateTime?: ProtoTimestamp;
  readonly transformResults?: readonly Value[];
}

interface Committed {
  readonly writeResults: readonly WriteResult[];
  readonly commitTime: ProtoTimestamp;
}

/**
 * Applies all writes in their order, or none.
 *
 * @throws StatusError of the first write that is refused.
 */
export function commitWrites(database: Database, writes: readonly Write[]): Committed {
  checkRequestSize(writes);
  const micros = database.now();
  const staged = new Map<string, StoredDocument | undefined>();
  const changed = new Map<string, StoredDocument | undefined>();
  const writeResults = writes.map((write): WriteResult => {
    const { path, name } = targetOf(database, write);
    const before = staged.has(path) ? staged.get(path) : database.get(path, micros);
    checkPrecondition(name, before, write.currentDocument);
    const { after, results } = applyWrite({ path, name, before, write, micros });
    staged.set(path, after);
    if (after !== before) changed.set(path, after);
    return {
      ...(after && { updateTime: fromMicros(after.updateMicros) }),
      ...(results.length > 0 && { transformResults: results }),
    };
  });
  database.apply(changed, micros);
  return { writeResults, commitTime: fromMicros(micros) };
}

function targetOf(database: Database, write: Write): { path: string; name: string } {
  if (write.operation !== 'update' && write.operation !== 'delete') {
    throw write.operation ? unimplemented(`the write operation ${write.operation}`) : invalid('empty write operation');
  }
  const name = write.update?.name ?? write.delete ?? '';
  const { database: named, path } = parseDocumentName(name);
  if (named !== database.name) throw invalid(`Document name "${name}" is not in the database ${database.name}.`);
  return { path, name };
}

function checkPrecondition(
  name: string,
  document: StoredDocument | undefined,
  { exists, updateTime }: Precondition = {},
): void {
  if (exists === true && !document) throw new StatusError(status.NOT_FOUND, `No document to update: ${name}`);
  if (exists === false && document) {
    throw new StatusError(status.ALREADY_EXISTS, `Document already exists: ${name}`);
  }
  if (!updateTime) return;
  const [stored, required] = [document?.updateMicros ?? 0, toMicros(updateTime)];
  if (stored !== required) {
    throw new StatusError(
      status.FAILED_PRECONDITION,
      `the stored version (${stored}) does not match the required base version (${required})`,
    );
  }
}

interface Application {
  readonly path: string;
  readonly name: string;
  readonly before: StoredDocument | undefined;
  readonly write: Write;
  readonly micros: number;
}

interface Applied {
  readonly after: StoredDocument | undefined;
  readonly results: readonly Value[];
}

function applyWrite({ path, name, before, write, micros }: Application): Applied {
  if (!write.update) return { after: undefined, results: [] };
  const given = normalizeFields(write.update.fields);
  const merged = write.updateMask ? merge(before?.fields ?? {}, given, write.updateMask.fieldPaths) : given;
  const { fields, results } = applyTransforms(merged, write.updateTransforms ?? [], micros);
  // A write that changes nothing keeps the update time, and with it the preconditions of others.
  if (before && isDeepStrictEqual(fields, before.fields)) return { after: before, results };
  checkDocumentSize(path, fields);
  const after = { name, path, fields, createMicros: before?.createMicros ?? micros, updateMicros: micros };
  return { after, results };
}

/** Sets the fields of the mask, and removes those that it names but the write does not give. */
function merge(current: Fields, given: Fields, mask: readonly string[]): Fields {
  return mask.map(parseFieldPath).reduce((fields, path) => withField(fields, path, getField(given, path)), current);
}

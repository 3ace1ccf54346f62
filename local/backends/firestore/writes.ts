import { isDeepStrictEqual } from 'node:util';
import { status } from '@grpc/grpc-js';
import { invalid, RpcError, toRpcError, unimplemented } from '../rpc.ts';
import { getField, parseFieldPath, withField } from './fieldPath.ts';
import { checkDocumentSize, checkRequestSize, normalizeFields } from './limits.ts';
import type { Fields, ProtoTimestamp, Value, Write } from './messages.ts';
import type { Database, StoredDocument } from './store.ts';
import { fromMicros, toMicros } from './time.ts';
import { applyTransforms, type Transformed } from './transforms.ts';

/** The result of one write. */
interface WriteResult {
  readonly updateTime?: ProtoTimestamp;
  readonly transformResults: readonly Value[];
}

/**
 * Applies all writes in their order, or none.
 *
 * @throws RpcError of the first write that is refused.
 */
export function commitWrites(database: Database, writes: readonly Write[]) {
  checkRequestSize(writes);
  const micros = database.now();
  const staged = new Map<string, StoredDocument | undefined>();
  const writeResults = writes.map((write): WriteResult => {
    const { update, delete: deleted, operation, currentDocument } = write;
    const name = update?.name ?? deleted;
    if (name === undefined) throw operation ? unimplemented(`the write ${operation}`) : invalid('A write is empty.');
    const path = database.pathOf(name);
    const before = staged.has(path) ? staged.get(path) : database.get(path);
    checkPrecondition(name, before, currentDocument);
    const { fields, results } = update ? fieldsAfter(before, write, micros) : { fields: undefined, results: [] };
    const after = fields && versionOf(before, { name, path, fields, createMicros: micros, updateMicros: micros });
    staged.set(path, after);
    return { ...(after && { updateTime: fromMicros(after.updateMicros) }), transformResults: results };
  });
  const changes = [...staged].filter(([path, after]) => after !== database.get(path));
  database.apply(new Map(changes), micros);
  return { writeResults, commitTime: fromMicros(micros) };
}

/** Applies each write separately: a refused one does not stop the others. */
export function batchWrite(database: Database, writes: readonly Write[]) {
  const names = writes.map((write) => write.update?.name ?? write.delete);
  if (new Set(names).size < names.length) {
    throw invalid('the same document cannot be written more than once in a single request');
  }
  const answers = writes.map((write) => {
    try {
      return { result: commitWrites(database, [write]).writeResults[0], status: {} };
    } catch (error) {
      const { code, message } = toRpcError(error);
      return { result: {}, status: { code, message } };
    }
  });
  return { writeResults: answers.map(({ result }) => result), status: answers.map((answer) => answer.status) };
}

function checkPrecondition(
  name: string,
  document: StoredDocument | undefined,
  required: Write['currentDocument'],
): void {
  const { exists, updateTime } = required ?? {};
  if (exists === true && !document) throw new RpcError(status.NOT_FOUND, `No document to update: ${name}`);
  if (exists === false && document) throw new RpcError(status.ALREADY_EXISTS, `Document already exists: ${name}`);
  const [stored, base] = [document?.updateMicros ?? 0, updateTime && toMicros(updateTime)];
  if (base === undefined || stored === base) return;
  const message = `the stored version (${stored}) does not match the required base version (${base})`;
  throw new RpcError(status.FAILED_PRECONDITION, message);
}

function fieldsAfter(before: StoredDocument | undefined, write: Write, micros: number): Transformed {
  const given = normalizeFields(write.update?.fields ?? {});
  const merged = write.updateMask ? merge(before?.fields ?? {}, given, write.updateMask.fieldPaths) : given;
  const { fields, results } = applyTransforms(merged, write.updateTransforms, micros);
  return { fields: normalizeFields(fields), results };
}

/** A write that changes nothing keeps the update time, and with it the preconditions of others. */
function versionOf(before: StoredDocument | undefined, after: StoredDocument): StoredDocument {
  if (before && isDeepStrictEqual(after.fields, before.fields)) return before;
  checkDocumentSize(after.path, after.fields);
  return before ? { ...after, createMicros: before.createMicros } : after;
}

/** Sets the fields of the mask, and removes those that it names but the write does not give. */
function merge(current: Fields, given: Fields, mask: readonly string[]): Fields {
  return mask.map(parseFieldPath).reduce((fields, path) => withField(fields, path, getField(given, path)), current);
}

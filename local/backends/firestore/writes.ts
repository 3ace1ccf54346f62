import { isDeepStrictEqual } from 'node:util';
import { status } from '@grpc/grpc-js';
import { invalid, RpcError, toRpcError, unimplemented } from '../rpc.ts';
import { getField, parseFieldPath, type StoredDocument, withField } from './document.ts';
import { checkDocumentSize, checkRequestSize, normalizeFields } from './limits.ts';
import { type Fields, fromMicros, toMicros, type Write } from './messages.ts';
import type { Database } from './store.ts';
import { applyTransforms } from './transforms.ts';

/**
 * Applies all writes in their order, or none.
 *
 * @throws RpcError of the first write that is refused.
 */
export function commitWrites(database: Database, writes: readonly Write[]) {
  checkRequestSize(writes);
  const micros = database.now();
  const changes = new Map<string, StoredDocument | undefined>();
  const writeResults = writes.map((write) => {
    const { update, operation, currentDocument } = write;
    const name = update?.name ?? write.delete;
    if (name === undefined) throw operation ? unimplemented(`the write ${operation}`) : invalid('A write is empty.');
    const path = database.pathOf(name);
    const before = changes.has(path) ? changes.get(path) : database.get(path);
    checkPrecondition(name, before, currentDocument);
    const { fields, results } = update
      ? applyUpdate(before?.fields, write, micros)
      : { fields: undefined, results: [] };
    const after = fields && versionOf(before, { name, path, fields, createMicros: micros, updateMicros: micros });
    changes.set(path, after);
    return { updateTime: after && fromMicros(after.updateMicros), transformResults: results };
  });
  database.apply(changes);
  return { writeResults, commitTime: fromMicros(micros) };
}

/** Applies each write separately: a refused one does not stop the others. */
export function batchWrite(database: Database, writes: readonly Write[]): object {
  const outcomes = writes.map((write) => {
    try {
      return { result: commitWrites(database, [write]).writeResults[0], status: {} };
    } catch (error) {
      const { code, message } = toRpcError(error);
      return { result: {}, status: { code, message } };
    }
  });
  return { writeResults: outcomes.map(({ result }) => result), status: outcomes.map((outcome) => outcome.status) };
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

function applyUpdate(current: Fields = {}, { update, updateMask, updateTransforms }: Write, micros: number) {
  const given = normalizeFields(update?.fields ?? {});
  const merged = updateMask ? merge(current, given, updateMask.fieldPaths) : given;
  const { fields, results } = applyTransforms(merged, updateTransforms, micros);
  return { fields: normalizeFields(fields), results };
}

/** Sets the fields of the mask, and removes those that it names but the write does not give. */
function merge(current: Fields, given: Fields, mask: readonly string[]): Fields {
  return mask.map(parseFieldPath).reduce((fields, path) => withField(fields, path, getField(given, path)), current);
}

/** A write that changes nothing keeps the update time, and with it the preconditions of others. */
function versionOf(before: StoredDocument | undefined, after: StoredDocument): StoredDocument {
  if (before && isDeepStrictEqual(after.fields, before.fields)) return before;
  checkDocumentSize(after.path, after.fields);
  return before ? { ...after, createMicros: before.createMicros } : after;
}

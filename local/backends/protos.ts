import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import protobuf, { type INamespace, type Method, type Type } from 'protobufjs/light.js';

/**
 * Loads services from the protocol definitions that a client library ships. The descriptors for reflection, which
 * @grpc/proto-loader adds, take longer than all the rest of a start.
 *
 * Messages are plain objects in which every field is present, except for the members of a oneof, whose own property
 * names the one that is set. An absent message is null. 64-bit integers and enum values are strings, bytes a `Buffer`.
 *
 * @param path the JSON file's path from its package, such as `@google-cloud/firestore/build/protos/v1.json`.
 * @param services full names, such as `google.firestore.v1.Firestore`.
 */
export function loadServices(path: string, ...services: readonly string[]): readonly ServiceDefinition[] {
  const [scope, name, ...file] = path.split('/');
  // A package's `exports` need not name the file, but these packages' name package.json.
  const folder = dirname(createRequire(import.meta.url).resolve(`${scope}/${name}/package.json`));
  const root = protobuf.Root.fromJSON(JSON.parse(readFileSync(join(folder, ...file), 'utf8')) as INamespace);
  return services.map((service) => {
    const methods = root.lookupService(service).methodsArray;
    return Object.fromEntries(methods.map((method) => [method.name, definitionOf(method, service)]));
  });
}

function definitionOf(method: Method, service: string): MethodDefinition<object, object> {
  method.resolve();
  const { name, requestStream = false, responseStream = false } = method;
  const { resolvedRequestType: request, resolvedResponseType: response } = method;
  if (!request || !response) throw new Error(`The messages of ${service}.${name} are not defined.`);
  return {
    path: `/${service}/${name}`,
    originalName: `${name.charAt(0).toLowerCase()}${name.slice(1)}`,
    requestStream,
    responseStream,
    requestSerialize: encoderOf(request),
    requestDeserialize: decoderOf(request),
    responseSerialize: encoderOf(response),
    responseDeserialize: decoderOf(response),
  };
}

function encoderOf(type: Type): (message: object) => Buffer {
  return (message) => Buffer.from(type.encode(type.fromObject(message)).finish());
}

function decoderOf(type: Type): (bytes: Buffer) => object {
  const options = { longs: String, enums: String, bytes: Buffer, defaults: true, oneofs: true };
  return (bytes) => type.toObject(type.decode(bytes), options);
}

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

/** A gRPC server on the loopback interface. */
export interface LocalServer {
  /** The address, `127.0.0.1:port`. */
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** A service and the methods that it implements. grpc-js answers all others UNIMPLEMENTED with the method's name. */
export type ServedService = readonly [definition: ServiceDefinition, methods: UntypedServiceImplementation];

/**
 * Loads a service from the protocol definitions that a client library ships.
 *
 * Messages are plain objects in which every field is present, except for the members of a oneof, whose own property
 * names the one that is set. An absent message is null. 64-bit integers and enum values are strings, bytes a `Buffer`.
 *
 * @param path the JSON file's path from its package, such as `@google-cloud/firestore/build/protos/v1.json`.
 * @param service the full name, such as `google.firestore.v1.Firestore`.
 */
export function loadService(path: string, service: string): ServiceDefinition {
  const [scope, name, ...file] = path.split('/');
  // A package's `exports` need not name the file, but these packages' name package.json.
  const root = dirname(createRequire(import.meta.url).resolve(`${scope}/${name}/package.json`));
  const json = readFileSync(join(root, ...file), 'utf8');
  const options = { longs: String, enums: String, bytes: Buffer, defaults: true, oneofs: true };
  const definition = fromJSON(JSON.parse(json) as Parameters<typeof fromJSON>[0], options)[service];
  if (definition === undefined) throw new Error(`${path} defines no service ${service}.`);
  return definition as ServiceDefinition;
}

/**
 * Serves on 127.0.0.1 only.
 *
 * @param port 0 takes a free one.
 * @param maxRequestBytes larger requests are refused with RESOURCE_EXHAUSTED.
 */
export async function serve(
  services: readonly ServedService[],
  { port = 0, maxRequestBytes }: { port?: number; maxRequestBytes: number },
): Promise<LocalServer> {
  const server = new Server({ 'grpc.max_receive_message_length': maxRequestBytes });
  for (const [definition, methods] of services) server.addService(definition, methods);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, assigned) => {
      if (error) reject(error);
      else resolve(assigned);
    });
  });
  const stop = async (): Promise<void> => server.forceShutdown();
  return { host: `127.0.0.1:${bound}`, port: bound, stop };
}

import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { type Method, Root, type Service as Definition, type Type } from 'protobufjs/light.js';

type Answer = Readonly<Record<string, unknown>>;

/** The emulator of Firestore lets its owner pass any rules. */
const METADATA = new Metadata();
METADATA.set('authorization', 'Bearer owner');

/** A gRPC service: protobufjs writes and reads the messages, grpc-js sends them. Nothing is retried, nothing has a deadline. */
export class Service {
  readonly #definition: Definition;
  readonly #path: string;
  readonly #client: Client;

  constructor(definitions: object, name: string, host = '') {
    this.#definition = Root.fromJSON(definitions).lookupService(name);
    this.#path = `/${name}/`;
    this.#client = new Client(host, credentials.createInsecure());
  }

  async call(method: string, message: object): Promise<Answer> {
    return await new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(...this.#typed(method), message, METADATA, (error, answer) => {
        if (error) reject(error);
        else resolve(answer ?? {});
      });
    });
  }

  async stream(method: string, message: object): Promise<readonly Answer[]> {
    return await new Promise((resolve, reject) => {
      const answers: Answer[] = [];
      this.#client
        .makeServerStreamRequest(...this.#typed(method), message, METADATA)
        .on('data', (answer: Answer) => answers.push(answer))
        .on('error', reject)
        .on('end', () => resolve(answers));
    });
  }

  #typed(name: string) {
    const method = this.#definition.methods[name];
    if (method === undefined) throw new TypeError(`The definitions have no method ${name}.`);
    const { resolvedRequestType, resolvedResponseType } = method.resolve() as Method;
    const [request, response] = [resolvedRequestType as Type, resolvedResponseType as Type];
    const write = (message: object) => request.encode(message).finish() as Buffer;
    const read = (bytes: Buffer) => response.decode(bytes) as unknown as Answer;
    return [`${this.#path}${name}`, write, read] as const;
  }
}

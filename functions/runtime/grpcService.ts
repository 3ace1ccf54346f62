import { grpc } from 'google-gax';
import type { Deadline } from './deadline.ts';
import { CHANNEL_OPTIONS, clientOptions } from './grpcChannel.ts';
import { grpcStatusOf } from './grpcStatus.ts';
import { retrying } from './retry.ts';

/** A client that is generated from the definition of a service. */
interface GeneratedClient {
  /** Resolves with the client's gRPC stub. A client whose initialization has failed fails for good. */
  initialize(): Promise<object>;
  getProjectId(): Promise<string>;
  close(): Promise<void>;
}

type Headers = Readonly<Record<string, string>>;

interface ServiceOptions {
  readonly projectId: string | undefined;
  readonly emulator: string | undefined;
  /** Headers of every call. */
  readonly headers?: Headers;
  /** More settings of the channel. */
  readonly channel?: Readonly<Record<string, string | number>>;
}

interface Connection {
  readonly client: GeneratedClient;
  readonly stub: grpc.Client;
  readonly projectId: string;
}

interface Call<Request> {
  /** The name in the stub: `commit`. */
  readonly method: string;
  readonly request: Request;
  /** Left out, the service's definition writes the request. */
  readonly serialize?: (request: Request) => Buffer;
  readonly headers: Headers;
  /** The end of all attempts; a limit of the channel can end one earlier. */
  readonly deadline: Deadline;
  /** Returns true where the call is repeated until the deadline. */
  readonly isTransient: (status: number) => boolean;
}

/** Shorter than the pauses for other services: the caller waits. */
const PAUSES = { firstMillis: 50, maxMillis: 500 };

/**
 * A service of Google Cloud, called by the stub and with the credentials of its generated client. What the clients' own
 * methods do around their calls was 18 % of a delivery's processor time (docs/design/0010-calls-by-the-stub.md).
 */
export class GrpcService {
  readonly #create: () => GeneratedClient;
  readonly #projectId: string | undefined;
  readonly #headers: Headers;
  #connection: Promise<Connection> | undefined;

  constructor(Client: new (options: ReturnType<typeof clientOptions>) => GeneratedClient, options: ServiceOptions) {
    const { projectId, emulator, headers = {}, channel } = options;
    this.#projectId = projectId;
    this.#headers = headers;
    this.#create = () => new Client({ ...CHANNEL_OPTIONS, ...channel, ...clientOptions(projectId, emulator) });
  }

  /** Loads the service's definition and finds the credentials, as the first call would. */
  async connect(): Promise<Connection> {
    this.#connection ??= this.#connect().catch((error: unknown) => {
      this.#connection = undefined;
      throw error;
    });
    return await this.#connection;
  }

  /** Opens the connection before the first call needs it. A failure appears at that call, which connects again. */
  async open(): Promise<void> {
    await this.connect()
      .then(({ stub }) => stub.getChannel().getConnectivityState(true))
      .catch(() => {});
  }

  async #connect(): Promise<Connection> {
    const client = this.#create();
    const stub = await client.initialize();
    if (!(stub instanceof grpc.Client)) throw new TypeError('The generated client has no gRPC stub.');
    return { client, stub, projectId: this.#projectId ?? (await client.getProjectId()) };
  }

  /** Calls a method that has one request and one response. @throws the last failure, with its gRPC status as `code`. */
  async call<Request, Response>(call: Call<Request>): Promise<Response> {
    const { stub } = await this.connect();
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries({ ...this.#headers, ...call.headers })) metadata.set(name, value);
    return await retrying(async () => await send<Request, Response>(stub, call, metadata), {
      transienceOf: (error) => (call.isTransient(grpcStatusOf(error) ?? grpc.status.OK) ? {} : undefined),
      pauses: PAUSES,
      signal: call.deadline.signal,
    });
  }

  async close(): Promise<void> {
    await (await this.#connection)?.client.close();
  }
}

async function send<Request, Response>(stub: grpc.Client, call: Call<Request>, metadata: grpc.Metadata) {
  const definition = (stub as unknown as Readonly<Record<string, unknown>>)[call.method];
  if (definition === undefined) throw new TypeError(`The gRPC stub has no method ${call.method}.`);
  const { path, requestSerialize, responseDeserialize } = definition as grpc.MethodDefinition<Request, Response>;
  const serialize = call.serialize ?? requestSerialize;
  const options = { deadline: Date.now() + call.deadline.remainingMillis };
  return await new Promise<Response>((resolve, reject) => {
    stub.makeUnaryRequest(path, serialize, responseDeserialize, call.request, metadata, options, (error, response) => {
      if (error) reject(error);
      else resolve(response as Response);
    });
  });
}

/** Returns the header by which Google routes a call, which its clients send with every call. */
export function routedBy(field: string, resource: string): Headers {
  return { 'x-goog-request-params': `${field}=${encodeURIComponent(resource)}` };
}

/** The API key, with the address and version that it is used for. */
export interface GeminiEndpoint {
  readonly apiKey: string;
  readonly baseUrl: URL;
  /** `v1`, `v1beta`. */
  readonly apiVersion: string;
}

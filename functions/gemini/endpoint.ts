/** The API key, and where it is used. */
export interface Access {
  readonly apiKey: string;
  readonly baseUrl: URL;
  /** `v1`, `v1beta`. */
  readonly apiVersion: string;
}

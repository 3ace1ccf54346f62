import type { Webhook } from 'standardwebhooks';
import type { Delivery } from '../model/delivery.ts';
import type { PublicKey } from './publicKey.ts';

/** A callback as received, before anything of it is trusted. */
export interface SignedRequest {
  readonly path: string;
  readonly webhookId: string;
  /** Unix seconds, digits only. */
  readonly timestamp: string;
  readonly signature: string;
  readonly body: Buffer;
}

/** The keys and limits that signatures are checked with. */
export interface Trust {
  /** Returns a signer for each secret of static webhooks. */
  signers(): Promise<readonly Webhook[]>;
  /** Returns the keys that sign the paths of dynamic webhooks. */
  routeKeys(): Promise<readonly string[]>;
  readonly keySet: {
    current(): Promise<readonly PublicKey[]>;
    refresh(known: readonly PublicKey[]): Promise<readonly PublicKey[] | undefined>;
  };
  /** Without one, JWTs are refused. */
  readonly audience: string | undefined;
  readonly toleranceSeconds: number;
}

/** The facts that the signature of a callback proves. */
export interface Verified extends Omit<Delivery, 'receivedAt' | 'traceparent' | 'event'> {
  readonly sentAt: Date;
  /** `true` where it was signed within the tolerance, `false` for a replay of an old delivery. */
  readonly inTime: boolean;
}

import { lookup } from 'node:dns/promises';
import { BlockList, isIPv6 } from 'node:net';
import { rootMessageOf, usageError } from '../errors.ts';

/** Loopback, link-local and private ranges (RFC 1918, RFC 4193, RFC 3927). */
const PRIVATE = new BlockList();
for (const [network, bits] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv4');
PRIVATE.addAddress('::1', 'ipv6');
PRIVATE.addSubnet('fc00::', 7, 'ipv6');
PRIVATE.addSubnet('fe80::', 10, 'ipv6');

/** Reads the URL of a receiver. @throws {CliError} `USAGE` */
export function requireHttpUrl(option: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && ['http:', 'https:'].includes(url.protocol)) return url;
  throw usageError(`${option} ${text} must be an http or https URL, for example http://localhost:3000/hook`);
}

/**
 * Refuses a receiver outside this machine and its private network: events can hold other people's data.
 *
 * @throws {CliError} `USAGE`, also where the name cannot be resolved.
 */
export async function requirePrivate(option: string, url: URL): Promise<void> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const addresses = await lookup(host, { all: true }).catch((error: unknown) => {
    throw usageError(`${option}: ${host} cannot be resolved: ${rootMessageOf(error)}`);
  });
  const foreign = addresses.find(({ address }) => !PRIVATE.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'));
  if (foreign)
    throw usageError(
      `${option}: ${host} is outside this machine and its private network. Allow it with --allow-remote.`,
    );
}

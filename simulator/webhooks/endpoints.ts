import { BlockList, isIPv6 } from 'node:net';
import { z } from 'zod';
import { ApiError } from '../errors.ts';
import type { SettingsValues } from '../settings.ts';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

const privateAddresses = new BlockList();
for (const subnet of [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
]) {
  addSubnet(subnet, 'ipv4');
}
for (const subnet of ['fc00::/7', 'fe80::/10']) addSubnet(subnet, 'ipv6');

/** A URI that deliveries can be sent to, judged by its text. */
export const endpointUri = z
  .string()
  .refine(isEndpoint, 'must be an absolute https URI without credentials or a fragment');

/**
 * Throws INVALID_ARGUMENT for plain http and for addresses that Google could not reach, except on loopback. The API's own
 * rule is unknown (docs/gemini-wire.md 3.2); `any` accepts every URI, for example the name of a container.
 */
export function checkEndpoint(uri: string, endpoints: SettingsValues['api']['endpoints']): void {
  const { protocol, hostname } = new URL(uri);
  if (endpoints === 'any' || LOOPBACK.test(hostname)) return;
  if (protocol === 'https:' && !isPrivate(hostname.replaceAll(/[[\]]/g, ''))) return;
  const rule = `is neither https at a public address nor on loopback (the setting api.endpoints 'any' accepts it)`;
  throw new ApiError('INVALID_ARGUMENT', `The uri ${uri} ${rule}`);
}

function isEndpoint(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || text.includes('#')) return false;
  return /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}

function isPrivate(address: string): boolean {
  return privateAddresses.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function addSubnet(subnet: string, family: 'ipv4' | 'ipv6'): void {
  const [network = '', prefix] = subnet.split('/');
  privateAddresses.addSubnet(network, Number(prefix), family);
}

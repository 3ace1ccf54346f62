import type { Core } from '../core.ts';
import { ApiError } from '../errors.ts';
import type { ApiFaults } from './faults.ts';
import { route } from './route.ts';
import type { Route } from './route.ts';

export function jwksRoute({ keys, settings }: Core, faults: ApiFaults): Route {
  const serve = async () => {
    const { available, latencyMillis } = settings.get().jwks;
    await faults.slowDown(latencyMillis);
    if (!available) throw new ApiError('UNAVAILABLE', 'The setting jwks.available is false.');
    return keys.jwks();
  };
  return route('jwks', 'GET /.well-known/jwks.json', serve, () => true);
}

import { Environment } from '../../functions/config/environment.ts';
import { callbackUrlSetting, firstOf, signingRouteKeys } from '../../functions/config/settings.ts';
import { isRoute, routeUrl } from '../../functions/model/route.ts';
import type { Context } from '../context.ts';
import { usageError } from '../errors.ts';

export async function routeUrlCommand(route: string, context: Context): Promise<void> {
  if (!isRoute(route)) throw usageError(`--route ${route} must be 1 to 64 of A-Z a-z 0-9 _ -`);
  const environment = new Environment(await context.settings('CALLBACK_URL', 'DYNAMIC_ROUTE_KEY'));
  const callbackUrl = callbackUrlSetting(environment);
  const keys = signingRouteKeys(environment);
  environment.requireValid();
  const url = routeUrl(callbackUrl, route, firstOf(keys));
  context.terminal.result({ route, url }, () => url);
}

import { readSettings } from '../../functions/config/environment.ts';
import { callbackUrlSetting, firstOf, signingRouteKeys } from '../../functions/config/settings.ts';
import { isRoute, routeUrl } from '../../functions/model/route.ts';
import type { Context } from '../context.ts';
import { usageError } from '../errors.ts';

export async function routeUrlCommand(route: string, context: Context): Promise<void> {
  if (!isRoute(route)) throw usageError(`--route ${route} must be 1 to 64 of A-Z a-z 0-9 _ -`);
  const variables = await context.settings('CALLBACK_URL', 'DYNAMIC_ROUTE_KEY');
  const url = readSettings(variables, (environment) =>
    routeUrl(callbackUrlSetting(environment), route, firstOf(signingRouteKeys(environment))),
  );
  context.terminal.result({ route, url }, () => url);
}

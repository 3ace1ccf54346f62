import { type InstallationSpec, urlOf } from '../installation.ts';
import { fixed, type Item, type Resource, type Variable } from '../plan.ts';
import { type FoundService, isPublic } from '../revisions.ts';
import { builtImage } from './functions.ts';

/** Returns the four services, on the image of the first. */
export function functions(
  installation: InstallationSpec,
  [first, ...others]: readonly [Resource, ...Resource[]],
): readonly Item[] {
  return [callbackUrl(installation), first, builtImage(installation), ...others];
}

/** Public URL of `geminiCallback`; a value in the environment wins, for example the URL of a load balancer. */
export function callbackUrl(installation: InstallationSpec): Variable {
  return fixed('CALLBACK_URL', urlOf(installation, 'geminiCallback'), { unlessSet: true });
}

/** Makes `geminiCallback` public: its signature check decides who is served. */
export function publicAccess({ gcloud, services, region }: InstallationSpec): Resource {
  const place = [services.geminiCallback, `--region=${region}`];
  return {
    kind: 'resource',
    title: `public access to ${services.geminiCallback}`,
    read: gcloud.read('run', 'services', 'describe', ...place),
    differences: (found: FoundService) => (isPublic(found) ? [] : ['callers without an account are refused']),
    // A binding of allUsers is refused under domain restricted sharing, which new organisations have by default.
    create: [gcloud.run('run', 'services', 'update', ...place, '--no-invoker-iam-check')],
  };
}

import { type InstallationSpec, urlOf } from '../installation.ts';
import { fixed, type Resource, type ShellVariable } from '../plan.ts';
import { type FoundService, isPublic } from '../revisions.ts';

/** Public URL of `geminiCallback`; a value in the environment wins, for example the URL of a load balancer. */
export function callbackUrl(installation: InstallationSpec): ShellVariable {
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

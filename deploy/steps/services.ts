import { type InstallationSpec, urlOf } from '../installation.ts';
import { Gcloud } from '../line.ts';
import { type Resource, type Step, type Variable, variable } from '../plan.ts';
import { release } from '../release.ts';
import { type FoundService, isPublic } from '../revisions.ts';
import { serviceResources } from '../serviceResource.ts';
import { smokeTest } from '../smoke.ts';
import { IMAGE, imageLine } from './functions.ts';

/** The four services, on one image. */
export function functions(installation: InstallationSpec, source: string, isRebuild: boolean): Step {
  const [first, ...others] = serviceResources(installation, source);
  if (first === undefined) throw new Error('There are no functions.');
  const image: Variable = { kind: 'variable', name: IMAGE, value: { read: imageLine(installation) } };
  return {
    name: 'functions',
    title: 'Cloud Run functions',
    needs: ['access', 'repository', 'rules'],
    chains: [[callbackUrl(installation), first, image, ...others]],
    apply: async (shell, terminal) => await release(first, others, { isRebuild }, shell, terminal),
  };
}

/** Public URL of `geminiCallback`; a value in the environment wins, for example the URL of a load balancer. */
export function callbackUrl(installation: InstallationSpec): Variable {
  return variable('CALLBACK_URL', urlOf(installation, 'geminiCallback'), { unlessSet: true });
}

/** Makes `geminiCallback` public: its signature check decides who is served. */
export function publicAccess(installation: InstallationSpec): Step {
  const gcloud = new Gcloud(installation);
  const { services, region } = installation;
  const place = [services.geminiCallback, `--region=${region}`];
  const resource: Resource = {
    kind: 'resource',
    title: `public access to ${services.geminiCallback}`,
    read: gcloud.read('run', 'services', 'describe', ...place),
    differences: (found: FoundService) => (isPublic(found) ? [] : ['callers without an account are refused']),
    // A binding of allUsers is refused under domain restricted sharing, which new organisations have by default.
    create: [gcloud.run('run', 'services', 'update', ...place, '--no-invoker-iam-check')],
  };
  return {
    name: 'public',
    title: 'Public access to geminiCallback',
    needs: ['functions'],
    chains: [[callbackUrl(installation), resource]],
    verify: async (shell) => await smokeTest(shell.valueOf('CALLBACK_URL') ?? '', shell),
  };
}

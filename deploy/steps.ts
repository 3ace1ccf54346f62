import { usageError } from '../cli/errors.ts';
import type { InstallationSpec } from './installation.ts';
import { type Item, itemsOf, type Step } from './plan.ts';
import { release } from './release.ts';
import { serviceResources } from './serviceResource.ts';
import { smokeTest } from './smoke.ts';
import { access } from './steps/access.ts';
import { serviceAccounts } from './steps/accounts.ts';
import { firestoreDatabase, firestoreRules } from './steps/firestore.ts';
import { firestoreIndexes } from './steps/indexesAndTtl.ts';
import { messaging } from './steps/messaging.ts';
import { metrics, monitoring } from './steps/monitoring.ts';
import { apis, projectVariables } from './steps/project.ts';
import { repository } from './steps/repository.ts';
import { secrets } from './steps/secrets.ts';
import { callbackUrl, publicAccess } from './steps/publicAccess.ts';
import { builtImage } from './steps/functions.ts';
import { doctor } from './steps/doctor.ts';
import { schedule } from './steps/scheduler.ts';
import { pushSubscription } from './steps/trigger.ts';
import { webhook } from './steps/webhook.ts';

export interface Selection {
  readonly only?: string;
  readonly skip?: string;
}

type Chains = readonly (readonly Item[])[];

const ofOne = (item: Item): Chains => [[item]];
const eachAlone = (items: readonly Item[]): Chains => items.map((item) => [item]);
const inOrder = (items: readonly Item[]): Chains => [items];

/** Returns all steps, each after those that it needs. Rules of another application end the run early, before indexes. */
export function stepsOf(spec: InstallationSpec, source = '', isRebuild = false): readonly Step[] {
  const services = serviceResources(spec, source);
  const [built, ...others] = services;
  const functions = [callbackUrl(spec), built, builtImage(spec), ...others];
  const step = (name: string, title: string, needs: readonly string[], chains: Chains, more?: Partial<Step>): Step => {
    return { name, title, needs, chains, ...more };
  };
  return [
    step('project', 'APIs of the project', [], inOrder([...projectVariables(spec), apis(spec)])),
    step('firestore', 'Firestore database', ['project'], ofOne(firestoreDatabase(spec))),
    step('rules', 'Firestore rules', ['firestore'], ofOne(firestoreRules(spec))),
    step('indexes', 'Firestore indexes and TTL', ['firestore', 'rules'], inOrder(firestoreIndexes(spec))),
    step('accounts', 'Service accounts', ['project'], eachAlone(serviceAccounts(spec))),
    step('messaging', 'Topics and subscriptions', ['project'], messaging(spec)),
    step('secrets', 'Secrets', ['project'], secrets(spec)),
    step('repository', 'Image repository', ['project'], repository(spec)),
    step('access', 'Roles', ['accounts', 'messaging', 'secrets', 'repository', 'firestore'], access(spec)),
    // Early, because alerts find a new metric only after minutes.
    step('metrics', 'Log-based metrics', ['project'], eachAlone(metrics(spec))),
    step('functions', 'Cloud Run functions', ['access', 'repository', 'rules'], inOrder(functions), {
      apply: async (shell, terminal) => await release(services, { isRebuild }, shell, terminal),
    }),
    step('public', 'Public access to geminiCallback', ['functions'], inOrder([callbackUrl(spec), publicAccess(spec)]), {
      verify: async (shell) => await smokeTest(shell.valueOf('CALLBACK_URL') ?? '', built, shell),
    }),
    step('trigger', 'Push subscription of fetchResults', ['messaging', 'functions'], inOrder(pushSubscription(spec))),
    step('scheduler', 'Schedule of reconcileJobs', ['functions'], inOrder(schedule(spec))),
    step('webhook', 'Webhook at Gemini', ['secrets', 'public'], inOrder(webhook(spec))),
    step('monitoring', 'Alerts and dashboard', ['metrics', 'messaging'], monitoring(spec)),
    step('doctor', 'Doctor', ['webhook', 'trigger', 'scheduler', 'indexes', 'monitoring'], inOrder(doctor(spec))),
  ];
}

/**
 * Selects steps by `--only` and `--skip`. Of the step `project` the variables always stay, because all others use them.
 *
 * @throws {CliError} `USAGE` where a name is not a step.
 */
export function selected(steps: readonly Step[], { only, skip }: Selection): readonly Step[] {
  const names = steps.map(({ name }) => name);
  const [wanted, unwanted] = [only?.split(',') ?? names, skip?.split(',') ?? []];
  const unknown = [...wanted, ...unwanted].filter((name) => !names.includes(name));
  if (unknown.length > 0) throw usageError(`There is no step "${unknown.join(', ')}". Steps: ${names.join(', ')}.`);
  return steps.flatMap((step) => {
    if (wanted.includes(step.name) && !unwanted.includes(step.name)) return step;
    const variables = itemsOf(step).filter(({ kind }) => kind === 'variable');
    return step.name === 'project' ? { ...step, title: 'Project', chains: [variables] } : [];
  });
}

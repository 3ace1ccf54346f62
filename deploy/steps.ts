import { usageError } from '../cli/errors.ts';
import type { InstallationSpec } from './installation.ts';
import { itemsOf, type Step } from './plan.ts';
import { access } from './steps/access.ts';
import { accounts } from './steps/accounts.ts';
import { scheduler, trigger } from './steps/callers.ts';
import { firestore, firestoreRules } from './steps/firestore.ts';
import { doctor, registration } from './steps/gemini.ts';
import { firestoreIndexes } from './steps/indexes.ts';
import { messaging } from './steps/messaging.ts';
import { metrics, monitoring } from './steps/monitoring.ts';
import { project } from './steps/project.ts';
import { repository } from './steps/repository.ts';
import { secrets } from './steps/secrets.ts';
import { functions, publicAccess } from './steps/services.ts';

export interface Selection {
  readonly only?: string;
  readonly skip?: string;
}

/** Returns all steps, each after those that it needs. */
export function stepsOf(installation: InstallationSpec, source = '', isRebuild = false): readonly Step[] {
  return [
    project(installation),
    firestore(installation),
    firestoreRules(installation),
    firestoreIndexes(installation),
    accounts(installation),
    messaging(installation),
    secrets(installation),
    repository(installation),
    access(installation),
    metrics(installation),
    functions(installation, source, isRebuild),
    publicAccess(installation),
    trigger(installation),
    scheduler(installation),
    registration(installation),
    monitoring(installation),
    doctor(installation),
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

import type { InstallationSpec } from '../installation.ts';
import { Gcloud, line } from '../line.ts';
import type { Resource, Step } from '../plan.ts';

/** The Firestore database. */
export function firestore(installation: InstallationSpec): Step {
  return { name: 'firestore', title: 'Firestore database', needs: ['project'], chains: [[databaseOf(installation)]] };
}

/** Security rules. Rules of another application end the run here, before anything else in its database changes. */
export function firestoreRules(installation: InstallationSpec): Step {
  return { name: 'rules', title: 'Firestore rules', needs: ['firestore'], chains: [[rulesOf(installation)]] };
}

const OWN_DATABASE = 'Use a separate database for this installation, for example with --database=gemini.';

function databaseOf(installation: InstallationSpec): Resource {
  const { database, location } = installation;
  const gcloud = new Gcloud(installation);
  const named = `--database=${database}`;
  const databases = (...words: readonly string[]) => gcloud.run('firestore', 'databases', ...words);
  return {
    kind: 'resource',
    title: `database ${database}`,
    read: gcloud.read('firestore', 'databases', 'describe', named),
    differences: ({ type }: { type?: string }) => (type === 'FIRESTORE_NATIVE' ? [] : [`its type is ${type}`]),
    refusal: () => `It is in Datastore mode, which the functions cannot use. ${OWN_DATABASE}`,
    create: [databases('create', named, `--location=${location}`, '--type=firestore-native', '--delete-protection')],
    remove: () => [databases('update', named, '--no-delete-protection'), databases('delete', named)],
    // Databases have no labels, so an older database looks like a new one.
    keptUnless: '--with-database',
  };
}

interface FoundRules {
  readonly isCurrent: boolean;
  readonly isOwned: boolean;
}

/** gcloud has no command for rules. */
function rulesOf({ project, database }: InstallationSpec): Resource {
  const rules = (...words: readonly string[]) =>
    line('npm', 'exec', '--', 'node', 'deploy/rules.ts', ...words, `--project=${project}`, `--database=${database}`);
  return {
    kind: 'resource',
    title: 'rules that deny every web and mobile client',
    read: rules('check'),
    differences: ({ isCurrent }: FoundRules) => (isCurrent ? [] : ['other rules are published']),
    refusal: ({ isOwned }: FoundRules) =>
      isOwned
        ? undefined
        : `The database has the rules of another application. ${OWN_DATABASE} --skip=rules keeps the rules.`,
    create: [rules('publish')],
  };
}

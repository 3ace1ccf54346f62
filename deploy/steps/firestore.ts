import type { InstallationSpec } from '../installation.ts';
import { line } from '../line.ts';
import type { Resource } from '../plan.ts';

const OWN_DATABASE = 'Use a separate database for this installation, for example with --database=gemini.';

export function firestoreDatabase({ gcloud, database, location }: InstallationSpec): Resource {
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

/** Describes the security rules, for which gcloud has no command. */
export function firestoreRules({ project, database }: InstallationSpec): Resource {
  const rules = (...words: readonly string[]) =>
    line(
      'npm',
      'exec',
      '--',
      'node',
      'deploy/publishRules.ts',
      ...words,
      `--project=${project}`,
      `--database=${database}`,
    );
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

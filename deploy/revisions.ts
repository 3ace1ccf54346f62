/** A Cloud Run service as `gcloud run services describe --format=json` shows it. */
export interface FoundService {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly template?: Template };
  readonly status?: {
    readonly latestCreatedRevisionName?: string;
    readonly latestReadyRevisionName?: string;
    readonly traffic?: readonly Target[];
  };
}

interface Target {
  readonly revisionName?: string;
  readonly percent?: number;
  readonly tag?: string;
  readonly url?: string;
}

interface Template {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: {
    readonly serviceAccountName?: string;
    readonly containerConcurrency?: number;
    readonly timeoutSeconds?: number;
    readonly containers?: readonly Container[];
    readonly volumes?: readonly Volume[];
  };
}

interface Container {
  readonly image?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly resources?: { readonly limits?: Readonly<Record<string, string>> };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Volume {
  readonly name: string;
  readonly secret?: {
    readonly secretName: string;
    readonly items?: readonly { readonly key: string; readonly path: string }[];
  };
}

/** Revision that gets all requests, where one does. */
export function servingRevision({ status }: FoundService): string | undefined {
  return status?.traffic?.find(({ percent }) => percent === 100)?.revisionName;
}

/** Revision, or its URL, that a tag names. */
export function revisionTagged({ status }: FoundService, tag: string): Target | undefined {
  return status?.traffic?.find((target) => target.tag === tag);
}

/** Returns true where Cloud Run accepts callers without an account. gcloud writes the annotation as `True`. */
export function isPublic({ metadata }: FoundService): boolean {
  return metadata?.annotations?.['run.googleapis.com/invoker-iam-disabled']?.toLowerCase() === 'true';
}

export function imageOf({ spec }: FoundService): string | undefined {
  return spec?.template?.spec?.containers?.[0]?.image;
}

/** Returns the settings of the latest revision by the names of `settingsOf`. */
export function foundSettings({ metadata, spec }: FoundService, label: string): Readonly<Record<string, string>> {
  const template = spec?.template?.spec;
  const [container] = template?.containers ?? [];
  const mounts = (container?.volumeMounts ?? []).flatMap(({ name, mountPath }) => {
    const secret = template?.volumes?.find((volume) => volume.name === name)?.secret;
    return (secret?.items ?? []).map(({ key, path }) => [
      `secret ${mountPath}/${path}`,
      `${secret?.secretName}:${key}`,
    ]);
  });
  return Object.fromEntries([
    ['source', metadata?.labels?.[label] ?? ''],
    ['service account', template?.serviceAccountName ?? ''],
    ['memory', container?.resources?.limits?.['memory'] ?? ''],
    ['cpu', normalCpu(container?.resources?.limits?.['cpu'])],
    ['ingress', metadata?.annotations?.['run.googleapis.com/ingress'] ?? 'all'],
    ['concurrency', String(template?.containerConcurrency ?? '')],
    ['timeout', String(template?.timeoutSeconds ?? '')],
    ['max-instances', spec?.template?.metadata?.annotations?.['autoscaling.knative.dev/maxScale'] ?? ''],
    ...(container?.env ?? []).map(({ name, value = '' }) => [`variable ${name}`, value]),
    ...mounts,
  ]) as Record<string, string>;
}

/** Cloud Run shows one processor as `1` or as `1000m`. */
function normalCpu(cpu = ''): string {
  return cpu.endsWith('m') ? String(Number(cpu.slice(0, -1)) / 1_000) : cpu;
}

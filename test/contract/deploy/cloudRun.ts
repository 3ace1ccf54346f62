/** Cloud Run of a project as `gcloud run` shows it, for the stand-in of gcloud. */

export type Flags = Readonly<Record<string, readonly string[]>>;

interface Revision {
  readonly name: string;
  readonly isReady: boolean;
  readonly template: object;
}

interface Target {
  readonly revisionName: string;
  readonly percent?: number;
  readonly tag?: string;
  readonly url?: string;
}

export interface CloudService {
  readonly name: string;
  labels: Readonly<Record<string, string>>;
  ingress: string;
  isPublic: boolean;
  /** After a deployment without traffic, later ones get none either. */
  isPinned: boolean;
  serving: string | undefined;
  tags: Map<string, string>;
  revisions: Revision[];
}

/** How new revisions behave, and the URLs of tags. */
interface Behaviour {
  readonly starts: (service: string) => boolean;
  readonly tagUrl: (service: string, tag: string) => string;
}

/** @throws {Error} with gcloud's message where it refuses the deployment. */
export function deployService(
  before: CloudService | undefined,
  name: string,
  flags: Flags,
  digest: string,
  { starts }: Behaviour,
): CloudService {
  const isHeld = 'no-traffic' in flags;
  if (before === undefined && isHeld)
    throw new Error('ERROR: (gcloud.run.deploy) --no-traffic not supported when creating a new service.');
  const service: CloudService = before ?? {
    name,
    labels: {},
    ingress: 'all',
    isPublic: false,
    isPinned: false,
    serving: undefined,
    tags: new Map(),
    revisions: [],
  };
  const isReady = starts(name);
  const revision = {
    name: `${name}-${String(service.revisions.length + 1).padStart(5, '0')}-abc`,
    isReady,
    template: templateOf(flags, digest),
  };
  service.revisions.push(revision);
  service.labels = { ...service.labels, ...pairsOf(flags['labels']?.[0]) };
  service.ingress = flags['ingress']?.[0] ?? service.ingress;
  service.isPinned ||= isHeld;
  service.isPublic ||= 'no-invoker-iam-check' in flags;
  if (isReady && !service.isPinned) service.serving = revision.name;
  const [tag] = flags['tag'] ?? [];
  if (isReady && tag !== undefined) service.tags.set(tag, revision.name);
  return service;
}

function templateOf(flags: Flags, digest: string): object {
  const [limit] = flags['max-instances'] ?? [];
  const mounts = Object.entries(pairsOf(flags['set-secrets']?.[0])).map(([path, version], index) => {
    const [secretName = '', key = ''] = version.split(':');
    const cut = path.lastIndexOf('/');
    return { name: `secret-${index}`, mountPath: path.slice(0, cut), path: path.slice(cut + 1), secretName, key };
  });
  const image = flags['image']?.[0] ?? '';
  return {
    metadata: { annotations: { 'autoscaling.knative.dev/maxScale': limit } },
    spec: {
      serviceAccountName: flags['service-account']?.[0],
      containerConcurrency: Number(flags['concurrency']?.[0]),
      timeoutSeconds: Number(flags['timeout']?.[0]),
      containers: [
        {
          image: 'source' in flags ? `${image}@sha256:${digest}` : image,
          env: Object.entries(pairsOf(flags['set-env-vars']?.[0])).map(([name, value]) => ({ name, value })),
          resources: { limits: { memory: flags['memory']?.[0], cpu: `${Number(flags['cpu']?.[0]) * 1_000}m` } },
          volumeMounts: mounts.map(({ name, mountPath }) => ({ name, mountPath })),
        },
      ],
      volumes: mounts.map(({ name, path, secretName, key }) => ({
        name,
        secret: { secretName, items: [{ key, path }] },
      })),
    },
  };
}

export function describeService(service: CloudService, { tagUrl }: Behaviour): object {
  const { name, labels, ingress, isPublic, serving, tags, revisions } = service;
  const latest = revisions.at(-1);
  const traffic: Target[] = [
    ...(serving === undefined ? [] : [{ revisionName: serving, percent: 100 }]),
    ...[...tags].map(([tag, revisionName]) => ({ revisionName, tag, url: tagUrl(name, tag) })),
  ];
  const invoker = isPublic ? { 'run.googleapis.com/invoker-iam-disabled': 'true' } : {};
  return {
    metadata: { name, labels, annotations: { 'run.googleapis.com/ingress': ingress, ...invoker } },
    spec: { template: latest?.template },
    status: {
      latestCreatedRevisionName: latest?.name,
      latestReadyRevisionName: revisions.findLast(({ isReady }) => isReady)?.name,
      traffic,
    },
  };
}

/** @throws {Error} with gcloud's message where the service has no such revision. */
export function moveTraffic(service: CloudService, flags: Flags): void {
  const revision = flags['to-revisions']?.[0]?.replace('=100', '') ?? service.serving ?? '';
  for (const [tag, name] of Object.entries({ ...pairsOf(flags['update-tags']?.[0]), '': revision })) {
    if (!service.revisions.some((each) => each.name === name))
      throw new Error(`ERROR: (gcloud.run.services.update-traffic) Revision '${name}' not found.`);
    if (tag !== '') service.tags.set(tag, name);
  }
  service.serving = revision;
}

export function pairsOf(text = ''): Record<string, string> {
  const pairs = text.split(',').filter((pair) => pair !== '');
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

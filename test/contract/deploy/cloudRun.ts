/** Cloud Run of a project as `gcloud run` shows it, for the stand-in of gcloud. */

import { type Call, pairsOf } from './gcloudCall.ts';

interface Revision {
  readonly name: string;
  readonly isReady: boolean;
  readonly template: ReturnType<typeof templateOf>;
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

/** @throws {Error} with gcloud's message where it refuses the deployment. */
export function deployService(
  before: CloudService | undefined,
  name: string,
  { flag, flags }: Call,
  { digest, isReady }: { readonly digest: string; readonly isReady: boolean },
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
  const number = String(service.revisions.length + 1).padStart(5, '0');
  const image = flag('image') ?? '';
  const template = templateOf('source' in flags ? `${image}@sha256:${digest}` : image, flag);
  const revision = { name: `${name}-${number}-abc`, isReady, template };
  service.revisions.push(revision);
  service.labels = { ...service.labels, ...pairsOf(flag('labels')) };
  service.ingress = flag('ingress') ?? service.ingress;
  service.isPinned ||= isHeld;
  service.isPublic ||= 'no-invoker-iam-check' in flags;
  if (isReady && !service.isPinned) service.serving = revision.name;
  const tag = flag('tag');
  if (isReady && tag !== undefined) service.tags.set(tag, revision.name);
  return service;
}

function templateOf(image: string, flag: Call['flag']) {
  const mounts = Object.entries(pairsOf(flag('set-secrets'))).map(([path, version], index) => {
    const [secretName = '', key = ''] = version.split(':');
    const cut = path.lastIndexOf('/');
    return { name: `secret-${index}`, mountPath: path.slice(0, cut), path: path.slice(cut + 1), secretName, key };
  });
  return {
    metadata: { annotations: { 'autoscaling.knative.dev/maxScale': flag('max-instances') } },
    spec: {
      serviceAccountName: flag('service-account'),
      containerConcurrency: Number(flag('concurrency')),
      timeoutSeconds: Number(flag('timeout')),
      containers: [
        {
          image,
          env: Object.entries(pairsOf(flag('set-env-vars'))).map(([name, value]) => ({ name, value })),
          resources: { limits: { memory: flag('memory'), cpu: `${Number(flag('cpu')) * 1_000}m` } },
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

export function describeService(service: CloudService, tagUrl: (service: string, tag: string) => string) {
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
export function moveTraffic(service: CloudService, { flag }: Call): void {
  const revision = flag('to-revisions')?.replace('=100', '') ?? service.serving ?? '';
  const tags = Object.entries(pairsOf(flag('update-tags')));
  for (const name of [revision, ...tags.map(([, tagged]) => tagged)])
    if (!service.revisions.some((each) => each.name === name))
      throw new Error(`ERROR: (gcloud.run.services.update-traffic) Revision '${name}' not found.`);
  for (const [tag, name] of tags) service.tags.set(tag, name);
  service.serving = revision;
}

import type { Core } from './core.ts';
import { notFound } from './errors.ts';

const SHOWN_BYTES = 20_000;
const SHOWN_CHARACTERS = 400;

/** The resource of a job as the API answers it, with long values cut, and the start of its output file. */
export function jobResults({ jobs, batches, interactions, videos, files }: Core, name: string): object {
  const job = jobs.list().find((one) => one.name === name);
  if (job === undefined) throw notFound('Job', name);
  if (job.kind === 'interaction') return { resource: shortened(interactions.resource(interactions.get(name))) };
  if (job.kind === 'video') return { resource: videos.resource(name) };
  const batch = batches.get(name.slice('batches/'.length));
  const file = batch.output?.responsesFile;
  const content = file === undefined ? undefined : files.get(file).content;
  const end = Math.min(content?.sizeBytes ?? 0, SHOWN_BYTES);
  const text = content && Buffer.concat([...content.read(0, end)]).toString();
  return { resource: shortened(batches.resource(batch)), output: text };
}

function shortened(resource: object): object {
  const shorten = (_: string, value: unknown): unknown =>
    typeof value === 'string' && value.length > SHOWN_CHARACTERS
      ? `${value.slice(0, SHOWN_CHARACTERS)}… (${value.length} characters)`
      : value;
  return JSON.parse(JSON.stringify(resource, shorten)) as object;
}

import type { BatchOutput } from './jobs/batches.ts';
import type { Core } from './core.ts';
import { notFound } from './errors.ts';

const SHOWN_BYTES = 20_000;
const SHOWN_CHARACTERS = 400;

/** The output of a job as JSON lines, and its resource as the API answers it. Long values are cut. */
export function jobResults(core: Core, name: string): { output: string; resource: object } {
  const { jobs, batches, interactions, videos } = core;
  const job = jobs.list().find((one) => one.name === name);
  if (job === undefined) throw notFound('Job', name);
  if (job.kind === 'video') return { output: '', resource: videos.resource(name) };
  if (job.kind === 'interaction') {
    const interaction = interactions.get(name);
    const resource = shortened(interactions.resource(interaction));
    return { output: jsonLines(interactions.steps(interaction)), resource };
  }
  const batch = batches.get(name.slice('batches/'.length));
  return { output: batchOutput(core, batch.output ?? {}), resource: shortened(batches.resource(batch)) };
}

function batchOutput({ files }: Core, { responsesFile, ...inline }: BatchOutput): string {
  if (responsesFile === undefined) return jsonLines(Object.values(inline).flatMap((one) => one.inlinedResponses));
  const { content } = files.get(responsesFile);
  return Buffer.concat([...content.read(0, Math.min(content.sizeBytes, SHOWN_BYTES))]).toString();
}

function jsonLines(values: readonly object[]): string {
  return values.map((value) => JSON.stringify(shortened(value))).join('\n');
}

function shortened(value: object): object {
  const shorten = (_: string, field: unknown): unknown =>
    typeof field === 'string' && field.length > SHOWN_CHARACTERS
      ? `${field.slice(0, SHOWN_CHARACTERS)}… (${field.length} characters)`
      : field;
  return JSON.parse(JSON.stringify(value, shorten)) as object;
}

import type { ReceivedMessage } from '../project.ts';
import { check, count, heading, shortName } from '../print.ts';
import type { Stage } from '../stage.ts';
import { FAILING_PROMPTS } from './scenes.ts';

const ENDS: ReadonlySet<string | undefined> = new Set(['job.results.completed', 'job.results.failed']);

/** Waits for the results of all jobs, and prints a line for each job and one result in full. */
export async function showResults({
  project,
}: Stage): Promise<{ readonly jobs: number; readonly isComplete: boolean }> {
  heading('Results, published once each to gemini-results');
  const jobs = await project.documentIds('jobs');
  const open = new Set(jobs);
  const messages = await project.messagesUntil('gemini-results', ({ attributes }) => {
    if (ENDS.has(attributes['ce-type'])) open.delete((attributes['job_id'] ?? '').replaceAll('/', '~'));
    return open.size === 0;
  });
  const isAsExpected = messages.filter(({ attributes }) => ENDS.has(attributes['ce-type'])).map(showEnd);
  showInFull(messages.find(({ attributes }) => attributes['ce-type'] === 'job.result'));
  return { jobs: jobs.length, isComplete: isAsExpected.every(Boolean) };
}

function showEnd({ attributes, data }: ReceivedMessage): boolean {
  const { total = 0, ok = 0, error = 0 } = parse(data) as { total?: number; ok?: number; error?: number | object };
  const name = attributes['job_id'] ?? '';
  const errors = name.startsWith('batches/') ? FAILING_PROMPTS : 0;
  const isAsExpected = attributes['ce-type'] === 'job.results.completed' && error === errors && ok === total - errors;
  const counts = typeof error === 'number' ? `${ok} ok, ${error} failed` : JSON.stringify(error);
  const reason = errors > 0 && isAsExpected ? 'as expected: its prompt asks for an error' : '';
  check(isAsExpected, shortName(name), `${count(total, 'result')}: ${counts}`, reason);
  return isAsExpected;
}

function showInFull(message: ReceivedMessage | undefined): void {
  if (message === undefined) return;
  heading('One of them in full: attributes to filter by, and the data');
  for (const [name, value] of Object.entries(message.attributes)) console.log(`  ${name.padEnd(18)} ${value}`);
  console.log(JSON.stringify(parse(message.data), null, 2).replaceAll(/^/gm, '  '));
}

function parse(data: Buffer): unknown {
  return JSON.parse(data.toString('utf8'));
}

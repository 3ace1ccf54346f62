import type { ReceivedMessage } from './project.ts';
import type { LogLine } from './functions.ts';
import { outcomeOf } from './deliveryOutcome.ts';
import { count, paint, shortName } from './print.ts';
import type { FunctionName, Stage } from './stage.ts';

const TYPE_WIDTH = 29;
const NAME_WIDTH = 26;

/** Prints a line for each published event, for each delivery that publishes none, and for the end of each job's results. */
export function printLive({ project, simulator }: Stage): void {
  project.listen('gemini-events', (message) => print('event', ...eventLine(message)));
  project.listen('gemini-results', (message) => {
    const line = resultsLine(message);
    if (line) print('results', ...line);
  });
  simulator.ledger.subscribe((entry) => {
    if (entry.what !== 'attempt') return;
    const { delivery, attempt } = entry;
    const outcome = outcomeOf(attempt.answer);
    if (outcome === 'published') return;
    const name = delivery.jobName ?? delivery.webhookId;
    print('delivery', delivery.eventType, name, paint('yellow', `${attempt.answer?.status ?? ''} ${outcome}`.trim()));
  });
}

/** Prints what a function logs as an error; its refusals of deliveries are in the list already. */
export function printError(name: FunctionName, line: LogLine): void {
  if (['ERROR', 'CRITICAL'].includes(String(line['severity']))) print('error', name, '', String(line['message']));
}

function print(subject: string, type: string, name: string, detail: string): void {
  const time = paint('dim', new Date().toTimeString().slice(0, 8));
  const columns = [subject.padEnd(8), type.padEnd(TYPE_WIDTH), shortName(name).padEnd(NAME_WIDTH), detail];
  console.log(`${time}  ${columns.join(' ').trimEnd()}`);
}

type Line = readonly [type: string, name: string, detail: string];

function eventLine({ attributes }: ReceivedMessage): Line {
  const { event_type: type = '', job_id: job = '', route } = attributes;
  return [type, job, [paint('green', 'published'), route && `route=${route}`].filter(Boolean).join('  ')];
}

/** Single results are left out: a batch can have 100,000. */
function resultsLine({ attributes, data }: ReceivedMessage): Line | undefined {
  const { 'ce-type': type = '', job_id: job = '' } = attributes;
  if (type === 'job.result') return undefined;
  const { total, ok, error } = JSON.parse(data.toString('utf8')) as { total?: number; ok?: number; error?: unknown };
  if (type !== 'job.results.completed') return [type, job, error === undefined ? '' : JSON.stringify(error)];
  return [type, job, `${count(total ?? 0, 'result')}: ${ok} ok, ${String(error)} failed`];
}

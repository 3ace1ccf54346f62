import { afterEach } from 'vitest';
import { LocalProject, type ReceivedMessage } from '../../local/project.ts';
import { exported, problemsOf } from './schemas.ts';

/** Every message that a test pulls, and every record that it reads, is valid by the published schemas. */
LocalProject.inspect = {
  message: (topic, message) => note(`A message on ${topic}`, problemsOfMessage(message)),
  document: (path, data) => {
    const [collection = ''] = path.split('/');
    const schema = SCHEMAS[collection];
    if (schema) note(path, problemsOf(schema, exported(data)));
  },
};

const SCHEMAS: Readonly<Record<string, string>> = {
  deliveries: 'records/delivery',
  jobs: 'records/job',
  submissions: 'records/submission',
};

function problemsOfMessage({ attributes, data }: ReceivedMessage): readonly string[] {
  const problems = problemsOf('messages/attributes', attributes);
  const type = attributes['ce-type'];
  if (type === undefined) return problems;
  const schema = /^job\.(result|action_required)/.test(type) ? `messages/${type}` : 'messages/event';
  return [...problems, ...problemsOf(schema, JSON.parse(data.toString('utf8')))];
}

const found: string[] = [];

/** Collected, since messages are pulled in loops that try again after an error. */
function note(subject: string, problems: readonly string[]): void {
  found.push(...problems.map((problem) => `${subject}: ${problem}`));
}

afterEach(() => {
  const problems = found.splice(0);
  if (problems.length > 0) throw new Error(`Not valid by the published schemas:\n${problems.join('\n')}`);
});

import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';

/** Asks on standard error. An input that ends answers with nothing. `Context.confirm` asks before a change. */
export async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const ended = once(lines, 'close').then(() => '');
  try {
    return (await Promise.race([lines.question(question), ended])).trim();
  } finally {
    lines.close();
  }
}

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const PAGES = ['docs/gemini-wire.md', 'docs/platform.md'];

/** A page, and the numbers of sections after it: `docs/platform.md 6.2`, `docs/platform.md 1.4, 3.3 and 5`. */
const CITATION = /(docs\/(?:gemini-wire|platform)\.md)[\s*/#]+(\d+(?:\.\d+)?(?:(?:, | and )\d+(?:\.\d+)?)*)/g;

/** Names of sections that resolve nowhere in the repository. */
const UNRESOLVED = /\bG \d+\.\d+|platform[\s*/#]+reference/;

const THIS_FILE = 'test/unit/docs/citations.test.ts';

const files = execFileSync('git', ['ls-files', '*.ts', '*.md', '*.py', '*.json', '*.yml'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && path !== THIS_FILE)
  .flatMap((path) => {
    try {
      return [{ path, text: readFileSync(join(ROOT, path), 'utf8') }];
    } catch {
      return []; // Deleted in the work tree, but not yet in the index.
    }
  });

function sectionsOf(page: string): ReadonlySet<string> {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return new Set([...text.matchAll(/^#{2,3} (\d+(?:\.\d+)?) /gm)].map(([, number = '']) => number));
}

describe('citations', () => {
  test('each names a section of its page', () => {
    const sections = new Map(PAGES.map((page) => [page, sectionsOf(page)]));
    const cited = files.flatMap(({ path, text }) =>
      [...text.matchAll(CITATION)].flatMap(([, page = '', numbers = '']) =>
        numbers.split(/, | and /).map((number) => ({ path, page, number })),
      ),
    );
    expect(cited.length).toBeGreaterThan(50);
    expect(cited.filter(({ page, number }) => !sections.get(page)?.has(number))).toEqual([]);
  });

  test('none names a section of a document outside the repository', () => {
    expect(files.filter(({ text }) => UNRESOLVED.test(text)).map(({ path }) => path)).toEqual([]);
  });
});

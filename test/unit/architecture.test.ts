import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = ['tools', 'functions', 'cli', 'deploy', 'local', 'simulator', 'schemas', 'test', '.github'];

/** Folders of the functions: each composes one function, and none uses another. */
const FUNCTION_FOLDERS: ReadonlySet<string | undefined> = new Set(['callback', 'results', 'reconcile', 'submit']);

const MAX_LINES = 300;
const MAX_MEDIAN_LINES = 100;

interface Module {
  readonly text: string;
  /** The modules of the repository that it imports or exports from, type-only ones included. */
  readonly imports: readonly string[];
}

const isOurs = (path: string) => !path.includes('node_modules');

/** Imports and re-exports of relative modules, outside strings and comments as Prettier formats them. */
const IMPORT = /(?:^(?:import|export|\}).*? from |^import |\bimport\()'(\.{1,2}\/[^']+)'/gm;

const modules = new Map<string, Module>(
  globSync(['*.ts', ...FOLDERS.map((folder) => `${folder}/**/*.ts`)], { cwd: ROOT })
    .filter(isOurs)
    .map((path) => {
      const text = readFileSync(join(ROOT, path), 'utf8');
      const imports = [...text.matchAll(IMPORT)].map(([, to = '']) => relative(ROOT, resolve(ROOT, dirname(path), to)));
      return [path, { text, imports }];
    }),
);

const isSource = (path: string) => !path.startsWith('test/');
const sources = [...modules.keys()].filter(isSource);

function edges(): readonly (readonly [from: string, to: string])[] {
  return [...modules].flatMap(([from, { imports }]) => imports.map((to) => [from, to] as const));
}

const partOf = (path: string) => path.split('/', 1)[0] ?? '';
const folderOf = (path: string) => (path.startsWith('functions/') ? path.split('/')[1] : undefined);

test('the modules of the repository are read, and their imports found', () => {
  expect(sources.length).toBeGreaterThan(150);
  expect(edges().length).toBeGreaterThan(500);
  const unknown = edges().filter(([, to]) => to.endsWith('.ts') && !modules.has(to));
  expect(unknown).toEqual([]);
});

describe('arrows point down', () => {
  test('functions/ imports nothing of the command line, the deployer, local tools, the simulator or tests', () => {
    const wrong = edges().filter(([from, to]) => partOf(from) === 'functions' && partOf(to) !== 'functions');
    expect(wrong).toEqual([]);
  });

  test('the simulator imports nothing of the rest', () => {
    const wrong = edges().filter(([from, to]) => partOf(from) === 'simulator' && partOf(to) !== 'simulator');
    expect(wrong).toEqual([]);
  });

  test('product code imports nothing of the tests', () => {
    expect(edges().filter(([from, to]) => isSource(from) && !isSource(to))).toEqual([]);
  });

  test('the folders of functions do not import each other', () => {
    const wrong = edges().filter(([from, to]) => {
      const [ours, theirs] = [folderOf(from), folderOf(to)];
      return FUNCTION_FOLDERS.has(ours) && FUNCTION_FOLDERS.has(theirs) && ours !== theirs;
    });
    expect(wrong).toEqual([]);
  });

  test('what functions share does not import a function', () => {
    const wrong = edges().filter(
      ([from, to]) =>
        from !== 'functions/index.ts' &&
        partOf(from) === 'functions' &&
        !FUNCTION_FOLDERS.has(folderOf(from)) &&
        FUNCTION_FOLDERS.has(folderOf(to)),
    );
    expect(wrong).toEqual([]);
  });

  test('the model does no I/O: it imports the model and pure helpers only', () => {
    const wrong = edges().filter(
      ([from, to]) => folderOf(from) === 'model' && folderOf(to) !== 'model' && to !== 'functions/runtime/sha256.ts',
    );
    expect(wrong).toEqual([]);
  });
});

test('no module imports itself through others, also not for types alone', () => {
  expect(circleIn(new Map([...modules].filter(([path]) => isSource(path))))).toBeUndefined();
});

test('a circle would be found', () => {
  const module = (...imports: string[]) => ({ text: '', imports });
  const circle = new Map([
    ['a', module('b')],
    ['b', module('c')],
    ['c', module('b')],
  ]);
  expect(circleIn(circle)).toEqual(['b', 'c', 'b']);
});

function circleIn(graph: ReadonlyMap<string, Module>): readonly string[] | undefined {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const to of graph.get(path)?.imports ?? []) {
      const circle = visit(to, [...trail, path]);
      if (circle) return circle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of graph.keys()) {
    const circle = visit(path, []);
    if (circle) return circle;
  }
  return undefined;
}

describe('source files', () => {
  const lengths = sources.map((path) => [path, (modules.get(path)?.text ?? '').split('\n').length - 1] as const);

  test(`have at most ${MAX_LINES} lines`, () => {
    expect(lengths.filter(([, lines]) => lines > MAX_LINES)).toEqual([]);
  });

  test.each(['functions', 'cli', 'deploy', 'local', 'simulator'])(
    `of %s have a median below ${MAX_MEDIAN_LINES}`,
    (part) => {
      const sorted = lengths
        .filter(([path]) => partOf(path) === part)
        .map(([, lines]) => lines)
        .toSorted((a, b) => a - b);
      expect(sorted[sorted.length >> 1]).toBeLessThan(MAX_MEDIAN_LINES);
    },
  );
});

const EXPORT = /^export (?:async )?(?:abstract )?(?:function\*?|class|const|interface|type) (\w+)/gm;

/** Modules that users of the package import. */
const PUBLIC = new Set(['schemas/parse.ts']);

test('every export has a user in another file', () => {
  const importers = new Map<string, string[]>();
  for (const [from, to] of edges()) importers.set(to, [...(importers.get(to) ?? []), from]);
  const isUsed = (name: string, home: string) =>
    (importers.get(home) ?? []).some((path) => new RegExp(`\\b${name}\\b`).test(modules.get(path)?.text ?? ''));
  const unused = sources
    .filter((path) => !PUBLIC.has(path))
    .flatMap((path) =>
      [...(modules.get(path)?.text ?? '').matchAll(EXPORT)]
        .map(([, name = '']) => name)
        .filter((name) => !isUsed(name, path))
        .map((name) => `${path}: ${name}`),
    );
  expect(unused).toEqual([]);
});
